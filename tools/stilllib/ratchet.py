# SPDX-License-Identifier: BSD-2-Clause
"""still ratchet: the instructions of each hot path, the LWK alone and across both kernels, against the numbers of
bench/ratchet.toml, which may only fall.

The clock of the guest counts instructions (QEMU 10, icount). Of the samples of a path the smallest counts: nothing came
in between. So the numbers of these paths are the same in each run, whatever the host does meanwhile. Paths with more of
Linux in them (open and close, threads, processes) differ by some percent from run to run, and are left out: its caches
and its deferred work are in them."""
import math
import re
import tomllib

from . import alone, bench, instance, packages
from .build import build
from .paths import ROOT, shown
from .progress import StillError, note, step

NUMBERS = ROOT / "bench" / "ratchet.toml"
ALONE = "alone_getpid"
HEAD = """# SPDX-License-Identifier: BSD-2-Clause
# Instructions of each hot path, which may only fall: `still ratchet --write` writes what has fallen. alone_getpid is
# the LWK's own without Linux; the others are bench/micro.c's operations on the LWK, both kernels' together.
"""


def _alone_getpid():
    with step("Count in the LWK alone"):
        tap, wrong, log = alone.run("lwk-icount", 1, alone.pvh(), icount=True)
        alone.raise_if_bad(tap, wrong, log)
        match = re.search(r"# getpid: (\d+) TSC ticks", log.read_text(errors="replace"))
        if not match:
            raise StillError("the in-LWK tests did not say what a getpid takes", shown(log))
        return int(match[1])


def _count(names):
    counted = {ALONE: _alone_getpid()} if ALONE in names else {}
    across = [name for name in names if name != ALONE]

    def work(guest):
        # Where things lie decides how many page tables they take, and how a copy is cut into pieces.
        guest.check(["sh", "-c", "echo 0 > /proc/sys/kernel/randomize_va_space"])
        bench.up(guest)
        for name in across:
            counted[name] = math.ceil(min(bench.samples(guest, bench.ON_LWK, name)))

    if across:
        bench.in_counting_guest("Count across both kernels", work)
    return counted


def _write(numbers):
    NUMBERS.write_text(HEAD + "".join(f"{name} = {number}\n" for name, number in numbers.items()))
    note(f"written: {shown(NUMBERS)}")


def main(arguments):
    allowed = tomllib.loads(NUMBERS.read_text())
    for name in arguments.names:
        if name not in allowed:
            raise StillError(f"no path '{name}': {shown(NUMBERS)} names them", status=2)
    packages.need("vm", "demo")
    build("gcc")
    instance.require_parts()
    counted = _count(arguments.names or list(allowed))
    worse = [name for name, number in counted.items() if number > allowed[name]]
    fell = {name: number for name, number in counted.items() if number < allowed[name]}
    for name, number in counted.items():
        word = "more" if name in worse else "fewer" if name in fell else "same"
        note(f"{word:5}  {name:20} {number:>8}  allowed: {allowed[name]}")
    if arguments.write and fell:
        _write(allowed | fell)
    if worse:
        raise StillError(f"more instructions than {shown(NUMBERS)} allows: {', '.join(worse)}")
    return 0
