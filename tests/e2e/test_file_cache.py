# SPDX-License-Identifier: BSD-2-Clause
"""What one process has read of a file, the next one finds in the LWK; and memory is still to be had."""


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

    def drop():
        lwk.run(["ihkosctl", "0", "drop_cache"])
        assert lwk.status()["cached_bytes"] == 0

    lwk.mcexec("python3", "-c", "import json")
    drop()
    before = free()
    lwk.mcexec("python3", "-c", "import json, os; os.wait() if os.fork() else None")
    assert lwk.status()["cached_bytes"] > 1 << 20
    assert free() == before  # what is cached counts as free
    drop()
    assert free() == before


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
