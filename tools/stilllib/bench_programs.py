# SPDX-License-Identifier: BSD-2-Clause
"""Start, round trips and whole programs, for still bench. Runs come in pairs, and the ratio of a pair is what counts:
under TCG a time alone says more about the host than about the guest."""
import re
import statistics
from dataclasses import dataclass

from . import alone
from .bench_apps import FAST
from .guestlib import Guest
from .paths import LATENCY, NULL_OFFLOAD, shown
from .progress import StillError, step
from .qemu import Machine

PAIRS = 7
NOISE = "/tmp/noise"

# What null_offload prints for each of its two calls.
MEDIAN = re.compile(r"(offloaded|local)[^:]*: median (\d+) ns")

FIRST_OUTPUT = """
start=$(date +%s%N)
insmod "$1" && ihkosctl up --cpus 1 --mem 512m 2>/dev/null && mcexec date +%s%N > /tmp/first || exit 1
echo $(( ($(cat /tmp/first) - start) / 1000 ))
ihkosctl down 2>/dev/null && rmmod stillcore
"""


@dataclass
class Row:
    what: str
    values: list
    unit: str
    command: str

    def cells(self):
        low, high = min(self.values), max(self.values)
        middle = statistics.median(self.values)
        digits = 0 if middle >= 100 else 2
        return (f"| {self.what} | {middle:.{digits}f} {self.unit} | {low:.{digits}f} to {high:.{digits}f} | "
                f"{len(self.values)} | `{self.command}` |")


def ratios(ours, theirs):
    return [ours_value / theirs_value for ours_value, theirs_value in zip(ours, theirs)]


def _samples(guest, argv):
    """The median of the numbers that a program prints."""
    return statistics.median(float(line) for line in guest.check(argv, timeout=120).split())


def _null_offload(guest, prefix, rounds, pause_us=0):
    out = guest.check([*prefix, NULL_OFFLOAD, rounds, pause_us], timeout=180)
    return {name: float(value) for name, value in MEDIAN.findall(out)}


def _first_output(guest):
    """Seconds from insmod to the first byte of a program: the module is loaded and unloaded each time."""
    times = []
    for _ in range(PAIRS):
        out = guest.check(["bash", "-c", FIRST_OUTPUT, "bash", guest.kernel.module], timeout=60)
        times.append(int(out.split()[0]) / 1e6)
    return [Row("insmod to the first program's output", times, "s", "insmod; ihkosctl up; mcexec date +%s%N")]


def _round_trips(guest):
    """On two CPUs: while both are Linux's the bare ping-pong, then one is the LWK's."""
    bare = [_samples(guest, [LATENCY, "pingpong"]) for _ in range(PAIRS)]
    guest.up("--cpus=1", "--mem=512m")
    native, polled, slept = [], [], []
    for _ in range(PAIRS):
        native.append(_null_offload(guest, [], 2000))
        polled.append(_null_offload(guest, ["mcexec"], 2000))
        slept.append(_null_offload(guest, ["mcexec"], 100, 20000))
    offloaded, local = "offloaded", "local"
    lseek = [run[offloaded] for run in native]
    name = NULL_OFFLOAD.name
    rows = [
        Row("two Linux CPUs pass a word to and fro", bare, "ns", "latency pingpong"),
        Row("empty call (lseek of no file), natively", lseek, "ns", f"{name} 2000"),
        Row("the same, offloaded back to back", [run[offloaded] for run in polled], "ns", f"mcexec {name} 2000"),
        Row("the same, offloaded after a pause of 20 ms", [run[offloaded] for run in slept], "ns",
            f"mcexec {name} 100 20000"),
        Row("**ratio** offloaded back to back / native", ratios([run[offloaded] for run in polled], lseek), "",
            "as above"),
        Row("**ratio** offloaded back to back / ping-pong", ratios([run[offloaded] for run in polled], bare), "",
            "as above"),
        Row("**ratio** offloaded after a pause / native", ratios([run[offloaded] for run in slept], lseek), "",
            "as above"),
        Row("local call (getpid), natively", [run[local] for run in native], "ns", f"{name} 2000"),
        Row("local call (getpid), on the LWK", [run[local] for run in polled], "ns", f"mcexec {name} 2000"),
        Row("**ratio** local call LWK / native",
            ratios([run[local] for run in polled], [run[local] for run in native]), "", "as above"),
    ]
    return rows


def _programs(guest):
    """One program on one Linux CPU and on one LWK CPU, one after the other; with flush=always (bench_apps)."""
    guest.down()
    guest.up("--cpus=1", "--mem=512m", "--kargs", FAST)
    guest.check(["sh", "-c", f"head -c 67108864 /dev/urandom > {NOISE}; head -c 4194304 {NOISE} > {NOISE}4"])
    rows = []
    for title, argv in (("sha256sum of 64 MiB", ["sha256sum", NOISE]),
                        ("xz -1 of 4 MiB", ["sh", "-c", f"exec xz -1 -T1 -c {NOISE}4 > /dev/null"])):
        ours, theirs = [], []
        for _ in range(PAIRS):
            theirs.append(guest.run(["taskset", "-c", "0", *argv]).seconds)
            if argv[0] == "sh":
                ours.append(guest.run(["sh", "-c", argv[2].replace("exec ", "exec mcexec ")]).seconds)
            else:
                ours.append(guest.mcexec(*argv).seconds)
        shown_command = f"mcexec {title.split(' of ')[0]}"
        rows += [Row(f"{title}, Linux CPU", theirs, "s", shown_command.replace("mcexec", "taskset -c 0")),
                 Row(f"{title}, LWK CPU", ours, "s", shown_command),
                 Row(f"**ratio** {title}, LWK / Linux", ratios(ours, theirs), "", "as above")]
    return rows


def _instructions():
    """Exact: under icount the TSC counts instructions. One CPU each, since QEMU 7.2 boots Linux so with one only."""
    tap, wrong, log = alone.run("lwk-icount", 1, alone.pvh(), icount=True)
    alone.raise_if_bad(tap, wrong, log)
    match = re.search(r"# getpid: (\d+) TSC ticks", log.read_text(errors="replace"))
    if not match:
        raise StillError("the in-LWK tests did not say what a getpid takes", shown(log))
    rows = [Row("getpid on the LWK", [float(match[1])], "instructions",
                "qemu -icount shift=0,sleep=off -kernel stillcore.elf -append tests")]
    guest = Guest(Machine(smp=1, mem="1G", icount=True))
    try:
        guest.start()
        native = _samples(guest, [LATENCY, "getpid"])
        guest.stop()
    finally:
        guest.kill()
    rows.append(Row("getpid on Linux", [native], "instructions", "latency getpid, in a guest with icount"))
    rows.append(Row("**ratio** LWK / Linux", [float(match[1]) / native], "", "as above"))
    return rows


def measure():
    """The sections (title, rows), and the guest's kernel."""
    sections = []
    guest = Guest(Machine(smp=2, mem="2G"))
    try:
        with step("Boot a guest with two CPUs"):
            guest.start()
        for title, measure_it in (("Start", _first_output), ("System calls", _round_trips), ("Programs", _programs)):
            with step(f"Measure: {title}"):
                sections.append((title, measure_it(guest)))
        guest.down()
        guest.unload_module()
        guest.stop()
    finally:
        guest.kill()
    with step("Measure: instructions"):
        sections.append(("Instructions of the local path", _instructions()))
    return sections, guest.kernel
