# SPDX-License-Identifier: BSD-2-Clause
"""SMARTMAP: processes of one group, each with the others' memory in its slots (docs/smartmap.md)."""
import signal
from pathlib import Path

import pytest
from stilllib.books import settled_bytes
from stilllib.shell_out import wait_until

PEERS = str(Path(__file__).resolve().parents[2] / "build/gcc/tests/guest/peers")


def run_ranks(lwk, count, *words, name="tests", timeout=90):
    ranks = [lwk.spawn(["mcexec", "-n", str(count), "--rank", str(rank), f"--smartmap={name}", *words])
             for rank in range(count)]
    return [rank.wait(timeout) for rank in ranks]


def expect_ok(results):
    for rank, result in enumerate(results):
        assert result.status == 0, results
        assert result.stdout.splitlines()[-1] == f"ok peers {rank}", results


@pytest.mark.parametrize("count", [1, 2, 5])
def test_peers_see_each_other(lwk, count):
    expect_ok(run_ranks(lwk, count, PEERS, "0"))


def test_what_a_member_executes_has_its_rank(lwk):
    expect_ok(run_ranks(lwk, 2, PEERS, "0", "exec"))
    expect_ok(run_ranks(lwk, 2, "bash", "-c", f"exec {PEERS} 0"))


def test_no_stale_page_is_seen(lwk):
    free = settled_bytes(lwk)
    expect_ok(run_ranks(lwk, 3, PEERS, "5"))
    assert settled_bytes(lwk) >= free - (1 << 20)


def test_a_group_is_one_users_and_a_rank_one_processs(lwk):
    sleeper = lwk.spawn(["mcexec", "-n", "2", "--rank", "0", "--smartmap=tests", "sleep", "60"])
    wait_until(lambda: lwk.status()["processes"] == 1, 10)
    again = lwk.run(["mcexec", "-n", "2", "--rank", "0", "--smartmap=tests", "true"])
    assert again.status == 125 and "has a process of that rank already" in again.stderr, again
    assert lwk.run(["mcexec", "-n", "2", "--rank", "0", "--smartmap=others", "true"]).status == 0
    lwk.run(["pkill", "-KILL", "-x", "sleep"])
    assert sleeper.wait(10).status == 128 + signal.SIGKILL
    assert lwk.run(["mcexec", "-n", "2", "--rank", "0", "--smartmap=tests", "true"]).status == 0


def test_ranks_of_an_open_group_are_given_as_they_come(lwk):
    ask = ["env", "LD_SHOW_AUXV=1", "true"]
    result = lwk.run(["mcexec", "--smartmap=open", *ask])
    assert result.status == 0 and "0x53544c03" in result.stdout.lower(), result
    assert "0x53544c03" not in lwk.mcexec(*ask).stdout.lower()


def test_memory_is_exported_and_attached(lwk):
    xpmem = str(Path(PEERS).with_name("xpmem"))
    results = run_ranks(lwk, 2, xpmem)
    assert [(r.status, r.stdout) for r in results] == [(0, f"ok xpmem {rank}\n") for rank in range(2)], results
    assert lwk.mcexec(xpmem).stdout == "ok xpmem: not here\n"


FAR = """
import ctypes, os, sys, time
libc, other, calls = ctypes.CDLL(None, use_errno=True), int(sys.argv[1]), 0x53544c50
mine, post = ctypes.create_string_buffer(b"from afar", 16), ctypes.c_uint64()
libc.prctl(calls, 3, ctypes.c_void_p(ctypes.addressof(mine)), 0, 0)
assert libc.prctl(calls, 1, ctypes.c_ulong(other), ctypes.c_long(30000), 0) == 0
while libc.prctl(calls, 4, ctypes.c_ulong(other), ctypes.byref(post), 0) != 0:
    time.sleep(0.01)
at = (other + 1 << 39) + post.value
assert ctypes.string_at(at) == b"from afar"
out, into = os.pipe()
assert libc.write(into, ctypes.c_void_p(at), ctypes.c_size_t(9)) == 9 and os.read(out, 9) == b"from afar"
os.write(into, b"seen")
assert libc.read(out, ctypes.c_void_p(at), ctypes.c_size_t(4)) == 4
while mine.raw[:9] != b"seen afar":
    time.sleep(0.01)
print("ok")
time.sleep(2)
"""


@pytest.mark.parametrize("rank", [169, 253, 254])  # where mcexec's own heap and mcexec itself might lie
def test_the_highest_slots_are_seen_by_linux_too(lwk, rank):
    ranks = [lwk.spawn(["mcexec", "-n", "255", "--rank", str(own), "--smartmap=far", "python3", "-c", FAR, str(other)])
             for own, other in ((0, rank), (rank, 0))]
    for result in [rank.wait(60) for rank in ranks]:
        assert (result.status, result.stdout) == (0, "ok\n"), result
