# SPDX-License-Identifier: BSD-2-Clause
"""Rows of still bench that are whole programs (bench/apps.toml), on one CPU of Linux's and on one of the LWK's.

Times of alternating pairs, from the start of the program, or of mcexec, to its end. They are not counted in
instructions: the programs read files of the host's, and a clock of instructions leaps while all CPUs wait for that.
The LWK has flush=always: QEMU's TLB in software grows only at a flush, which a CPU of the LWK never needs by itself.
"""
import math
import shlex
import statistics

from .paths import ROOT
from .progress import StillError

PLACE = "/tmp/bench"
CONFORM = ROOT / "tests" / "conform"
ON = {"native": ("taskset", "-c", "0"), "lwk": ("mcexec",)}
FAST = "flush=always"
FEWEST_PAIRS = 15


def prepare(guest, name, row):
    script = f"mkdir -p {PLACE}/{name}; cd {PLACE}/{name}; export CONFORM={shlex.quote(str(CONFORM))}\n"
    result = guest.run(["bash", "-ec", script + row.get("prepare", "")], "/", timeout=600)
    if result.status != 0:
        raise StillError(f"{name} could not be prepared: {result!r}")


def run(guest, name, row, where):
    """Seconds of the guest's clock."""
    result = guest.run([*ON[where], *row["argv"]], f"{PLACE}/{name}", env=row.get("env"), timeout=1200)
    if result.status != 0:
        raise StillError(f"{name} failed: {result!r}")
    return result.seconds


def measure(rows, pairs):
    """For a guest of two CPUs. The first run of each fills the caches of files."""
    def work(guest):
        guest.up("--cpus=1", "--mem=1536m", "--kargs", FAST)
        for name, row in rows.items():
            prepare(guest, name, row)
            for where in ON:
                run(guest, name, row, where)
            taken = [(run(guest, name, row, "native"), run(guest, name, row, "lwk")) for _ in range(pairs)]
            row["native_ns"] = statistics.median(native for native, _ in taken) * 1e9
            row["lwk_ns"] = statistics.median(lwk for _, lwk in taken) * 1e9
            row["time_ratios"] = [lwk / native for native, lwk in taken]
            row["ratio"] = statistics.median(row["time_ratios"])
            row["bound"] = upper_bound(row["time_ratios"])
            row["met"] = row["bound"] is not None and row["bound"] <= row["goal"]

    return work


def upper_bound(ratios):
    """Above the median with 95 %, by the binomial distribution of how many lie below it; None: too few of them."""
    ratios = sorted(ratios)
    below = 0.0
    for k, ratio in enumerate(ratios):
        below += math.comb(len(ratios), k) / 2 ** len(ratios)
        if below >= 0.95:
            return ratio
    return None
