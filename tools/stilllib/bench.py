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

from . import bench_apps, bench_page, bench_peers, bench_plots, bench_programs, bench_two, instance, packages
from .bench_many import Many
from .bench_programs import ratios
from .build import build
from .guestlib import Guest
from .paths import GCC, LATENCY, MCEXEC, ROOT, shown
from .progress import StillError, note, step
from .qemu import Machine
from .shell_out import output_of

PAGE = ROOT / "docs" / "measurements.md"
ROWS = ROOT / "bench" / "rows.toml"
MANY_ROWS = ROOT / "bench" / "many.toml"
APP_ROWS = ROOT / "bench" / "apps.toml"
TWO_ROWS = ROOT / "bench" / "two.toml"
PEER_ROWS = ROOT / "bench" / "peers.toml"
MICRO = GCC / "bench" / "micro"
NOTHING = GCC / "bench" / "nothing"
SAMPLES = 15
SAMPLES_OF_LARGE = 5
ON_LINUX = ("taskset", "-c", "0")
# In the guest's own memory: to wait for a file of the host's counts for nothing, or for too much.
PROGRAM = "/tmp/nothing"
ON_LWK = ("/tmp/mcexec",)


def samples(guest, prefix, name, count=SAMPLES):
    return [float(line) for line in guest.check([*prefix, MICRO, name, count, PROGRAM], timeout=300).split()]


def _once(guest, prefix, name, count=SAMPLES):
    return statistics.median(samples(guest, prefix, name, count))


def up(guest, mem="896m"):
    guest.check(["cp", NOTHING, MCEXEC, "/tmp"])
    guest.up("--cpus=1", f"--mem={mem}")


def _in_guest(title, machine, work):
    with step(title):
        guest = Guest(Machine(**{"smp": 2, "mem": "2G"} | machine))
        try:
            guest.start()
            work(guest)
            if guest.is_module_loaded:
                if guest.state() is not None:
                    guest.down()
                guest.unload_module()
            guest.stop()
        finally:
            guest.kill()


def _bare(guest, rows):
    """What two CPUs of Linux's need to hear from each other (tools/guest/latency.c), for the rows that allow for it."""
    return {name: statistics.median(float(line) for line in guest.check([LATENCY, name], timeout=120).split())
            for name in {row["beside"] for row in rows.values() if "beside" in row}}


def in_counting_guest(title, work, **machine):
    """work(guest) where the clock counts instructions. No instance is up yet."""
    _in_guest(title, {"icount": True, "kernel_args": "nokaslr"} | machine, work)


def _compared_with(name, row):
    """The operation that a row is compared with: on which CPU, and its name."""
    against = row.get("against", name)
    return (ON_LWK, against.removeprefix("lwk ")) if against.startswith("lwk ") else (ON_LINUX, against)


def _count_in(guest, rows, count):
    for name, row in rows.items():
        row["native"] = _once(guest, *_compared_with(name, row), count)
        row["lwk"] = _once(guest, ON_LWK, name, count)


def _count(rows):
    large = {name: row for name, row in rows.items() if row.get("large")}
    usual = {name: row for name, row in rows.items() if name not in large}
    bare = {}

    def work(guest):
        bare.update(_bare(guest, usual))
        up(guest)
        _count_in(guest, usual, SAMPLES)

    def work_on_large(guest):
        up(guest, "9g")
        _count_in(guest, large, SAMPLES_OF_LARGE)

    if usual:
        in_counting_guest("Count instructions", work)
    if large:
        in_counting_guest("Count with 12 GiB", work_on_large, mem="12G")
    for row in rows.values():
        row["bare"] = bare.get(row.get("beside"), 0)
        row["ratio"] = row["lwk"] / (row["native"] + row["bare"])
        row["met"] = row["ratio"] <= row["goal"]


LATENCIES = {"empty_call": "empty call", "write_4k": "write of 4 KiB", "open_close": "open and close"}


def _time(rows, pairs):
    latencies = {}

    def work(guest):
        bare = _bare(guest, rows)
        up(guest)
        for name, row in rows.items():
            if row.get("against", "").startswith("lwk ") or row.get("large"):
                continue  # it is for the count that it is compared with itself
            native, lwk = [], []
            row["bare_ns"] = bare.get(row.get("beside"), 0)
            for _ in range(pairs):
                native.append(_once(guest, *_compared_with(name, row)))
                lwk.append(_once(guest, ON_LWK, name))
            row["native_ns"], row["lwk_ns"] = statistics.median(native), statistics.median(lwk)
            row["time_ratios"] = sorted(ratios(lwk, [value + row["bare_ns"] for value in native]))
        for name in LATENCIES.keys() & rows.keys():
            latencies[LATENCIES[name]] = [samples(guest, prefix, name, 200) for prefix in (ON_LINUX, ON_LWK)]

    _in_guest(f"Time {pairs} pairs", {}, work)
    return latencies


def _measure_many(rows):
    many = Many(rows)
    if many.wants("fwq_alone"):
        many.alone()
    if counting := many.counting():
        def work(guest):
            for one in counting:
                one(guest)
        in_counting_guest("Count with 9 CPUs", work, smp=9, mem="3G")
    if many.wants("boot_16"):
        in_counting_guest("Count with 17 CPUs", many.boots, smp=17, mem="3G")
    if many.wants("large_pages"):
        with many.monitor() as machine:
            _in_guest("Look at page tables", machine, many.large_pages)
    if many.wants("quiet"):
        _in_guest("Listen for interrupts", {"smp": 4}, many.quiet)
    many.judge()
    return many.series


def _cells(name, row):
    bare = f" + {row['bare']:.0f}" if row["bare"] else ""
    cells = [name, row["what"], f"{row['native']:.0f}{bare}", f"{row['lwk']:.0f}", f"**{row['ratio']:.2f}**",
             f"{row['goal']:g}", "yes" if row["met"] else "no"]
    if "time_ratios" in row:
        low, high = row["time_ratios"][0], row["time_ratios"][-1]
        middle = statistics.median(row["time_ratios"])
        bare = f" + {row['bare_ns']:.0f}" if row["bare_ns"] else ""
        cells += [f"{row['native_ns']:.0f}{bare}", f"{row['lwk_ns']:.0f}", f"{middle:.2f} ({low:.2f} to {high:.2f})"]
    return cells


def _many_cells(name, row):
    native, ratio = row["native"], row["ratio"]
    goal = f"{row['goal']:g}" if "goal" in row else f"{row['limit']:g} {row['unit']}"
    return [name, row["what"], row.get("beside", "-"), "-" if native is None else f"{native:g}", f"{row['lwk']:g}",
            row["unit"], "-" if ratio is None else f"**{ratio:.2f}**", goal, "yes" if row["met"] else "no"]


def _time_goal(row):
    """A time is the host's as much as ours, and has a goal only where what belongs to it is measured beside it."""
    return row["goal"] if "beside" in row else None


def _is_slower(row):
    return statistics.median(row.get("time_ratios", [0])) > (_time_goal(row) or 1.05)


MANY_HEADS = ("row", "what", "compared with", "that", "LWK", "unit", "ratio", "goal", "met")
APP_HEADS = ("row", "what", "native, s", "LWK, s", "ratio of a pair (spread)", "bound", "goal", "met")
HEADS = ("row", "what", "native, instr.", "LWK, instr.", "ratio", "goal", "met", "native, ns", "LWK, ns",
         "ratio of a pair (spread)")


def _reason(row):
    return row.get("reason", "not looked into yet")


def _micro_section(rows):
    lines = ["## Operations", "",
             "One CPU each. Instructions are those of both CPUs together, polling included. What stands behind a plus",
             "is what two CPUs of Linux's need to hear from each other and back, measured in the same guest: by",
             "polling (empty_call), or with the one asleep and woken by the other (empty_asleep).", "",
             "| " + " | ".join(HEADS) + " |", "|" + "---|" * len(HEADS)]
    lines += ["| " + " | ".join(_cells(name, row)) + " |" for name, row in rows.items()]
    missed = {name: row for name, row in rows.items() if not row["met"] or _is_slower(row)}
    if missed:
        lines += ["", "Goals that are not met, and what takes longer than natively, and why:", ""]
        lines += [f"- {name}: {_reason(row)}." for name, row in missed.items()]
    return lines


def _app_cells(name, row):
    seconds = [f"{row[where] / 1e9:.2f}" for where in ("native_ns", "lwk_ns")]
    ratios_of_pairs = f"**{row['ratio']:.2f}** ({min(row['time_ratios']):.2f} to {max(row['time_ratios']):.2f})"
    bound = "-" if row["bound"] is None else f"{row['bound']:.2f}"
    return [name, row["what"], *seconds, ratios_of_pairs, bound, f"{row['goal']:g}", "yes" if row["met"] else "no"]


def _apps_section(rows):
    pairs = max(len(row["time_ratios"]) for row in rows.values())
    lines = ["## Whole programs", "",
             f"On one CPU, {pairs} alternating pairs, from the start of the program, or of mcexec, to its end. The",
             "bound is above the median of the ratios with 95 %, and what the goal is for. The LWK was booted with",
             "flush=always: QEMU's TLB in software grows only when it is flushed, which a CPU of the LWK never needs",
             "by itself; without it a program that computes alone keeps one of 256 entries, and takes up to half as",
             "long again as natively.",
             "", "| " + " | ".join(APP_HEADS) + " |", "|" + "---|" * len(APP_HEADS)]
    lines += ["| " + " | ".join(_app_cells(name, row)) + " |" for name, row in rows.items()]
    missed = [f"- {name}: {_reason(row)}." for name, row in rows.items() if not row["met"]]
    return lines + ["", *missed] if missed else lines


def _pictures():
    return [line for name, what in (("latency", "latency"), ("fwq", "FWQ"), ("scaling", "scaling"))
            if (bench_plots.FOLDER / f"{name}.png").exists() for line in ("", f"![{what}](img/{name}.png)")]


def _many_section(rows):
    lines = ["## Many CPUs, noise, start", "",
             "Instructions and milliseconds (1 ms is a million of them) of guests with 9 and 17 CPUs whose clock",
             "counts the instructions of all, but for quiet, which is a guest of 4 CPUs on the host's time, and",
             "fwq_alone.", "",
             "| " + " | ".join(MANY_HEADS) + " |", "|" + "---|" * len(MANY_HEADS)]
    lines += ["| " + " | ".join(_many_cells(name, row)) + " |" for name, row in rows.items()]
    said = [f"- {name}: {_reason(row)}." for name, row in rows.items() if "reason" in row or not row["met"]]
    return lines + ["", *said] if said else lines


def _page(kinds, sections, kernel, pairs):
    rows, many, apps, two, peers = kinds
    qemu = (output_of(["qemu-system-x86_64", "--version"]) or "?").splitlines()[0]
    cpu = re.search(r"model name\s*: (.*)", (output_of(["cat", "/proc/cpuinfo"]) or ""))
    lines = [
        "# Measurements", "",
        "Made by `./tools/still bench`, which writes this page; `still bench NAME...` measures rows alone, with",
        "--renew into the page. QEMU emulates the CPUs (TCG, no hardware was measured): a time says more about the",
        f"host than about the LWK, so runs come in pairs ({pairs} here), one after the other in the same guest, and",
        "the ratio of a pair is what counts. Instructions are counted in a guest of QEMU 10's whose clock they drive",
        "(icount). What other commands measure stands in [measured.md](measured.md).",
        "", f"{time.strftime('%Y-%m-%d')}, host: {platform.machine()}, {cpu[1] if cpu else '?'}; {qemu}; guest: Debian "
        f"{kernel.release} ({kernel.version}), two CPUs: one for Linux, one for the LWK.", "",
        *_micro_section(rows), "", *_apps_section(apps), "", *bench_two.section(two), "",
        *_many_section(many), *_pictures(), "", *bench_peers.section(peers),
    ]
    for title, table in sections:
        lines += ["", f"## {title}", "| what | median | spread | runs | command |", "|---|---|---|---|---|",
                  *(row.cells() for row in table)]
    return "\n".join(lines) + "\n"


def _wanted(names):
    """The rows of each kind."""
    kinds = [tomllib.loads(path.read_text()) for path in (ROWS, MANY_ROWS, APP_ROWS, TWO_ROWS, PEER_ROWS)]
    for name in names:
        if not any(name in kind for kind in kinds):
            raise StillError(f"no row '{name}': still bench --list tells them", status=2)
    return [{name: row for name, row in kind.items() if not names or name in names} for kind in kinds]


def _entry(name, unit, row, native, lwk, ratio, goal, met):
    return {"name": name, "unit": unit, "native": native, "lwk": lwk, "ratio": ratio, "goal": goal, "met": met,
            **({"pairs": row["time_ratios"]} if unit == "ns" else {})}


def _json(rows, many, apps, two):
    entries = [_entry(name, "instructions", row, row["native"] + row["bare"], row["lwk"], row["ratio"], row["goal"],
                      row["met"]) for name, row in rows.items()]
    entries += [_entry(f"{name}_time", "ns", row, row["native_ns"] + row["bare_ns"], row["lwk_ns"],
                       statistics.median(row["time_ratios"]), _time_goal(row),
                       None if _time_goal(row) is None else not _is_slower(row))
                for name, row in rows.items() if "time_ratios" in row]
    entries += [_entry(name, "ns", row, row["native_ns"], row["lwk_ns"], row["ratio"], row["goal"], row["met"])
                | {"bound": row["bound"]} for name, row in apps.items()]
    entries += [_entry(name, "instructions", row, row["native"], row["lwk"], row["ratio"], row["goal"], row["met"])
                for name, row in two.items()]
    entries += [_entry(name, row["unit"], row, row["native"], row["lwk"], row["ratio"],
                       row.get("goal", row.get("limit")), row["met"]) for name, row in many.items()]
    return entries


def _renew(rows, many, apps, two):
    """What was measured takes its place in the page."""
    lines = [(name, cells(name, row), _reason(row) if is_told(row) else None)
             for kind, cells, is_told in (
                 (rows, _cells, lambda row: not row["met"] or _is_slower(row)),
                 (many, _many_cells, lambda row: not row["met"] or "reason" in row),
                 (apps, _app_cells, lambda row: not row["met"]),
                 (two, bench_two.cells, lambda row: not row["met"]))
             for name, row in kind.items()]
    PAGE.write_text(bench_page.renew(PAGE.read_text(), [(name, "| " + " | ".join(cells) + " |", reason)
                                                        for name, cells, reason in lines], time.strftime("%Y-%m-%d")))
    note(f"written: {shown(PAGE)}")


def main(arguments):
    rows, many, apps, two, peers = _wanted(arguments.names)
    if arguments.list:
        for name, row in (rows | many | apps | two | peers).items():
            print(f"{name:20} {row['what']}")
        return 0
    if arguments.renew and (not arguments.names or peers or not arguments.pairs):
        raise StillError("--renew needs the names of rows, other than peers_*, and pairs", status=2)
    packages.need("vm", "demo", "bench")
    build("gcc")
    instance.require_parts()
    if rows:
        _count(rows)
    latencies = _time(rows, arguments.pairs) if rows and arguments.pairs else {}
    series = _measure_many(many) if many else {}
    if apps and arguments.pairs:
        packages.need("apps")
        pairs = max(arguments.pairs, bench_apps.FEWEST_PAIRS)
        _in_guest(f"Time {pairs} pairs of programs", {"mem": "4G"}, bench_apps.measure(apps, pairs))
    if two:
        packages.need("apps")
        in_counting_guest("Count programs on two CPUs", bench_two.measure(two), **bench_two.MACHINE)
    if peers:
        in_counting_guest("Count messages between processes", bench_peers.measure(peers))
    for name, row in rows.items():
        note("  ".join(_cells(name, row)))
    for name, row in peers.items():
        note("\n".join(bench_peers.table(name, row)))
    for name, row in apps.items() if arguments.pairs else ():
        note("  ".join(_app_cells(name, row)))
    for name, row in two.items():
        note("  ".join(bench_two.cells(name, row)))
    for name, row in many.items():
        note("  ".join(_many_cells(name, row)))
    if arguments.json:
        arguments.json.write_text(json.dumps(_json(rows, many, apps if arguments.pairs else {}, two), indent=1) + "\n")
    if arguments.renew:
        _renew(rows, many, apps, two)
    if not arguments.names and arguments.pairs:
        bench_plots.latency(latencies)
        bench_plots.fwq(series["fwq"])
        bench_plots.scaling(series["offload"], series["boot"])
        sections, kernel = bench_programs.measure()
        PAGE.write_text(_page((rows, many, apps, two, peers), sections, kernel, arguments.pairs))
        note(f"written: {shown(PAGE)}")
    return 0
