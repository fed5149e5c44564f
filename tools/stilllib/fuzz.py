# SPDX-License-Identifier: BSD-2-Clause
"""still fuzz: tests/guest/syscall_fuzz.c under mcexec for a time. It fails on a panic or a hang of the LWK, on a
complaint of Linux, and on memory that is lost."""
import time

from . import packages
from .books import Books
from .build import build
from .guestlib import Guest
from .paths import GCC, ROOT, shown
from .progress import StillError, note, step
from .qemu import Machine

DRIVER = ROOT / "tools" / "guest" / "fuzz.py"
PROGRAM = GCC / "tests" / "guest" / "syscall_fuzz"


def run(guest, seed, seconds, calls):
    """Fuzzes in a guest with an instance; returns (last seed, what is wrong or None)."""
    # Once before counting: what is allocated for good at first use is not lost.
    guest.run(["python3", DRIVER, PROGRAM, str(seed), "1", "300"], "/", timeout=120)
    before = Books(guest)
    guest.complaints()
    command = guest.spawn(["python3", DRIVER, PROGRAM, str(seed), str(seconds), str(calls)], "/")
    command.close_stdin()
    try:
        status = command.wait(seconds + 180).status
    except (TimeoutError, StillError):
        status = None
    lines = command.stdout.splitlines()
    last = max([int(line.split()[1]) for line in lines if line.startswith("seed ")], default=seed)
    if not guest.is_alive():
        return last, f"the guest died: {guest.death().tail}"
    if status != 0:
        return last, f"{lines[-1:]} {command.stderr[-500:]}\n" + "\n".join(guest.kmsg().splitlines()[-40:])
    if complaints := guest.complaints():
        return last, "Linux complains: " + "\n".join(complaints)
    return last, Books(guest).lost_since(before) or None


def main(arguments):
    packages.need("vm")
    build("gcc")
    seed = arguments.seed if arguments.seed is not None else int(time.time()) % 10 ** 6 * 1000
    machine = Machine.of(arguments)
    guest = Guest(machine)
    try:
        with step(f"Boot Debian {guest.kernel.release}"):
            guest.start()
            guest.up()
        with step(f"Random system calls for {arguments.minutes:g} minutes, from seed {seed} on") as told:
            last, wrong = run(guest, seed, arguments.minutes * 60, arguments.calls)
            told(f"seeds {seed} to {last}")
            if wrong:
                raise StillError(f"seeds up to {last}: {wrong.splitlines()[0]}", shown(guest.console), wrong)
        guest.down()
        guest.unload_module()
        guest.stop()
    finally:
        guest.kill()
    note("both kernels live, and no page is lost")
    return 0
