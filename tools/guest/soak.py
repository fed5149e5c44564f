# SPDX-License-Identifier: BSD-2-Clause
"""Starts mixed programs under mcexec and kills some of them, at random: soak.py PROGRAMS-FOLDER SEED SECONDS.

Tells a line for each that ended by itself otherwise than it should, or that could not be killed; then how many ran.
"""
import os
import random
import shutil
import signal
import subprocess
import sys
import time

PLACE = "/tmp/soak"
TO_DIE = 60.0
AT_ONCE = 5


def jobs(folder):
    """(command, longest time that it may take if nobody kills it)"""
    own = [[f"{folder}/{name}"] for name in ("threads", "efault", "signals", "arguments")]
    return own + [
        [f"{folder}/memory_storm", "1"], [f"{folder}/pins", "1"], [f"{folder}/compute", "3"], [f"{folder}/fork_storm"],
        ["python3", "-c", "import threading as t; a = [t.Thread(target=sum, args=(range(99999),)) for _ in range(8)]\n"
                          "for x in a: x.start()\nfor x in a: x.join()"],
        ["xz", "-1", "-T2", "-k", "-c", "/usr/bin/bash"], ["sha256sum", "/usr/bin/python3"], ["sleep", "5"],
        ["bash", "-c", "for i in 1 2 3 4 5; do seq 1000 | sort -rn | tail -1 > $i; done; (sleep 1; echo x) & wait"],
        ["perl", "-e", "my $p = fork; if (!$p) { sleep 1; exit 3 } waitpid($p, 0); exit($? >> 8 != 3)"],
        ["sh", "-c", "while :; do :; done"],  # ends only by a signal
    ]


class Job:
    def __init__(self, number, argv, dice):
        self.argv = argv
        self.place = f"{PLACE}/{number}"
        os.makedirs(self.place)
        self.process = subprocess.Popen(["mcexec", *argv], cwd=self.place, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        endless = argv[-1] == "while :; do :; done"
        self.die_at = time.monotonic() + dice.uniform(0, 4) if endless or dice.random() < 0.5 else None
        self.signal = dice.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
        self.killed_at = None

    def step(self):
        """None while it runs; then what is wrong, or an empty text."""
        now = time.monotonic()
        status = self.process.poll()
        if status is not None:
            try:  # what it left behind goes with it
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            shutil.rmtree(self.place, ignore_errors=True)
            return f"{self.argv}: status {status}" if status and self.killed_at is None else ""
        if self.die_at and now > self.die_at and self.killed_at is None:
            self.killed_at = now
            os.killpg(self.process.pid, self.signal)
        elif self.killed_at and now > self.killed_at + 5:
            os.killpg(self.process.pid, signal.SIGKILL)  # it may ignore the others
        if self.killed_at and now > self.killed_at + TO_DIE:
            return f"{self.argv}: can't be killed"
        return None


def main():
    folder, seed, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    dice = random.Random(seed)
    shutil.rmtree(PLACE, ignore_errors=True)
    deadline = time.monotonic() + seconds
    running, started, wrong = [], 0, 0
    while running or time.monotonic() < deadline:
        while len(running) < AT_ONCE and time.monotonic() < deadline:
            running.append(Job(started, dice.choice(jobs(folder)), dice))
            started += 1
        for job in list(running):
            said = job.step()
            if said is not None:
                running.remove(job)
                if said:
                    wrong += 1
                    print(said, flush=True)
        time.sleep(0.02)
    print(f"{started} programs", flush=True)
    return 1 if wrong else 0


sys.exit(main())
