# SPDX-License-Identifier: BSD-2-Clause
"""Rows of still bench that need more CPUs than one of each kind, or a boot (bench/many.toml)."""
import re
import statistics
import time

from . import alone, quiet
from .paths import GCC
from .progress import StillError, step

CROWD = GCC / "bench" / "crowd"
FWQ = GCC / "bench" / "fwq"
CROWD_MS = 200
THREADS = (1, 2, 4, 8)
BOOT_CPUS = (1, 2, 4, 8, 16)
QUANTA, LOOPS = 2000, 300_000
QUIET_SECONDS = 20

REBOOT = ("start=$(date +%s%N); ihkosctl reboot >/dev/null 2>&1 && end=$(date +%s%N) && "
          "echo $(( (end - start) / 1000 ))")
FIRST_PROGRAM = ('start=$(date +%s%N); insmod "$1" && ihkosctl up --cpus=1 --mem=512m >/dev/null 2>&1 && mcexec true '
                 "&& end=$(date +%s%N) && echo $(( (end - start) / 1000 ))")
HOTPLUG = ("cd /sys/devices/system/cpu/cpu1; start=$(date +%s%N); echo 0 > online && echo 1 > online && "
           "end=$(date +%s%N) && echo $(( (end - start) / 1000 ))")


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
        def median_ms(script):
            values = [int(guest.check(["bash", "-c", script, "bash", guest.kernel.module], timeout=120)) / 1000
                      for _ in range(3)]
            return statistics.median(values)

        hotplug = median_ms(HOTPLUG)
        if guest.is_module_loaded:
            guest.unload_module()
        first = int(guest.check(["bash", "-c", FIRST_PROGRAM, "bash", guest.kernel.module], timeout=120)) / 1000
        guest.is_module_loaded = True
        self.set("reboot", hotplug, median_ms(REBOOT))
        self.set("first_program", hotplug, first)
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
