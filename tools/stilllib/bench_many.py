# SPDX-License-Identifier: BSD-2-Clause
"""Rows of still bench that need more CPUs than one of each kind, or a boot (bench/many.toml)."""
import contextlib
import json
import re
import socket
import statistics
import tempfile
import time
from pathlib import Path

from . import alone, quiet
from .paths import GCC, IHKOSCTL, KERNEL_IMAGE, MCEXEC
from .progress import StillError, step

CROWD = GCC / "bench" / "crowd"
FWQ = GCC / "bench" / "fwq"
HOLD = GCC / "bench" / "hold"
NOTHING = GCC / "bench" / "nothing"
GIB = 1 << 30
CROWD_MS = 200
THREADS = (1, 2, 4, 8)
BOOT_CPUS = (1, 2, 4, 8, 16)
QUANTA, LOOPS = 2000, 300_000
QUIET_SECONDS = 20

# What is timed lies in the guest's own memory: while all wait for a file of the host's, the clock leaps.
PLACE = "/tmp/tools"
PREPARE = f"""
mkdir -p {PLACE}; cp "$@" /sbin/insmod {PLACE}
ldd {PLACE}/ihkosctl {PLACE}/insmod | grep -o '/[^ ]*' | grep -v '/tmp' | grep -v ':$' | sort -u | xargs cp -t {PLACE}
"""
WITH = f"{PLACE}/ld-linux-x86-64.so.2 --library-path {PLACE} {PLACE}/"
STEPS = {
    "reboot": f"{WITH}ihkosctl reboot --image {PLACE}/stillcore.elf",
    "first": f"{WITH}insmod {PLACE}/stillcore.ko && {WITH}ihkosctl up --cpus=1 --mem=512m --image {PLACE}/stillcore.elf"
             f" && {PLACE}/mcexec {PLACE}/nothing",
    "hotplug": "echo 0 > /sys/devices/system/cpu/cpu1/online && echo 1 > /sys/devices/system/cpu/cpu1/online",
}
TIMED = """start=$EPOCHREALTIME; { %s; } >/dev/null 2>/tmp/said || { cat /tmp/said; exit 1; }
end=$EPOCHREALTIME; echo $(( (${end/./} - ${start/./}) ))"""
TURNS = 5


class Many:
    """What was measured, by row; series are for the plots."""

    def __init__(self, rows):
        self.rows = rows
        self.series = {}

    def wants(self, *names):
        return any(name in self.rows for name in names)

    def set(self, name, native, lwk):
        if name in self.rows:
            self.rows[name] |= {"native": native, "lwk": lwk}

    # --- where the clock counts instructions ---

    def _up(self, guest, cpus):
        """Milliseconds that the boot took."""
        guest.load_module()
        result = guest.run(["ihkosctl", "up", f"--cpus=1-{cpus}", "--mem=896m"], "/", timeout=300)
        match = re.search(r"RUNNING after ([\d.]+) ms", result.stdout + result.stderr)
        if result.status != 0 or not match:
            raise StillError(f"no instance with {cpus} CPUs: {result!r}")
        return float(match[1])

    def boots(self, guest):
        """17 CPUs."""
        took = {}
        for cpus in BOOT_CPUS:
            took[cpus] = self._up(guest, cpus)
            guest.down()
        self.series["boot"] = took
        self.set("boot_16", took[1], took[16])

    def _turnaround(self, guest):
        def ms(step):
            return int(guest.check(["bash", "-c", TIMED % STEPS[step]], timeout=120)) / 1000

        def first():
            if guest.is_module_loaded:
                guest.ensure_down()
                guest.unload_module()
            took = ms("first")
            guest.is_module_loaded = True
            return took

        files = [IHKOSCTL, MCEXEC, KERNEL_IMAGE, guest.kernel.module, NOTHING]
        guest.check(["bash", "-ec", PREPARE, "bash", *map(str, files)])
        hotplug = statistics.median(ms("hotplug") for _ in range(TURNS))
        # More than once: the first time the guest fetches files from the host, and its clock runs on while it waits.
        self.set("first_program", hotplug, statistics.median(first() for _ in range(TURNS)))
        self.set("reboot", hotplug, statistics.median(ms("reboot") for _ in range(TURNS)))
        guest.down()

    def _crowd(self, guest, threads, blocked=0):
        out = guest.check(["mcexec", CROWD, threads, CROWD_MS, blocked], timeout=300).split()
        return float(out[0]), int(out[1]), int(out[2])

    def _offload(self, guest):
        self._up(guest, THREADS[-1])
        each = {threads: self._crowd(guest, threads) for threads in THREADS}
        self.series["offload"] = {threads: took for threads, (took, _, _) in each.items()}
        for threads in THREADS[1:]:
            self.set(f"offload_{threads}", each[1][0], each[threads][0])
        self.set("offload_8_fair", each[8][1], each[8][2])
        if self.wants("offload_4_blocked"):
            self.set("offload_4_blocked", each[4][0], self._crowd(guest, 4, 8)[0])
        guest.down()

    def _fwq(self, guest):
        def run(*prefix):
            return [int(line) for line in guest.check([*prefix, FWQ, QUANTA, LOOPS], timeout=300).split()]

        def longer(quanta):
            return sum(took > min(quanta) for took in quanta)

        self._up(guest, 2)
        native, lwk = run("taskset", "-c", "0"), run("mcexec", "-c", "0")
        self.series["fwq"] = {"Linux's CPU": native, "LWK CPU": lwk}
        self.set("fwq_linux_sleeps", longer(native), longer(lwk))
        if self.wants("fwq_interrupts"):
            program = quiet.start_computing(guest)
            before = quiet.counts(guest)
            guest.check(["mcexec", "-c", "1", CROWD, 1, 5 * CROWD_MS], timeout=300)
            after = quiet.counts(guest)
            quiet.end(program)
            self.set("fwq_interrupts", None, sum(after.values()) - sum(before.values()))
        guest.down()

    def counting(self):
        """What is to be done in a guest with 9 CPUs."""
        works = {self._offload: ("offload_2", "offload_4", "offload_8", "offload_8_fair", "offload_4_blocked"),
                 self._fwq: ("fwq_linux_sleeps", "fwq_interrupts"),
                 self._turnaround: ("reboot", "first_program")}
        return [work for work, names in works.items() if self.wants(*names)]

    # --- on the host's time ---

    def quiet(self, guest):
        """Four CPUs, of which the LWK has the last."""
        script = f"taskset -c 2 {FWQ} {' '.join(map(str, quiet.FOR_EVER))} >/dev/null & echo $!"
        computing = guest.check(["sh", "-c", script]).strip()
        before, start = quiet.of_linux_cpu(guest, 2), time.monotonic()
        time.sleep(QUIET_SECONDS)
        native = (quiet.of_linux_cpu(guest, 2) - before) * QUIET_SECONDS / (time.monotonic() - start)
        guest.check(["kill", "-9", computing])
        guest.up("--cpus=3")
        came, _ = quiet.measure(guest, QUIET_SECONDS)
        self.set("quiet", round(native), sum(came.values()))
        guest.down()

    @contextlib.contextmanager
    def monitor(self):
        """A machine whose page tables QEMU can be asked for."""
        with tempfile.TemporaryDirectory() as folder:
            self._monitor = Path(folder) / "monitor"
            yield {"mem": "12G", "extra": ["-qmp", f"unix:{self._monitor},server=on,wait=off"]}

    def _leaves(self, guest, cpu, argv):
        """Of the 1 GiB that the program holds, which runs on that CPU."""
        program = guest.spawn([*argv, HOLD, GIB])
        while "\n" not in program.stdout and program.is_running:
            time.sleep(0.2)
        start = int(program.stdout, 16)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self._monitor))
            channel = connection.makefile("rw")

            def ask(command, **arguments):
                channel.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
                channel.flush()
                while "return" not in (answer := json.loads(channel.readline())):
                    if "error" in answer:
                        raise StillError(f"QEMU's monitor: {answer['error']}")
                return answer["return"]

            channel.readline()
            ask("qmp_capabilities")
            text = ask("human-monitor-command", **{"command-line": "info tlb", "cpu-index": cpu})
        program.kill(9)
        program.wait(30)
        places = (int(line.split(":")[0], 16) for line in text.splitlines() if ":" in line)
        return sum(start <= place < start + GIB for place in places)

    def large_pages(self, guest):
        """Two CPUs."""
        native = self._leaves(guest, 0, ["taskset", "-c", "0"])
        guest.up("--cpus=1", "--mem=9g")
        self.set("large_pages", native, self._leaves(guest, 1, ["mcexec"]))
        guest.down()

    def alone(self):
        with step("Count in the LWK alone, four CPUs"):
            tap, wrong, log = alone.run("lwk-fwq", 4, alone.pvh(), icount=True)
            alone.raise_if_bad(tap, wrong, log)
            match = re.search(r"# fwq: \d+ TSC ticks, up to (\d+) more", log.read_text(errors="replace"))
            if not match:
                raise StillError("the in-LWK tests did not say what their quanta of work took")
            self.set("fwq_alone", None, int(match[1]))

    def judge(self):
        for row in self.rows.values():
            native, lwk = row["native"], row["lwk"]
            row["ratio"] = lwk / native if native else None
            row["met"] = lwk <= row["limit"] if "limit" in row else row["ratio"] <= row["goal"]
