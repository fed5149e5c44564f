# SPDX-License-Identifier: BSD-2-Clause
"""still bench: what operations and programs take on the LWK and natively, and docs/measurements.md.

Instructions come from a guest in which the clock counts them (QEMU 10, icount): both kernels' are in them, and they
hardly depend on the host. Times come from pairs of runs in a guest of two CPUs: the ratio of a pair is what counts.
"""
import json
import platform
import re
import statistics
import time
import tomllib

from . import bench_programs, instance, packages
from .bench_programs import ratios
from .build import build
from .guestlib import Guest
from .paths import GCC, LATENCY, ROOT, shown
from .progress import StillError, note, step
from .qemu import Machine
from .shell_out import output_of

PAGE = ROOT / "docs" / "measurements.md"
ROWS = ROOT / "bench" / "rows.toml"
MICRO = GCC / "bench" / "micro"
SAMPLES = 15
ON_LINUX = ("taskset", "-c", "0")
ON_LWK = ("mcexec",)


def samples(guest, prefix, name):
    return [float(line) for line in guest.check([*prefix, MICRO, name, SAMPLES], timeout=300).split()]


def _once(guest, prefix, name):
    return statistics.median(samples(guest, prefix, name))


def up(guest):
    guest.up("--cpus=1", "--mem=896m")


def _leave(guest):
    guest.down()
    guest.unload_module()
    guest.stop()


def _in_guest(title, machine, work):
    with step(title):
        guest = Guest(Machine(smp=2, mem="2G", **machine))
        try:
            guest.start()
            work(guest)
            _leave(guest)
        finally:
            guest.kill()


def _bare(guest, rows):
    """What two CPUs of Linux's need to hear from each other (tools/guest/latency.c), for the rows that allow for it."""
    return {name: statistics.median(float(line) for line in guest.check([LATENCY, name], timeout=120).split())
            for name in {row["beside"] for row in rows.values() if "beside" in row}}


def in_counting_guest(title, work):
    """work(guest) where the clock counts instructions. No instance is up yet."""
    _in_guest(title, {"icount": True, "kernel_args": "nokaslr"}, work)


def _count(rows):
    def work(guest):
        bare = _bare(guest, rows)
        up(guest)
        for name, row in rows.items():
            row["native"], row["lwk"] = (_once(guest, prefix, name) for prefix in (ON_LINUX, ON_LWK))
            row["bare"] = bare.get(row.get("beside"), 0)
            row["ratio"] = row["lwk"] / (row["native"] + row["bare"])
            row["met"] = row["ratio"] <= row["goal"]

    in_counting_guest("Count instructions", work)


def _time(rows, pairs):
    def work(guest):
        up(guest)
        for name, row in rows.items():
            native, lwk = [], []
            for _ in range(pairs):
                native.append(_once(guest, ON_LINUX, name))
                lwk.append(_once(guest, ON_LWK, name))
            row["native_ns"], row["lwk_ns"] = statistics.median(native), statistics.median(lwk)
            row["time_ratios"] = sorted(ratios(lwk, native))

    _in_guest(f"Time {pairs} pairs", {}, work)


def _cells(name, row):
    bare = f" + {row['bare']:.0f}" if row["bare"] else ""
    cells = [name, row["what"], f"{row['native']:.0f}{bare}", f"{row['lwk']:.0f}", f"**{row['ratio']:.2f}**",
             f"{row['goal']:g}", "yes" if row["met"] else "no"]
    if "time_ratios" in row:
        low, *_, high = row["time_ratios"]
        middle = statistics.median(row["time_ratios"])
        cells += [f"{row['native_ns']:.0f}", f"{row['lwk_ns']:.0f}", f"{middle:.2f} ({low:.2f} to {high:.2f})"]
    return cells


def _is_slower(row):
    return statistics.median(row.get("time_ratios", [0])) > 1.05


HEADS = ("row", "what", "native, instr.", "LWK, instr.", "ratio", "goal", "met", "native, ns", "LWK, ns",
         "ratio of a pair (spread)")


def _micro_section(rows):
    lines = ["## Operations", "",
             "One CPU each. Instructions are those of both CPUs together, polling included. What stands behind a plus",
             "is what two CPUs of Linux's need to hear from each other and back, counted in the same run: by polling",
             "(empty_call), or with the one asleep and woken by the other (empty_asleep).", "",
             "| " + " | ".join(HEADS) + " |", "|" + "---|" * len(HEADS)]
    lines += ["| " + " | ".join(_cells(name, row)) + " |" for name, row in rows.items()]
    missed = {name: row for name, row in rows.items() if not row["met"] or _is_slower(row)}
    if missed:
        lines += ["", "Goals that are not met, and what takes longer than natively, and why:", ""]
        lines += [f"- {name}: {row.get('reason', 'not looked into yet')}." for name, row in missed.items()]
    return lines


def _page(rows, sections, kernel, pairs):
    qemu = (output_of(["qemu-system-x86_64", "--version"]) or "?").splitlines()[0]
    cpu = re.search(r"model name\s*: (.*)", (output_of(["cat", "/proc/cpuinfo"]) or ""))
    lines = [
        "# Measurements", "",
        "Made by `./tools/still bench`, which writes this page; `still bench NAME...` measures rows alone. QEMU",
        "emulates the CPUs (TCG, no hardware was measured): a time says more about the host than about the LWK, so",
        f"runs come in pairs ({pairs} here), one after the other in the same guest, and the ratio of a pair is what",
        "counts. Instructions are counted in a guest of QEMU 10's whose clock they drive (icount).",
        "", f"{time.strftime('%Y-%m-%d')}, host: {platform.machine()}, {cpu[1] if cpu else '?'}; {qemu}; guest: Debian "
        f"{kernel.release} ({kernel.version}), two CPUs: one for Linux, one for the LWK.", "",
        *_micro_section(rows),
    ]
    for title, table in sections:
        lines += ["", f"## {title}", "| what | median | spread | runs | command |", "|---|---|---|---|---|",
                  *(row.cells() for row in table)]
    return "\n".join(lines) + "\n"


def _wanted(names):
    rows = tomllib.loads(ROWS.read_text())
    for name in names:
        if name not in rows:
            raise StillError(f"no row '{name}': still bench --list tells them", status=2)
    return {name: row for name, row in rows.items() if not names or name in names}


def _json(rows):
    keys = ("native", "bare", "lwk", "ratio", "goal", "met", "native_ns", "lwk_ns", "time_ratios")
    return [{"name": name, "unit": "instructions", **{key: row[key] for key in keys if key in row}}
            for name, row in rows.items()]


def main(arguments):
    rows = _wanted(arguments.names)
    if arguments.list:
        for name, row in rows.items():
            print(f"{name:20} {row['what']}")
        return 0
    packages.need("vm", "demo")
    build("gcc")
    instance.require_parts()
    _count(rows)
    if arguments.pairs:
        _time(rows, arguments.pairs)
    for name, row in rows.items():
        note("  ".join(_cells(name, row)))
    if arguments.json:
        arguments.json.write_text(json.dumps(_json(rows), indent=1) + "\n")
    if not arguments.names and arguments.pairs:
        sections, kernel = bench_programs.measure()
        PAGE.write_text(_page(rows, sections, kernel, arguments.pairs))
        note(f"written: {shown(PAGE)}")
    return 0
