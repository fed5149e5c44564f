# SPDX-License-Identifier: BSD-2-Clause
"""still soak: mixed programs, started and killed at random on all CPUs of the LWK. Then no page is missing on
either side. The guest's side is tools/guest/soak.py."""
from . import packages
from .books import Books
from .build import build
from .guestlib import Guest
from .paths import GCC, ROOT, shown
from .progress import StillError, note, step
from .qemu import Machine

DRIVER = ROOT / "tools" / "guest" / "soak.py"
PROGRAMS = GCC / "tests" / "guest"


def run(guest, seed, seconds):
    """Soaks a guest with an instance; returns (what the driver said, what is wrong or None)."""
    command = ["python3", DRIVER, PROGRAMS, str(seed)]
    guest.run([*command, "5"], "/", timeout=180)  # what is allocated for good at first use is not lost
    before = Books(guest)
    guest.complaints()
    try:
        result = guest.run([*command, str(seconds)], "/", timeout=seconds + 180)
    except TimeoutError:
        return "", "programs did not end\n" + guest.kmsg()
    said = result.stdout.rstrip()
    if guest.state() != "RUNNING":
        return said, f"the LWK is {guest.state()}\n{guest.kmsg()}"
    if result.status != 0:
        return said, f"programs failed:\n{said}\n{result.stderr[-1000:]}"
    if complaints := guest.complaints():
        return said, "Linux complains:\n" + "\n".join(complaints)
    return said, Books(guest).lost_since(before) or None


def main(arguments):
    packages.need("vm", "e2e")
    build("gcc")
    guest = Guest(Machine.of(arguments))
    try:
        with step(f"Boot Debian {guest.kernel.release}"):
            guest.start()
            guest.up()
        with step(f"Start and kill programs for {arguments.minutes:g} minutes, seed {arguments.seed}") as told:
            said, wrong = run(guest, arguments.seed, arguments.minutes * 60)
            told(said.splitlines()[-1] if said else "")
            if wrong:
                raise StillError(wrong.splitlines()[0], shown(guest.console), wrong)
        guest.down()
        guest.unload_module()
        guest.stop()
    finally:
        guest.kill()
    note("every page is back, on both sides")
    return 0
