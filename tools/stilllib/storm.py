# SPDX-License-Identifier: BSD-2-Clause
"""still storm: memory changes under those who use it, for as long as one likes: entries of 4 KiB, 2 MiB and 1 GiB are
split, moved, discarded, shared by fork, pinned and zapped while Linux asks for them in every way. Then no page is
missing. Says how often an entry was used while others changed it."""
import re
import time

from . import packages
from .books import Books
from .build import build
from .guestlib import Guest
from .paths import GCC, shown
from .progress import StillError, note, step
from .qemu import Machine

PROGRAMS = GCC / "tests" / "guest"
ROUND = 10
GIB = 1024


def _script(seconds, mebibytes):
    return f"""
        rm -f /tmp/asked /dev/shm/storm
        mcexec {PROGRAMS}/leaf_storm {seconds} {mebibytes} & A=$!
        mcexec {PROGRAMS}/fork_storm {seconds} & B=$!
        mcexec {PROGRAMS}/memory_storm {seconds} & C=$!
        mcexec {PROGRAMS}/asked_storm /tmp/asked {seconds} & D=$!
        {PROGRAMS}/asker /tmp/asked & E=$!
        for i in $A $B $C $D $E; do wait $i || echo failed: $?; done
        mcexec {PROGRAMS}/mirror_storm touch /dev/shm/storm {seconds} 3 & F=$!
        sleep 0.5
        {PROGRAMS}/mirror_storm disturb /dev/shm/storm {seconds} || echo failed: disturb
        wait $F || echo failed: $?
        {PROGRAMS}/mirror_storm verify /dev/shm/storm
    """


def one_round(guest, seconds, mebibytes):
    """How often Linux looked at what was being changed; raises on whatever is wrong."""
    try:
        result = guest.run(["bash", "-c", _script(seconds, mebibytes)], "/", timeout=10 * seconds + 120)
    except TimeoutError:
        raise StillError("a storm does not end", shown(guest.console), guest.kmsg()) from None
    if guest.state() != "RUNNING" or "failed:" in result.stdout or result.stdout.count("ok ") < 6:
        raise StillError("a storm went wrong", shown(guest.console), result.stdout + result.stderr + guest.kmsg())
    return sum(map(int, re.findall(r"(\d+) (?:looks|asked)", result.stdout)))


def main(arguments):
    packages.need("vm", "e2e")
    build("gcc")
    guest = Guest(Machine.of(arguments))
    try:
        with step(f"Boot Debian {guest.kernel.release}"):
            guest.start()
            guest.up(*(["--mem", arguments.take] if arguments.take else []))
        with step("First round: what is allocated for good is not lost"):
            one_round(guest, ROUND, 24)
        before = Books(guest)
        guest.complaints()
        tries, rounds, end = 0, 0, time.monotonic() + arguments.minutes * 60
        with step(f"Storms for {arguments.minutes:g} minutes") as told:
            while time.monotonic() < end:
                tries += one_round(guest, ROUND, GIB if arguments.take and rounds % 2 == 0 else 64)
                rounds += 1
            told(f"{rounds} rounds, {tries} looks at memory that was being changed")
        if complaints := guest.complaints():
            raise StillError("Linux complains", shown(guest.console), "\n".join(complaints))
        if lost := Books(guest).lost_since(before):
            raise StillError(lost, shown(guest.console))
        guest.down()
        guest.unload_module()
        guest.stop()
    finally:
        guest.kill()
    note("every page is back, on both sides")
    return 0
