# SPDX-License-Identifier: BSD-2-Clause
"""Page tables of five levels beside Linux: slots lie beyond all addresses that Linux knows (docs/smartmap.md)."""
import pytest
from stilllib.guestlib import Guest
from stilllib.qemu import Machine
from test_peers import PEERS, expect_ok, run_ranks

XPMEM = PEERS.replace("/peers", "/xpmem")


@pytest.fixture
def far(no_lwk):
    no_lwk.check(["ihkosctl", "up", "--cpus", "1-3", "--mem", "1g", "--kargs", "la57"])
    assert "page tables of five levels" in no_lwk.kmsg()
    yield no_lwk
    no_lwk.run(["pkill", "-9", "mcexec"])
    no_lwk.down()


def test_peers_see_all_of_each_other(far):
    """The program is laid out as ever: position independent, its stack below 1 << 47."""
    expect_ok(run_ranks(far, 3, PEERS, "2"))
    expect_ok(run_ranks(far, 2, PEERS, "0", "exec"))
    results = run_ranks(far, 2, XPMEM)
    assert [(r.status, r.stdout) for r in results] == [(0, f"ok xpmem {rank}\n") for rank in range(2)], results
    show = far.run(["mcexec", "-n", "2", "--rank", "1", "--smartmap=x", "cat", "/proc/self/status", "/proc/self/maps"])
    assert "SmartmapRank:\t1\nSmartmapSize:\t2\nSmartmapShift:\t48\n" in show.stdout
    heap = next(line for line in show.stdout.splitlines() if line.endswith("[heap]"))
    stack = next(line for line in show.stdout.splitlines() if line.endswith("[stack]"))
    assert int(heap.split("-")[0], 16) >> 40 == 0x55 and int(stack.split("-")[0], 16) >> 44 == 0x7, show.stdout


def test_others_run_as_ever(far):
    assert far.mcexec("bash", "-c", "seq 1 1000 | sort -r | tail -1; exit 3").status == 3
    assert "Smartmap" not in far.mcexec("cat", "/proc/self/status").stdout
    far.check(["ihkosctl", "reboot", "0"])
    assert far.mcexec("python3", "-c", "import threading as t\n"
                      "[x.start() for x in [t.Thread(target=print, args=('x',)) for _ in range(5)]]").status == 0


def test_it_is_refused_where_the_cpus_have_four():
    guest = Guest(Machine(smp=2, mem="1G", extra=["-cpu", "max,-erms,-la57"])).start()
    try:
        guest.load_module()
        refused = guest.run(["ihkosctl", "up", "--cpus", "1", "--mem", "128m", "--kargs", "la57"])
        assert refused.status != 0
        assert "la57: these CPUs have no page tables of five levels" in refused.stderr, refused
        guest.check(["ihkosctl", "up", "--cpus", "1", "--mem", "128m"])
        assert guest.mcexec("echo", "four").stdout == "four\n"
    finally:
        guest.stop()
