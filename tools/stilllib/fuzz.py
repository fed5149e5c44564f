# SPDX-License-Identifier: BSD-2-Clause
"""still fuzz: tests/guest/syscall_fuzz.c under mcexec for a time. It fails on a panic or a hang of the LWK, on a
complaint of Linux, and on memory that is lost."""
import time

from .endurance import endure
from .paths import GCC, ROOT, shown
from .progress import StillError

DRIVER = ROOT / "tools" / "guest" / "fuzz.py"
PROGRAM = GCC / "tests" / "guest" / "syscall_fuzz"


def fuzz(guest, seed, seconds, calls):
    """From that seed on; its answer names the last."""
    command = guest.spawn(["python3", DRIVER, PROGRAM, str(seed), str(seconds), str(calls)], "/")
    command.close_stdin()
    try:
        status = command.wait(seconds + 180).status
    except (TimeoutError, StillError):
        status = None
    lines = command.stdout.splitlines()
    last = max([int(line.split()[1]) for line in lines if line.startswith("seed ")], default=seed)
    if not guest.is_alive():
        raise StillError(f"seeds up to {last}: the guest died", shown(guest.console), guest.death().tail)
    if status != 0:
        raise StillError(f"seeds up to {last}: {lines[-1:]} {command.stderr[-500:]}", shown(guest.console),
                         "\n".join(guest.kmsg().splitlines()[-40:]))
    return f"seeds {seed} to {last}"


def main(arguments):
    seed = arguments.seed if arguments.seed is not None else int(time.time()) % 10 ** 6 * 1000
    return endure(arguments, f"Random system calls for {arguments.minutes:g} minutes, from seed {seed} on",
                  lambda guest: guest.run(["python3", DRIVER, PROGRAM, str(seed), "1", "300"], "/", timeout=120),
                  lambda guest: fuzz(guest, seed, arguments.minutes * 60, arguments.calls))
