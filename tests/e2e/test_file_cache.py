# SPDX-License-Identifier: BSD-2-Clause
"""What one process has read of a file, the next one finds in the LWK; and memory is still to be had."""
import time

from stilllib.books import settled_bytes
from stilllib.paths import GCC
from stilllib.shell_out import wait_until


def test_the_second_run_reads_nothing(lwk):
    lwk.mcexec("/bin/true")
    before = lwk.status()
    assert before["cached_bytes"] > 0
    lwk.mcexec("/bin/true")
    after = lwk.status()
    assert after["fills"] - before["fills"] <= 2, (before, after)
    assert after["cached_bytes"] >= before["cached_bytes"]


def test_dropping_it_gives_every_page_back(lwk):
    def free():
        status = lwk.status()
        return sum(node["free_bytes"] for node in status["nodes"]) + status["kept_bytes"]

    lwk.mcexec("python3", "-c", "import json")
    before = settled_bytes(lwk)
    assert lwk.status()["cached_bytes"] == 0
    lwk.mcexec("python3", "-c", "import json, os; os.wait() if os.fork() else None")
    assert lwk.status()["cached_bytes"] > 1 << 20
    # What is cached counts as free. What the last thread leaves is told with the next sign of life, some seconds later.
    assert wait_until(lambda: free() == before, 10, 0.5), free() - before
    assert settled_bytes(lwk) == before
    assert lwk.status()["cached_bytes"] == 0


def test_programs_get_the_memory_that_it_takes(lwk):
    """More than is free without the cache, in small pages and large ones."""
    lwk.mcexec("gcc", "--version")
    lwk.sh("mcexec python3 -c '"
           "import mmap; f = open(\"/usr/lib/gcc/x86_64-linux-gnu/12/cc1\", \"rb\"); "
           "m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE | 0x8000); print(len(m[::4096]))'")
    status = lwk.status()
    cached = status["cached_bytes"]
    assert cached > 16 << 20, status
    take = status["nodes"][0]["free_bytes"] - (8 << 20)
    result = lwk.mcexec("python3", "-c", f"""
import mmap
size = {take} - (24 << 20)
whole = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for at in range(0, size, 4096):
    whole[at] = 1
print("all")
""", timeout=120)
    assert result.stdout == "all\n", result
    assert lwk.status()["cached_bytes"] < cached


CUT = """
import mmap, os, sys, time
path = sys.argv[1]
with open(path, "wb") as file:
    file.write(b"x" * (64 << 12))
with open(path, "rb") as file:
    maps = [mmap.mmap(file.fileno(), 64 << 12, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
            for i in range(int(sys.argv[2]))]
for at in maps:
    at[40 << 12] = 1
os.fork(), os.fork()
print("go", flush=True)
os.read(0, 1)
print("kept", sum(at[0] for at in maps) // len(maps), flush=True)
end = time.monotonic() + 10
while time.monotonic() < end:
    maps[-1][40 << 12]
print("still there", flush=True)
"""


def test_who_has_mapped_what_linux_cuts_off_gets_sigbus(lwk):
    """The file is cut off by a program of Linux's, again and again, under four processes with many mappings of it."""
    command = lwk.spawn(["mcexec", "python3", "-c", CUT, "/tmp/cut", "50"])
    assert wait_until(lambda: command.stdout.count("go") == 4, 20), command.stdout
    lwk.check(["python3", "-c", "import os\nfor i in range(3000): os.truncate('/tmp/cut', (1 + i % 2) << 12)"])
    command.write(b"1234")
    result = command.wait(20)
    assert result.status == 128 + 7 and result.stdout.count("kept 120") == 4 and "there" not in result.stdout, result
    assert wait_until(lambda: lwk.status()["processes"] == 0, 10)
    assert lwk.run(["rm", "/tmp/cut"]).status == 0


LOOK = """
import mmap, sys
with open(sys.argv[1], "rb") as file:
    print(mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)[:3].decode())
"""
STORE = """
import mmap, sys
with open(sys.argv[1], "r+b") as file:
    shared = mmap.mmap(file.fileno(), 0)
shared[0]
shared[:3] = b"new"
"""


def seen(lwk, path):
    return lwk.mcexec("python3", "-c", LOOK, path).stdout


def old_file(lwk, path):
    lwk.check(["python3", "-c", f"open('{path}', 'wb').write(b'old' + bytes(1 << 16))"])
    time.sleep(3)  # a file that was just changed is read each time


def test_a_store_that_changes_no_time_is_seen(lwk):
    """On a tmpfs, after a read of the page."""
    old_file(lwk, "/tmp/stored")
    assert seen(lwk, "/tmp/stored") == seen(lwk, "/tmp/stored") == "old\n"
    lwk.check(["python3", "-c", STORE, "/tmp/stored"])
    assert seen(lwk, "/tmp/stored") == "new\n"
    assert lwk.run(["rm", "/tmp/stored"]).status == 0


def test_a_store_by_a_pin_that_outlives_its_mapping_is_seen(lwk):
    old_file(lwk, "/tmp/pinned")
    program = GCC / "tests" / "guest" / "pinned_file"
    command = lwk.spawn([str(program), "/tmp/pinned"])
    assert wait_until(lambda: "pinned" in command.stdout, 10), command.stdout
    time.sleep(3)
    assert seen(lwk, "/tmp/pinned") == seen(lwk, "/tmp/pinned") == "old\n"
    command.write(b"1")
    assert wait_until(lambda: "stored" in command.stdout, 10), command.stdout
    assert seen(lwk, "/tmp/pinned") == "new\n"
    command.write(b"1")
    assert command.wait(10).status == 0
    assert lwk.run(["rm", "/tmp/pinned"]).status == 0
