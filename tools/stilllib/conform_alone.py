# SPDX-License-Identifier: BSD-2-Clause
"""still conform --alone: the programs of tests/conform on the LWK alone, and natively in a guest: the same output, the
same end, the same files? The driver of the guest (tools/guest/conform.py) is the initial task, in python."""
import json
import os
import queue
import subprocess
import tempfile
import threading
import time
import tomllib
from pathlib import Path

from . import alone, closure, conform_cases
from .alone_line import command_line
from .conform_verdict import DIFFERS, DRIVER, GRACE, KNOWN, Verdict, judge
from .cpio import Archive
from .guestlib import Guest
from .paths import KERNEL_IMAGE
from .progress import step
from .qemu import Machine

DIFFERENCES = conform_cases.FOLDER / "differs_alone.toml"
PYTHON = "/usr/bin/python3"
CPUS = 4  # there and here: some programs count them
TOOLS = ("true", "false", "sh", "bash", "echo", "cat", "sleep", "env")
NOT_NEEDED = {"__pycache__", "test", "idlelib", "tkinter", "lib2to3", "ensurepip", "pydoc_data", "turtledemo",
              "distutils", "unittest"}


def known_differences():
    return tomllib.loads(DIFFERENCES.read_text())


def _library():
    return subprocess.run([PYTHON, "-c", "import os; print(os.path.dirname(os.__file__))"], capture_output=True,
                          text=True, check=True).stdout.strip()


def _archive(cases):
    archive = Archive()
    library = _library()
    closure.fill(archive, PYTHON, [os.path.join(library, "lib-dynload"), *(case.argv[0] for case in cases),
                                   *map(closure.find, TOOLS), "/etc/debian_version"])
    for number in range(120):  # a large directory
        archive.put(f"usr/bin/.another-{number}", 0o100644)
    for name in sorted(os.listdir(library)):
        path = os.path.join(library, name)
        if os.path.isdir(path) and name not in NOT_NEEDED:
            archive.put_tree(path, path)
        elif name.endswith(".py"):
            archive.put_from_host(path)
    archive.put("driver.py", 0o100644, DRIVER.read_bytes())
    told = [case.for_guest(("alone",)) for case in cases]
    archive.put("cases.json", 0o100644, json.dumps(told).encode())
    return archive


class _Boot:
    """The LWK alone with the driver and these cases; what it prints comes line by line."""

    def __init__(self, cases, place):
        path = Path(place) / "cases.cpio"
        path.write_bytes(_archive(cases).to_bytes())
        line = command_line(["quiet", "screen=off"], PYTHON, ["-B", "/driver.py", "/cases.json"])
        argv = [*alone.qemu_arguments(CPUS, mem="2G"), "-kernel", str(KERNEL_IMAGE), "-initrd", str(path),
                "-append", line, "-serial", "stdio"]
        self.lines, self.said = queue.Queue(), []
        self.qemu = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.qemu.stdout:
            self.lines.put(line.rstrip(b"\r\n").decode(errors="replace"))

    def result_of(self, case):
        """The next run that the driver tells of; None if there will be none."""
        deadline = time.monotonic() + case.timeout + 2 * GRACE
        while time.monotonic() < deadline:
            try:
                line = self.lines.get(timeout=0.2)
            except queue.Empty:
                if self.qemu.poll() is None or self._reader.is_alive():
                    continue
                return None
            if line.startswith('{"name": "' + case.name + '"'):
                return json.loads(line)
            self.said.append(line)
        return None

    def end(self):
        self.qemu.kill()
        self.qemu.wait()


def run_alone(cases, tell):
    """tell(case, result, said) for each, in order; the result is None if the machine ended or stood still."""
    left = list(cases)
    while left:
        with tempfile.TemporaryDirectory(prefix="still-conform-") as place:
            boot = _Boot(left, place)
            try:
                while left:
                    case = left.pop(0)
                    result = boot.result_of(case)
                    tell(case, result, "\n".join(boot.said[-25:]))
                    if result is None:
                        break
            finally:
                boot.end()


def run_natively(cases):
    """What Linux says to each, in a guest."""
    results = {}
    guest = Guest(Machine(smp=CPUS))
    with step("Boot Debian for the native runs"):
        guest.start()
    try:
        command = guest.spawn(["python3", str(DRIVER)], cwd="/")
        command.write(json.dumps([case.for_guest(("native",)) for case in cases]).encode())
        command.close_stdin()
        command.wait(sum(case.timeout for case in cases) + GRACE)
        for line in command.stdout.splitlines():
            result = json.loads(line)
            results[result["name"]] = result
    finally:
        guest.stop()
    return results


def run_cases(cases, tell):
    native, known = run_natively(cases), known_differences()
    verdicts = []

    def one(case, result, said):
        if result is None:
            reason = known.get(case.name, "")
            verdict = Verdict(case, KNOWN if reason else DIFFERS, reason, f"no result\n{said}")
        else:
            verdict = judge(case, native[case.name], result, known)
        verdicts.append(verdict)
        tell(verdict)

    run_alone(cases, one)
    return verdicts
