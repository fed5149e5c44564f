# SPDX-License-Identifier: BSD-2-Clause
"""still cycles: reserve, boot, run, shut down, release, many times, with tools and programs killed at random. Linux
has all back afterwards. The guest's side is tools/guest/cycles.py."""
import re

from . import packages
from .build import build
from .guestlib import Guest
from .paths import GCC, ROOT, shown
from .progress import StillError, note, step
from .qemu import Machine

DRIVER = ROOT / "tools" / "guest" / "cycles.py"
PROGRAMS = GCC / "tests" / "guest"
MEMORY_SLACK_KIB = 4096
SLAB_SLACK_KIB = 4096
SECONDS_EACH = 30


class Traces:
    """What cycles could leave behind in Linux."""

    def __init__(self, guest):
        guest.run(["rm", "-f", "/tmp/cycles.core"])
        self.memory = guest.mem_free_kib()
        meminfo = guest.check(["cat", "/proc/meminfo"])
        self.slab = int(re.search(r"SUnreclaim:\s+(\d+)", meminfo)[1])
        self.interrupts = guest.sh("grep -c stillcore /proc/interrupts").stdout.strip()
        self.cpus = guest.online_cpus()
        self.folders = guest.sh("ls /run/stillcore").stdout

    def compared_with(self, before):
        """What is not as it was, in words; empty if all is."""
        wrong = []
        if before.memory - self.memory > MEMORY_SLACK_KIB:
            wrong.append(f"{before.memory - self.memory} KiB are missing")
        if self.slab - before.slab > SLAB_SLACK_KIB:
            wrong.append(f"slabs have grown by {self.slab - before.slab} KiB")
        for name in ("interrupts", "cpus"):
            if getattr(self, name) != getattr(before, name):
                wrong.append(f"{name}: {getattr(before, name)} have become {getattr(self, name)}")
        return "; ".join(wrong)


def cycle(guest, seed, count):
    """What the driver counted; a StillError if something went wrong. The instance is down before and after."""
    result = guest.run(["python3", DRIVER, PROGRAMS, str(seed), str(count)], "/", timeout=60 + SECONDS_EACH * count)
    if result.status != 0:
        raise StillError("a cycle failed", shown(guest.console), result.stdout[-3000:] + result.stderr[-1000:])
    return result.stdout.strip().splitlines()[-1]


def traces_of(guest, seed, count):
    """After a few to warm up. The answer of cycle(), and what is not as it was."""
    cycle(guest, seed + 1, 3)
    before = Traces(guest)
    counted = cycle(guest, seed, count)
    wrong = Traces(guest).compared_with(before)
    for _ in range(5):  # Linux's own caches come and go
        if not wrong:
            break
        wrong = Traces(guest).compared_with(before)
    return counted, wrong


def main(arguments):
    packages.need("vm", "e2e")
    build("gcc", arguments.kernel)
    guest = Guest(Machine.of(arguments))
    try:
        with step(f"Boot Debian {guest.kernel.release}"):
            guest.start()
            guest.load_module()
        with step(f"{arguments.count} cycles, seed {arguments.seed}") as told:
            counted, wrong = traces_of(guest, arguments.seed, arguments.count)
            told(counted)
        if complaints := guest.complaints():
            raise StillError("Linux complains", shown(guest.console), "\n".join(complaints))
        if wrong:
            raise StillError(wrong, shown(guest.console))
        guest.unload_module()
        guest.stop()
    finally:
        guest.kill()
    note("all is as it was: CPUs, memory, interrupts, slabs, and Linux's log")
    return 0
