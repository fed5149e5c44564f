# SPDX-License-Identifier: BSD-2-Clause
"""What docs/containment.md promises and no other file tries."""
import json
import time

import pytest
from stilllib.progress import StillError
from stilllib.shell_out import wait_until

SHARES = """
import mmap, sys
with open("/tmp/shared", "wb") as file: file.write(b"old" * 4096)
with open("/tmp/shared", "r+b") as file: area = mmap.mmap(file.fileno(), 4096)
print(area[:3], flush=True)
while len(sys.argv) > 1: area[:1]
sys.stdin.readline()"""


def started(lwk, *argv, word="go"):
    command = lwk.spawn(list(argv))
    assert wait_until(lambda: word in command.stdout or not command.is_running, 30)
    assert command.is_running, command.wait()
    return command


def of_programs(lwk):
    usage = json.loads(lwk.check(["ihkosctl", "0", "get", "usage", "--json"]))
    return sum(size for node in usage["nodes"] for size in node["programs"].values())


def test_linux_does_not_wait_for_a_hung_lwk(lwk):
    """It takes a page of a file away that a CPU has mapped which never flushes again. Here the watch is later."""
    parameter = "/sys/module/stillcore/parameters/hang_seconds"
    lwk.check(["sh", "-c", f"echo 60 > {parameter}"])
    command = started(lwk, "mcexec", "-c", "0", "python3", "-c", SHARES, word="old")
    lwk.run(["ihkosctl", "0", "inject", "hang"])
    began = time.monotonic()
    lwk.check(["python3", "-c", "import os; os.truncate('/tmp/shared', 0)"], timeout=60)
    assert time.monotonic() - began < 30
    assert wait_until(lambda: lwk.state() == "HUNGUP", 30)
    lwk.check(["sh", "-c", f"echo 10 > {parameter}"])
    who = "it does not acknowledge an invalidation: LWK CPU 0 (Linux's 2) is in the kernel with interrupts off, at 0x"
    assert who in lwk.status()["panic"], lwk.status()
    assert command.wait(20).status == 70
    lwk.check(["ihkosctl", "reboot"])
    assert lwk.mcexec("echo", "fine").stdout == "fine\n"


def test_linuxs_oom_killer_takes_what_it_was_told_to(lwk):
    """The program's score is its proxy's. Whom it kills is gone from the LWK, too, and others go on."""
    victim = started(lwk, "choom", "-n", "1000", "--", "mcexec", "python3", "-c",
                     "x = bytearray(64 << 20); print(open('/proc/self/oom_score_adj').read(), 'go', flush=True)\n"
                     "while True: pass")
    other = lwk.spawn(["mcexec", "python3", "-c", "input(); print('still here')"])
    assert victim.stdout == "1000\n go\n"
    assert of_programs(lwk) > 64 << 20
    lwk.check(["sh", "-c", "echo f > /proc/sysrq-trigger"])
    assert victim.wait(20).status == 137
    assert wait_until(lambda: of_programs(lwk) < 64 << 20, 20)
    other.write(b"\n")
    assert other.wait(20).stdout == "still here\n"
    complaints = lwk.complaints()  # Linux shows the caller's stack
    assert all("Call Trace" in line or "invoked oom-killer" in line for line in complaints), complaints


ENDS = {
    "panic": "echo 8 > /proc/sys/kernel/printk; echo c > /proc/sysrq-trigger",
    "reboot": "python3 -c 'import ctypes; ctypes.CDLL(None).reboot(0x1234567)'",
}


@pytest.mark.parametrize("how", sorted(ENDS))
def test_linux_stops_the_cpus_before_it_ends(boots, how):
    guest = boots.get()
    guest.load_module()
    guest.ensure_up()
    started(guest, "mcexec", "python3", "-c", "print('go', flush=True)\nwhile True: pass")
    with pytest.raises((StillError, TimeoutError)):
        guest.run(["sh", "-c", ENDS[how]], timeout=30)
    assert wait_until(lambda: not guest.is_alive(), 30)
    console = guest.session.console.read_text(errors="replace")
    _, crashed, after = console.partition("sysrq triggered crash")
    if how == "panic":
        assert "stillcore: the CPUs of instance 0 are stopped" in after, console[-3000:]
    else:
        assert not crashed and "Oops" not in console and "Kernel panic" not in console, console[-3000:]


def test_linux_runs_short_of_memory_in_each_step(no_lwk):
    """A reservation of more than there is, under pressure: all is undone, and the message names the step."""
    before = no_lwk.accounts()
    for mem, word in (("all@0", None), ("64g@0", "more than it has")):
        result = no_lwk.run(["ihkosctl", "up", "--mem", mem], timeout=120)
        if word is None:
            if result.status == 0:
                assert no_lwk.mcexec("echo", "fine").stdout == "fine\n"
                no_lwk.down()
                continue
            assert "step '" in result.stderr, result
        else:
            assert result.status == 1 and word in result.stderr, result
    after = no_lwk.accounts()
    assert after["pages_held"] == 0 and after["cpus_held"] == 0
    assert after["pages_taken"] - before["pages_taken"] == after["pages_returned"] - before["pages_returned"]
