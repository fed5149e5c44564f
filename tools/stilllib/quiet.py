# SPDX-License-Identifier: BSD-2-Clause
"""The interrupts that an LWK CPU takes while it runs one program that computes, and Linux is loud."""
import time

from .paths import GCC

FWQ = GCC / "bench" / "fwq"
SHAKE = GCC / "bench" / "shake"
KINDS = ("doorbells", "reschedules", "shootdowns", "timers", "strays", "nmis")
FOR_EVER = 1_000_000, 10_000_000


def counts(guest, cpu=0):
    """As ihkosctl status prints them."""
    row = guest.status()["cpus"][cpu]
    return {kind: row[kind] for kind in KINDS}


def start_computing(guest):
    """A program that makes no call, on the LWK's CPU 0; it is there when this returns."""
    program = guest.spawn(["mcexec", FWQ, *FOR_EVER])
    end = time.monotonic() + 60
    while guest.status()["cpus"][0]["mode"] != "busy" and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(2)  # it has got its memory
    return program


def end(program):
    program.kill(9)
    program.wait(30)


def of_linux_cpu(guest, cpu):
    """All the interrupts that a CPU of Linux's has taken."""
    head, *lines = guest.check(["cat", "/proc/interrupts"]).splitlines()
    column = head.split().index(f"CPU{cpu}") + 1
    rows = (line.split() for line in lines)
    return sum(int(row[column]) for row in rows if len(row) > column and row[column].isdigit())


def measure(guest, seconds):
    """What came by kind in that time, while threads on all CPUs of Linux's unmap, change rights and ask for barriers,
    and after one of these CPUs was offline; and how often they did."""
    program = start_computing(guest)
    before = counts(guest)
    online = "/sys/devices/system/cpu/cpu1/online"
    guest.check(["sh", "-c", f"echo 0 > {online}; echo 1 > {online}"])
    shakes = int(guest.check([SHAKE, seconds, 4], timeout=seconds + 120))
    after = counts(guest)
    end(program)
    return {kind: after[kind] - before[kind] for kind in KINDS}, shakes
