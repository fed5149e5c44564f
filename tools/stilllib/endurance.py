# SPDX-License-Identifier: BSD-2-Clause
"""What still soak, storm and fuzz have in common: boot, a little of it, the books, much of it, the books again."""
from . import packages
from .books import Books
from .build import build
from .guestlib import Guest
from .paths import shown
from .progress import StillError, note, step
from .qemu import Machine


def endure(arguments, title, first, work, take=None):
    """first(guest) and work(guest) raise a StillError if something is wrong; work's answer is told at its end."""
    packages.need("vm", "e2e")
    build("gcc", arguments.kernel)
    guest = Guest(Machine.of(arguments))
    try:
        with step(f"Boot Debian {guest.kernel.release}"):
            guest.start()
            guest.up(*(["--mem", take] if take else []))
        with step("A little of it: what is allocated for good at first use is not lost"):
            first(guest)
        before = Books(guest)
        guest.complaints()
        with step(title) as told:
            told(work(guest))
        if complaints := guest.complaints():
            raise StillError("Linux complains", shown(guest.console), "\n".join(complaints))
        if lost := Books(guest).lost_since(before):
            raise StillError(lost, shown(guest.console))
        guest.down()
        guest.unload_module()
        guest.stop()
    finally:
        guest.kill()
    note("both kernels live, and every page is back, on both sides")
    return 0


def run(guest, argv, timeout, wrong="it does not end"):
    """A command of such a test; the LWK has to be there afterwards, whatever the command's status."""
    try:
        result = guest.run(argv, "/", timeout=timeout)
    except TimeoutError:
        raise StillError(wrong, shown(guest.console), guest.kmsg()) from None
    if guest.state() != "RUNNING":
        raise StillError(f"the LWK is {guest.state()}", shown(guest.console), guest.kmsg())
    return result
