# SPDX-License-Identifier: BSD-2-Clause
"""still soak: mixed programs, started and killed at random on all CPUs of the LWK. Then no page is missing on
either side. The guest's side is tools/guest/soak.py."""
from .endurance import endure, run
from .paths import GCC, ROOT, shown
from .progress import StillError

DRIVER = ROOT / "tools" / "guest" / "soak.py"
PROGRAMS = GCC / "tests" / "guest"


def soak(guest, seed, seconds):
    result = run(guest, ["python3", DRIVER, PROGRAMS, str(seed), str(seconds)], seconds + 180, "programs did not end")
    said = result.stdout.rstrip()
    if result.status != 0:
        raise StillError("programs failed", shown(guest.console), f"{said}\n{result.stderr[-1000:]}")
    return said.splitlines()[-1] if said else ""


def main(arguments):
    return endure(arguments, f"Start and kill programs for {arguments.minutes:g} minutes, seed {arguments.seed}",
                  lambda guest: guest.run(["python3", DRIVER, PROGRAMS, str(arguments.seed), "5"], "/", timeout=180),
                  lambda guest: soak(guest, arguments.seed, arguments.minutes * 60))
