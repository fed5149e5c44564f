# SPDX-License-Identifier: BSD-2-Clause
"""Rows of still bench that are programs on two CPUs (bench/two.toml), in instructions."""
import re
import statistics

from . import bench_apps
from .progress import StillError

MACHINE = {"smp": 4, "mem": "3G"}
RUNS = 3
ON = {"native": ["taskset", "-c", "0,1"], "lwk": ["mcexec"]}


def _argv(row, where):
    """$ON is a word of its own, or stands in a script."""
    words = []
    for word in row["argv"]:
        words += ON[where] if word == "$ON" else [word.replace("$ON", " ".join(ON[where]))]
    return words


def _instructions(guest, name, row, where):
    result = guest.run(_argv(row, where), f"{bench_apps.PLACE}/{name}", env=row.get("env"), timeout=1200)
    seconds = [float(found) for found in re.findall(row["seconds"], result.stdout + result.stderr)]
    if result.status != 0 or not seconds:
        raise StillError(f"{name} failed: {result!r}")
    return sum(seconds) * 1e9


def measure(rows):
    """For a guest in which the clock counts."""
    def work(guest):
        guest.up("--cpus=2-3", "--mem=1g")
        for name, row in rows.items():
            bench_apps.prepare(guest, name, row)
            taken = {where: [_instructions(guest, name, row, where) for _ in range(RUNS)] for where in ON}
            for where, values in taken.items():
                row[where] = statistics.median(values)
            row["spread"] = [(min(values) / row[where], max(values) / row[where]) for where, values in taken.items()]
            row["ratio"] = row["lwk"] / row["native"]
            row["met"] = row["ratio"] <= row["goal"]

    return work


HEADS = ("row", "what", "native, M instr.", "LWK, M instr.", "ratio", "goal", "met")


def cells(name, row):
    def millions(where, spread):
        return f"{row[where] / 1e6:.1f} ({spread[0] - 1:+.1%} to {spread[1] - 1:+.1%})"

    native, lwk = row["spread"]
    return [name, row["what"], millions("native", native), millions("lwk", lwk), f"**{row['ratio']:.3f}**",
            f"{row['goal']:g}", "yes" if row["met"] else "no"]


def section(rows):
    lines = ["## Programs on two CPUs", "",
             "Two CPUs of Linux's and two of the LWK's in one guest whose clock counts the instructions of all: what",
             f"the program says that it took, the median of {RUNS} runs. Proxies, and who waits by polling, are in it.",
             "", "| " + " | ".join(HEADS) + " |", "|" + "---|" * len(HEADS)]
    lines += ["| " + " | ".join(cells(name, row)) + " |" for name, row in rows.items()]
    missed = [f"- {name}: {row.get('reason', 'not looked into yet')}." for name, row in rows.items() if not row["met"]]
    return lines + ["", *missed] if missed else lines
