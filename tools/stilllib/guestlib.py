# SPDX-License-Identifier: BSD-2-Clause
"""What tests, demo and measurements ask of a guest: its instance, its books, its CPUs, its memory, its log."""
import json
import re

from . import instance
from .paths import ROOT
from .progress import StillError
from .session import Session

LOOP_PROOF = ROOT / "tools" / "guest" / "loop_proof.py"

COMPLAINT = re.compile(r"WARNING|BUG|[Oo]ops|Call Trace|general protection|stall|hung task|blocked for more than|"
                       r"soft lockup|Bad page|unexpected|refcount|leaked|double free|page dumped")


class Guest:
    """A Session with the module in it and, when it is asked for, an instance that runs."""

    def __init__(self, machine=None):
        self.session = Session(machine)
        self.is_module_loaded = False

    def start(self):
        self.session.start()
        self.run(["dmesg", "-C"])
        return self

    def stop(self):
        self.session.stop()

    def __getattr__(self, name):
        return getattr(self.session, name)

    # --- the instance ---

    def load_module(self):
        if not self.is_module_loaded:
            instance.load_module(self.session)
            self.is_module_loaded = True

    def unload_module(self):
        self.session.check(["rmmod", "stillcore"], "/")
        self.is_module_loaded = False

    def up(self, *arguments):
        self.load_module()
        return self.session.check(["ihkosctl", "up", *arguments], "/")

    def down(self):
        self.session.check(["ihkosctl", "down"], "/")

    def state(self):
        """The state of instance 0, or None if there is none."""
        result = self.run(["ihkosctl", "0", "get", "status"])
        return result.stdout.strip() if result.status == 0 else None

    def status(self):
        return self.status_of(0)

    def status_of(self, os):
        return json.loads(self.session.check(["ihkosctl", "status", str(os), "--json"], "/"))

    def ensure_up(self):
        """A running instance, whatever the last test left behind."""
        self.load_module()
        state = self.state()
        if state == "RUNNING" and self.status()["processes"] == 0:
            return
        if state is not None:
            self.run(["pkill", "-9", "mcexec"])
            self.down()
        self.up()

    def ensure_down(self):
        self.load_module()
        if self.state() is not None:
            self.run(["pkill", "-9", "mcexec"])
            self.down()

    def mcexec(self, *argv, **options):
        return self.run(["mcexec", *argv], **options)

    def kmsg(self):
        return self.session.check(["ihkosctl", "0", "kmsg"], "/")

    # --- Linux's side ---

    def accounts(self):
        return json.loads(self.session.check(["ihkconfig", "0", "get", "accounts", "--json"], "/"))

    def online_cpus(self):
        return self.session.check(["cat", "/sys/devices/system/cpu/online"], "/").strip()

    def mem_free_kib(self):
        """Free memory with Linux's caches dropped: MemFree, and what its CPUs keep on free lists of their own, which
        MemFree leaves out (up to 10 MiB were seen to come and go there)."""
        script = ("sync; for i in 1 2 3; do echo 3 > /proc/sys/vm/drop_caches; done; "
                  "echo 1 > /proc/sys/vm/compact_memory; grep MemFree: /proc/meminfo; grep ' count:' /proc/zoneinfo")
        free, *lists = self.session.check(["sh", "-c", script], "/").splitlines()
        return int(free.split()[1]) + 4 * sum(int(line.split()[1]) for line in lists)

    def complaints(self):
        """Lines of Linux's log since the last call that nobody wants to see there."""
        log = self.session.check(["dmesg", "-c"], "/")
        (self.session.directory / "dmesg.log").open("a").write(log)
        return [line for line in log.splitlines() if COMPLAINT.search(line)]

    def loop_proof(self, native=False, seconds=5):
        result = self.run(["python3", "-c", LOOP_PROOF.read_text(), *(["--native"] if native else [])],
                          env={"LOOP_SECONDS": str(seconds)}, timeout=seconds + 60)
        if result.status != 0:
            raise StillError(f"the compute loop failed: {result!r}")
        return json.loads(result.stdout)
