# SPDX-License-Identifier: BSD-2-Clause
"""still storm: memory changes under those who use it, for as long as one likes: entries of 4 KiB, 2 MiB and 1 GiB are
split, moved, discarded, shared by fork, pinned and zapped while Linux asks for them in every way. Then no page is
missing. Says how often a page of each kind of entry was mapped for Linux while others changed it, and how often their
change came first."""
import time

from .endurance import endure, run
from .paths import GCC, ROOT, shown
from .progress import StillError

PROGRAMS = GCC / "tests" / "guest"
GDB_ASKER = ROOT / "tests" / "guest" / "gdb_asker.sh"
ROUND = 10
LEAST = 1000  # pages of each kind of leaf in a round; a storm that is less tries little
GIB = 1024

# Each line is a storm of its own: what runs at once. An asker waits for its file.
FRONT = 'rm -f /tmp/asked.*; started=(); go() { "$@" & started+=($!); }'
END = 'for one in "${started[@]}"; do wait $one || echo failed: $?; done'


def _storms(seconds, large):
    mcexec, ask = f"go mcexec {PROGRAMS}", f"go {PROGRAMS}/asker"
    leaves = f"{mcexec}/leaf_storm {seconds} {GIB if large else 64} /tmp/asked.1; {ask} /tmp/asked.1"
    whole = f"{mcexec}/whole_storm {seconds} 2 6 /tmp/asked.2; {ask} /tmp/asked.2 leave"
    giant = f"{mcexec}/whole_storm {seconds} {GIB} 1 /tmp/asked.3; {ask} /tmp/asked.3 leave"
    yield "a storm of leaves", f"{leaves}; {mcexec}/fork_storm {seconds}"
    yield "a storm of 2 MiB leaves", whole
    if large:
        yield "a storm of 1 GiB leaves", giant
    yield "a storm of askers", (f"{mcexec}/asked_storm /tmp/asked.4 {seconds}; {ask} /tmp/asked.4; "
                                f"{mcexec}/memory_storm {seconds}")
    yield "a storm of gdb", f"{mcexec}/asked_storm /tmp/asked.5 {seconds}; go {GDB_ASKER} /tmp/asked.5"
    shared = f"/dev/shm/storm {seconds}"
    yield "a storm of shared memory", (f"rm -f /dev/shm/storm; {mcexec}/mirror_storm touch {shared} 3; sleep 0.5; "
                                       f"go {PROGRAMS}/mirror_storm disturb {shared}")


def one_round(guest, seconds, large):
    for name, storm in _storms(seconds, large):
        result = run(guest, ["bash", "-c", f"{FRONT}; {storm}; {END}"], 10 * seconds + 120, f"{name} does not end")
        if "failed:" in result.stdout:
            raise StillError(f"{name} went wrong", shown(guest.console),
                             result.stdout + result.stderr + guest.kmsg())
    verified = run(guest, [PROGRAMS / "mirror_storm", "verify", "/dev/shm/storm"], 120)
    if verified.status != 0:
        raise StillError("shared memory is not what was stored", shown(guest.console), verified.stderr)


def work(guest, seconds, large):
    before = guest.status()
    rounds, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        one_round(guest, ROUND, large)
        rounds += 1
    now = guest.status()
    tries = {kind: count - before["tries"][kind] for kind, count in now["tries"].items()}
    for kind in ("4k", "2m", "1g") if large else ("4k", "2m"):
        if tries[kind] < LEAST * rounds:
            raise StillError(f"of leaves of {kind} only {tries[kind]} pages were mapped", shown(guest.console), "")
    return (f"{rounds} rounds; pages mapped for Linux while others changed them: "
            f"{sum(tries.values())}, of leaves of 4 KiB {tries['4k']}, 2 MiB {tries['2m']}, 1 GiB {tries['1g']}; "
            f"in {tries['lost']} tries the change came first; {now['zaps'] - before['zaps']} zaps")


def main(arguments):
    return endure(arguments, f"Storms for {arguments.minutes:g} minutes",
                  lambda guest: one_round(guest, ROUND, False),
                  lambda guest: work(guest, arguments.minutes * 60, bool(arguments.take)), arguments.take)
