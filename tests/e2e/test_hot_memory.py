# SPDX-License-Identifier: BSD-2-Clause
"""Memory comes to a running instance and goes from it, under programs that use it."""
import time

import pytest

MIB = 1 << 20


def node(lwk):
    return lwk.status()["nodes"][0]


def ihk(lwk, *words):
    return lwk.run(["ihkosctl", "0", *words])


@pytest.fixture
def small(no_lwk):
    """An instance of 256 MiB, and 256 MiB that are reserved and nobody's."""
    guest = no_lwk
    before = guest.accounts()
    guest.up("--mem", "256m")
    guest.check(["ihkconfig", "0", "reserve", "mem", "256m@0"])
    yield guest
    guest.run(["pkill", "-9", "mcexec"])
    guest.down()
    left = guest.check(["ihkconfig", "0", "query", "mem"]).strip()
    if left:
        guest.check(["ihkconfig", "0", "release", "mem", left])
    after = guest.accounts()
    assert after["pages_held"] == 0
    assert after["pages_taken"] - before["pages_taken"] == after["pages_returned"] - before["pages_returned"]


def eat(lwk, mib):
    """A program that has so much memory; its number of bytes if all of it is good."""
    program = f"""
import mmap, sys
private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS  # what is shared is Linux's
area, block = mmap.mmap(-1, {mib} << 20, flags=private), bytes(range(256)) * 4096
for at in range(0, len(area), 1 << 20): area[at:at + (1 << 20)] = block
print("go", flush=True)
sys.stdin.readline()
print(sum(area[at:at + (1 << 20)] == block for at in range(0, len(area), 1 << 20)) << 20)"""
    return lwk.spawn(["mcexec", "python3", "-c", program])


def wait_for(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.1)


def test_it_comes_and_goes(small):
    before = node(small)
    assert small.mcexec("python3", "-c", "bytearray(300 << 20)").status != 0
    assert ihk(small, "assign", "mem", "256m@0").status == 0
    after = node(small)
    assert after["total_bytes"] - before["total_bytes"] == 256 * MIB
    assert 252 * MIB <= after["free_bytes"] - before["free_bytes"] <= 256 * MIB, (before, after)
    assert ihk(small, "query", "mem").stdout.strip() == "512m@0"
    hungry = eat(small, 320)
    wait_for(lambda: "go" in hungry.stdout or not hungry.is_running, 60)
    refused = ihk(small, "release", "mem", "256m@0")
    assert refused.status == 1 and "are in use" in refused.stderr and "could go" in refused.stderr, refused
    assert node(small)["total_bytes"] == after["total_bytes"]
    hungry.write(b"\n")
    assert hungry.wait(60).stdout.endswith(f"{320 * MIB}\n")
    assert ihk(small, "release", "mem", "256m@0").status == 0
    assert node(small)["total_bytes"] == before["total_bytes"]
    assert ihk(small, "query", "mem").stdout.strip() == "256m@0"
    assert small.mcexec("echo", "fine").stdout == "fine\n"


def test_it_comes_back_again_and_again(small):
    total = node(small)["total_bytes"]
    for size in (64, 4, 128, 256, 12):
        assert ihk(small, "assign", "mem", f"{size}m@0").status == 0
        assert node(small)["total_bytes"] == total + size * MIB
        assert ihk(small, "release", "mem", f"{size}m@0").status == 0
        assert node(small)["total_bytes"] == total
    kept = small.status()["kept_bytes"]
    for _ in range(5):
        assert ihk(small, "assign", "mem", "256m@0").status == 0
        assert ihk(small, "release", "mem", "256m@0").status == 0
    assert small.status()["kept_bytes"] - kept <= 4 * MIB
    assert small.mcexec("echo", "fine").stdout == "fine\n"


def test_it_comes_and_goes_under_a_program_that_works(small):
    program = """
import os
for i in range(100000):
    data = os.urandom(4096) * 2048
    assert data[:4096] == data[-4096:]
    if os.path.exists("/tmp/enough"): break
print("good")"""
    small.run(["rm", "-f", "/tmp/enough"])
    working = [small.spawn(["mcexec", "python3", "-c", program]) for _ in range(2)]
    for _ in range(15):
        assert ihk(small, "assign", "mem", "128m@0").status == 0
        time.sleep(0.2)
        assert ihk(small, "release", "mem", "128m@0").status == 0
    small.run(["touch", "/tmp/enough"])
    for command in working:
        assert command.wait(60).stdout == "good\n"


def test_what_goes_is_zero_and_reboots_and_dumps_go_on(small):
    assert ihk(small, "assign", "mem", "128m@0").status == 0
    assert ihk(small, "release", "mem", "64m@0").status == 0
    result = ihk(small, "dump", "/tmp/hot.core")
    assert result.status == 0 and "of 320.0 MiB" in result.stderr, result
    small.check(["ihkosctl", "reboot"])
    assert node(small)["total_bytes"] == 320 * MIB
    assert small.mcexec("echo", "fine").stdout == "fine\n"


def test_what_is_refused(small):
    for words, text in ((("assign", "mem", "512m@0"), "256"), (("assign", "mem", "3m@0"), "4 MiB"),
                        (("release", "mem", "all@0"), "at a time"), (("release", "mem", "4g@0"), "in use"),
                        (("assign", "mem", "64m@5"), "node 5")):
        result = ihk(small, *words)
        assert result.status == 1 and text in result.stderr, result
    assert node(small)["total_bytes"] == 256 * MIB
    assert small.mcexec("echo", "fine").stdout == "fine\n"
