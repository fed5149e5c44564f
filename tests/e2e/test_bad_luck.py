# SPDX-License-Identifier: BSD-2-Clause
"""What breaks, breaks alone: the rest goes on, and all comes back."""
import re
import time

import pytest

SPIN = ["mcexec", "python3", "-c", "print('go', flush=True)\nwhile True: pass"]
HOLD = ["mcexec", "python3", "-c", "x = bytearray(64 << 20); print('go', flush=True); import sys; sys.stdin.read()"]

# Bytes that the LWK's caches of its own objects may have grown by: less than a process needs.
CACHES = 256 << 10


def wait_for(condition, seconds=15):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


def free_bytes(lwk):
    return sum(node["free_bytes"] for node in lwk.status()["nodes"])


def started(lwk, argv):
    command = lwk.spawn(argv)
    wait_for(lambda: "go" in command.stdout or not command.is_running)
    assert command.is_running, command.wait()
    return command


@pytest.mark.parametrize("argv", [SPIN, HOLD], ids=["computing", "blocked"])
def test_kill_9_ends_the_process_and_frees_its_memory(lwk, argv):
    lwk.mcexec("true")
    before = free_bytes(lwk)
    command = started(lwk, argv)
    assert free_bytes(lwk) < before
    command.kill(9)
    assert command.wait(10).status == 137
    wait_for(lambda: lwk.status()["processes"] == 0)
    wait_for(lambda: before - free_bytes(lwk) <= CACHES)
    wait_for(lambda: all(cpu["mode"] == "idle" for cpu in lwk.status()["cpus"]))
    assert lwk.mcexec("echo", "fine").stdout == "fine\n"


def test_kill_9_at_any_time(lwk):
    lwk.mcexec("true")
    before = free_bytes(lwk)
    for delay in range(0, 400, 25):
        command = lwk.spawn(["mcexec", "python3", "-c", "import json, re\nwhile True: re.compile('a' * 50)"])
        time.sleep(delay / 1000)
        command.kill(9)
        command.wait(10)
    wait_for(lambda: lwk.status()["processes"] == 0)
    wait_for(lambda: before - free_bytes(lwk) <= CACHES)
    assert lwk.mcexec("echo", "fine").stdout == "fine\n"


def test_kill_9_leaves_others_alone(lwk):
    victim, other = started(lwk, SPIN), lwk.spawn(["mcexec", "python3", "-c", "input(); print('still here')"])
    victim.kill(9)
    victim.wait(10)
    other.write(b"\n")
    assert other.wait(20).stdout == "still here\n"


@pytest.mark.parametrize("program, status", [
    ("import ctypes; ctypes.string_at(8)", 139),
    ("import os; os.abort()", 134),
    ("import ctypes; ctypes.CFUNCTYPE(None)(1 << 46)()", 139),
])
def test_a_fault_of_the_program_is_the_programs(lwk, program, status):
    result = lwk.mcexec("python3", "-c", program)
    assert result.status == status, result
    assert lwk.state() == "RUNNING"
    assert lwk.mcexec("echo", "fine").stdout == "fine\n"


@pytest.mark.parametrize("fault, word", [("panic", "panic"), ("page-fault", "fault")])
def test_a_panic_of_the_lwk(lwk, fault, word):
    before = lwk.online_cpus(), lwk.accounts()
    running = [started(lwk, SPIN), started(lwk, HOLD)]
    lwk.run(["ihkosctl", "0", "inject", fault])
    for command in running:
        result = command.wait(20)
        assert result.status not in (0, 1) and "panic" in result.stderr.lower(), result
    wait_for(lambda: lwk.state() == "PANIC")
    log = lwk.kmsg()
    assert word in log.lower() and "rip" in log, log
    assert re.search(r"[0-9a-f]{16} \w+::\w+\+0x[0-9a-f]+", log), log  # a backtrace with names
    result = lwk.mcexec("echo", "x")
    assert result.status != 0 and "PANIC" in result.stderr, result
    assert (lwk.online_cpus(), lwk.accounts()) == before
    lwk.check(["ihkosctl", "reboot"])
    assert lwk.mcexec("echo", "fine").stdout == "fine\n"


def test_an_lwk_that_does_not_answer_the_shutdown_is_stopped(lwk):
    lwk.run(["ihkosctl", "0", "inject", "no-shutdown"])
    lwk.down()
    assert lwk.online_cpus() == "0-3"
    lwk.up()
    assert lwk.mcexec("echo", "fine").stdout == "fine\n"


def test_a_hang_with_interrupts_off(lwk):
    lwk.run(["ihkosctl", "0", "inject", "hang"])
    wait_for(lambda: lwk.state() in ("HUNGUP", "PANIC"), 30)
    lwk.check(["ihkosctl", "reboot"])
    assert lwk.mcexec("echo", "fine").stdout == "fine\n"


def test_nobody_brings_a_reserved_cpu_online(lwk):
    for cpu in (2, 3):
        result = lwk.sh(f"echo 1 > /sys/devices/system/cpu/cpu{cpu}/online")
        assert result.status != 0 and "busy" in result.stderr.lower(), result
    lwk.sh("echo on > /sys/devices/system/cpu/smt/control")
    assert lwk.online_cpus() == "0-1"
    assert lwk.mcexec("echo", "fine").stdout == "fine\n"


def test_rounds_leave_no_trace(no_lwk):
    guest = no_lwk
    guest.up()
    guest.mcexec("true")
    guest.down()
    cpus, free, books = guest.online_cpus(), guest.mem_free_kib(), guest.accounts()
    for _ in range(6):  # still cycles makes hundreds
        guest.up()
        assert guest.mcexec("echo", "round").stdout == "round\n"
        guest.down()
        assert guest.online_cpus() == cpus
    after = guest.accounts()
    assert after["pages_taken"] > books["pages_taken"]
    assert after["pages_taken"] == after["pages_returned"] and after["cpus_taken"] == after["cpus_returned"]
    assert (after["pages_held"], after["cpus_held"]) == (0, 0)
    # More than before is Linux's own doing: what its caches held when the test began.
    missing = [free - guest.mem_free_kib()]
    deadline = time.monotonic() + 10
    while missing[-1] > 4096 and time.monotonic() < deadline:
        missing.append(free - guest.mem_free_kib())
    assert missing[-1] <= 4096, f"KiB that are missing: {missing}"


def test_warm_reboots(lwk):
    for _ in range(5):
        lwk.check(["ihkosctl", "reboot"])
        assert lwk.mcexec("echo", "fine").stdout == "fine\n"


def test_the_module_comes_and_goes(no_lwk):
    for _ in range(3):
        no_lwk.unload_module()
        assert no_lwk.run(["ls", "/dev/ihk"]).status != 0
        no_lwk.load_module()
    no_lwk.up()
    assert no_lwk.mcexec("echo", "fine").stdout == "fine\n"


def test_the_doorbell_follows_its_affinity(lwk):
    find = "grep -l . /proc/irq/*/*/../smp_affinity_list 2>/dev/null | head -0; grep -i still /proc/interrupts"
    line = lwk.sh(find).stdout
    assert line, "no interrupt of stillcore in /proc/interrupts"
    number = line.split(":")[0].strip()
    for cpu in (1, 0, 1):
        lwk.check(["sh", "-c", f"echo {cpu} > /proc/irq/{number}/smp_affinity_list"])
        assert lwk.mcexec("python3", "-c", "import time; time.sleep(0.2); print('fine')").stdout == "fine\n"


def test_offload_goes_on_when_a_worker_cpu_goes_offline(lwk):
    command = lwk.spawn(["mcexec", "python3", "-c",
                         "import time\nfor i in range(40): time.sleep(0.1); print(i, flush=True)"])
    wait_for(lambda: "3\n" in command.stdout)
    lwk.check(["sh", "-c", "echo 0 > /sys/devices/system/cpu/cpu1/online"])
    try:
        assert command.wait(30).stdout.endswith("\n39\n")
    finally:
        lwk.check(["sh", "-c", "echo 1 > /sys/devices/system/cpu/cpu1/online"])


def test_down_under_a_job_gives_all_back(no_lwk):
    guest = no_lwk
    cpus = guest.online_cpus()
    guest.up()
    # One's stderr nobody reads any more, another's is full.
    jobs = [guest.spawn(["sh", "-c", script]) for script in (
        "exec mcexec sleep 1000", "mcexec sleep 1000 2>&1 | exec true",
        "(head -c 65536 /dev/zero; exec mcexec sleep 1000 2>&1) | sleep 300")]
    end = time.monotonic() + 60
    while guest.status()["processes"] < 3:
        assert time.monotonic() < end
        time.sleep(0.1)
    guest.down()
    assert guest.online_cpus() == cpus and guest.state() is None
    books = guest.accounts()
    assert (books["pages_held"], books["cpus_held"]) == (0, 0)
    for job in jobs:
        job.kill(9)  # of the third, the reader
        job.wait(30)
