# SPDX-License-Identifier: BSD-2-Clause
"""Reserve, boot, run, shut down, release, with delays and kills at random: cycles.py PROGRAMS-FOLDER SEED COUNT.

After each cycle what a killed tool left behind is given back with the tools themselves, and nothing may be held. A line
tells what went wrong and in which cycle; the last one how much was done.
"""
import collections
import fcntl
import json
import os
import random
import signal
import struct
import subprocess
import sys
import time

DEADLINE = 60.0


class Trouble(Exception):
    pass


def held():
    """Pages and CPUs that the module holds (STILL_IOC_ACCOUNTS)."""
    with open("/dev/ihk", "rb") as device:
        data = fcntl.ioctl(device, 2 << 30 | 80 << 16 | ord("h") << 8 | 10, bytes(80))
    numbers = struct.unpack("10Q", data)
    return numbers[4], numbers[5], numbers[0] - numbers[1]


def tool(*argv, kill_after=None, good=(0,)):
    """Runs it to its end, or kills it after so long; None if it was killed."""
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          start_new_session=True) as process:
        try:
            output = process.communicate(timeout=kill_after if kill_after is not None else DEADLINE)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            try:
                process.communicate(timeout=DEADLINE)
            except subprocess.TimeoutExpired:
                raise Trouble(f"{' '.join(argv)} can't be killed") from None
            if kill_after is None:
                raise Trouble(f"{' '.join(argv)} does not end") from None
            return None
    if good and process.returncode not in good:
        raise Trouble(f"{' '.join(argv)}: status {process.returncode}: {output.decode(errors='replace')}")
    return output.decode(errors="replace").strip()


class Cycle:
    def __init__(self, dice, programs, count):
        self.dice, self.programs, self.count = dice, programs, count
        self.spare = None  # a CPU that may come

    def maybe_killed(self, what, chance, longest, *argv):
        """True if the tool came to its end."""
        kill = self.dice.random() < chance
        self.count[what] += 1
        done = tool(*argv, kill_after=self.dice.uniform(0, longest) if kill else None) is not None
        if not done:
            self.count[what + " killed"] += 1
        return done

    def bring_up(self):
        cpus, mem = self.dice.choice(["2", "3", "2-3", "3,2"]), self.dice.choice(["64m", "128m", "256m"])
        self.spare = {"2": "3", "3": "2"}.get(cpus)
        return self.maybe_killed("up", 0.35, 0.6, "ihkosctl", "up", "--cpus", cpus, "--mem", mem)

    def use(self):
        for _ in range(self.dice.randint(0, 2)):
            program = self.dice.choice([["echo"], [f"{self.programs}/threads"], [f"{self.programs}/compute", "1"]])
            self.maybe_killed("mcexec", 0.4, 1.0, "mcexec", *program)
        if self.spare and self.dice.random() < 0.5:
            self.change_cpus()
        chance = self.dice.random()
        if chance < 0.1:
            self.maybe_killed("dump", 0.7, 0.5, "ihkosctl", "0", "dump", "/tmp/cycles.core")
        elif chance < 0.2:
            tool("ihkosctl", "0", "freeze")
            self.count["freeze"] += 1
        elif chance < 0.3:
            tool("ihkosctl", "0", "inject", self.dice.choice(["panic", "page-fault", "double-fault"]))
            self.count["panic"] += 1
        elif chance < 0.4:
            self.maybe_killed("reboot", 0.3, 0.5, "ihkosctl", "reboot")

    def change_cpus(self):
        with subprocess.Popen(["mcexec", f"{self.programs}/threads"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as under_way:
            self.maybe_killed("reserve", 0.3, 0.2, "ihkconfig", "0", "reserve", "cpu", self.spare)
            # What was killed before it was done is no error of the next step.
            for verb in ("assign", "release"):
                kill = self.dice.random() < 0.3
                tool("ihkosctl", "0", verb, "cpu", self.spare, good=(0, 1),
                     kill_after=self.dice.uniform(0, 0.2) if kill else None)
                self.count[f"{verb} cpu"] += 1
            under_way.kill()

    def mop_up(self):
        for index in tool("ihkconfig", "0", "get", "os_instances").split():
            tool("ihkosctl", "down", index)
        for kind in ("mem", "cpu"):
            if left := tool("ihkconfig", "0", "query", kind):
                tool("ihkconfig", "0", "release", kind, left)

    def run(self):
        if self.bring_up():
            time.sleep(self.dice.choice([0, 0, self.dice.uniform(0, 0.3)]))
            self.use()
            self.maybe_killed("down", 0.25, 0.6, "ihkosctl", "down")
        self.mop_up()
        if any(held()):
            raise Trouble(f"pages, CPUs held and pages not returned: {held()}")
        with open("/sys/devices/system/cpu/online", encoding="ascii") as file:
            online = file.read().strip()
        if online != f"0-{os.cpu_count() - 1}":
            raise Trouble(f"CPUs {online} are online")


def main():
    programs, seed, cycles = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    dice, count = random.Random(seed), collections.Counter()
    for number in range(cycles):
        try:
            Cycle(dice, programs, count).run()
        except Trouble as trouble:
            print(f"cycle {number} of seed {seed}: {trouble}")
            return 1
    print(json.dumps({"cycles": cycles, **dict(sorted(count.items()))}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
