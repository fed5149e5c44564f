# SPDX-License-Identifier: BSD-2-Clause
"""Hangs are found, and told apart; what only computes or waits is none."""
import os
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest

COMPUTE = "print('go', flush=True)\nwhile True: pass"
SHARE = """import time
end = time.monotonic() + 0.5
while time.monotonic() < end: pass
print(time.process_time() / 0.5)"""
GUEST_CPUS = 4


def hunger():
    """How many times longer than alone on this host the hungriest of as many threads as the guest has CPUs waits."""
    spinning = [subprocess.Popen([sys.executable, "-c", SHARE], stdout=subprocess.PIPE) for _ in range(GUEST_CPUS)]
    least = min(float(one.communicate()[0]) for one in spinning)
    return max(1.0, min(1.0, os.cpu_count() / GUEST_CPUS) / max(least, 0.01))


def wait_for(condition, seconds=15):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.2)


def health(lwk):
    result = lwk.run(["ihkosctl", "0", "get", "health"])
    return result.stdout.strip(), result.status


def set_parameter(lwk, name, value):
    lwk.check(["sh", "-c", f"echo {value} > /sys/module/stillcore/parameters/{name}"])


@dataclass
class Patient:
    lwk: object
    seconds: int  # after which a CPU is hung


@pytest.fixture
def patience(lwk):
    """A CPU is hung after 4 s; where other work starves the emulated CPUs, after as many times more as they wait."""
    times = min(hunger(), 15.0)
    seconds = round(4 * times)
    set_parameter(lwk, "hang_seconds", seconds)
    set_parameter(lwk, "busy_hang_seconds", round(6 * times))
    set_parameter(lwk, "ping_seconds", 1)
    yield Patient(lwk, seconds)
    set_parameter(lwk, "hang_seconds", 10)
    set_parameter(lwk, "busy_hang_seconds", 60)
    set_parameter(lwk, "ping_seconds", 5)


@pytest.mark.parametrize("fault, condition, words", [
    ("hang", "kernel-off", "is in the kernel with interrupts off, at 0xffffffff80"),
    ("hang-on", "kernel-on", "is in the kernel, with interrupts on, at 0xffffffff80"),
    ("hang-nmi", "silent", "does not answer an NMI"),
    ("idle", "idle", "idles with work queued"),
])
def test_each_kind_of_hang_is_named(patience, fault, condition, words):
    lwk = patience.lwk
    assert health(lwk) == ("healthy", 0)
    lwk.run(["ihkosctl", "0", "inject", fault])
    seen = set()
    def dead():
        seen.add(lwk.status()["cpus"][0]["condition"])
        return lwk.state() == "HUNGUP"
    wait_for(dead, 10 * patience.seconds)
    assert condition in seen, seen
    status = lwk.status()
    assert words in status["panic"] and "LWK CPU 0 (Linux's 2)" in status["panic"], status["panic"]
    assert health(lwk) == ("hung", 14)
    assert status["cpus"][1]["condition"] in ("fine", "awaits"), status
    lwk.check(["ihkosctl", "reboot"])
    assert lwk.mcexec("echo", "fine").stdout == "fine\n" and health(lwk) == ("healthy", 0)


def test_who_waits_for_an_invalidation_is_not_the_culprit(patience):
    lwk = patience.lwk
    program = """
import hashlib, mmap, os, threading
def compute():
    os.sched_setaffinity(0, [0])
    print('go', flush=True)
    hashlib.pbkdf2_hmac('sha256', b'', b'', 1 << 30)  # holds no lock of Python's
threading.Thread(target=compute, daemon=True).start()
os.sched_setaffinity(0, [1])
while True:
    area = mmap.mmap(-1, 1 << 20)
    area[0] = 1
    area.close()"""
    command = lwk.spawn(["mcexec", "python3", "-c", program])
    wait_for(lambda: "go" in command.stdout, 30)
    lwk.run(["ihkosctl", "0", "inject", "hang"])
    seen = set()
    def dead():
        seen.update((i, cpu["condition"]) for i, cpu in enumerate(lwk.status()["cpus"]))
        return lwk.state() == "HUNGUP"
    wait_for(dead, 10 * patience.seconds)
    assert (0, "kernel-off") in seen and (1, "awaits") in seen, seen
    assert "LWK CPU 0" in lwk.status()["panic"]
    command.wait(10)
    lwk.check(["ihkosctl", "reboot"])


def test_computing_and_waiting_are_no_hang(patience):
    lwk = patience.lwk
    commands = [lwk.spawn(["mcexec", "python3", "-c", COMPUTE]) for _ in range(3)]
    commands.append(lwk.spawn(["mcexec", "cat"]))
    for command in commands[:3]:
        wait_for(lambda command=command: "go" in command.stdout, 60)
    time.sleep(3.5 * patience.seconds)
    assert lwk.state() == "RUNNING" and health(lwk) == ("healthy", 0)
    for command in commands:
        command.kill(9)
        command.wait(10)


def test_out_of_memory_is_a_state_of_its_own(lwk):
    program = "x = []\nwhile True: x.append(bytearray(16 << 20))"
    result = lwk.mcexec("python3", "-c", program, timeout=60)
    assert result.status in (1, 137), result  # MemoryError, or killed
    lazy = """
import mmap
area = mmap.mmap(-1, 64 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)
for at in range(0, len(area), 4096): area[at] = 1"""
    result = lwk.mcexec("python3", "-c", lazy, timeout=120)
    assert result.status == 137, result
    wait_for(lambda: health(lwk) == ("out-of-memory", 12))
    assert lwk.status()["oom_kills"] >= 1 and lwk.state() == "RUNNING"
    lwk.check(["ihkosctl", "reboot"])
    assert health(lwk) == ("healthy", 0)


def test_a_double_fault_is_a_panic(lwk):
    lwk.run(["ihkosctl", "0", "inject", "double-fault"])
    wait_for(lambda: lwk.state() == "PANIC")
    assert "double fault" in lwk.status()["panic"] and health(lwk) == ("panic", 13)
    lwk.check(["ihkosctl", "reboot"])
    assert lwk.mcexec("echo", "fine").stdout == "fine\n"


def test_a_call_that_linux_does_not_finish_is_shown_with_its_name(lwk):
    started = time.monotonic()
    command = lwk.spawn(["mcexec", "cat"])
    def line():
        found = [text.split() for text in lwk.check(["ihkosctl", "0", "get", "calls"]).splitlines()[1:]]
        return next((words for words in found if words[3] == "read" and int(words[2]) >= 3), None)
    wait_for(line, 20)
    pid, tid, _, name = line()
    assert pid == tid and name == "read" and lwk.state() == "RUNNING" and health(lwk) == ("healthy", 0)
    waited = int(line()[2])
    assert waited <= time.monotonic() - started + 1
    command.write(b"x")  # the next read is another call, which begins anew
    wait_for(lambda: line() is None or int(line()[2]) < waited, 20)
    command.close_stdin()
    assert command.wait(10).stdout == "x"
