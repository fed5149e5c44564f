# SPDX-License-Identifier: BSD-2-Clause
"""The LWK alone on machines of many shapes: what stands on the console, and how the machine ends."""
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from stilllib import alone  # noqa: E402


@dataclass
class Ran:
    status: int | None  # as the LWK told it; None: it went without telling
    console: str
    timed_out: bool

    def log(self, pattern):
        """The first line of the kernel's log with that pattern."""
        found = re.search(rf"^\[\d+\.\d+\] .*?{pattern}", self.console, re.MULTILINE)
        assert found, f"{pattern} is not in the log:\n{self.console}"
        return found


def machine(smp=2, mem="512M", icount=False, memory=None):
    """QEMU's arguments; memory: other ones for memory and nodes."""
    argv = alone.qemu_arguments(smp, icount, mem)
    if memory is None:
        return argv
    start = argv.index("-machine")
    return [*argv[:start], *memory, *argv[start + 4:]]


def node(number, mem=None, cpus=None):
    """One node's arguments: without memory where mem is None, without CPUs where cpus is."""
    argv = ["-object", f"memory-backend-ram,id=mem{number},size={mem},reserve=off"] if mem else []
    of = f"node,nodeid={number}" + (f",memdev=mem{number}" if mem else "") + (f",cpus={cpus}" if cpus else "")
    return [*argv, "-numa", of]


def pvh(line=""):
    alone.require_image()
    return ["-kernel", str(alone.KERNEL_IMAGE), "-append", line]


def run(argv, timeout=60, typed=(), until=None):
    """typed: pairs of what to wait for and what to type. until: the machine is ended when this stands there."""
    with tempfile.TemporaryDirectory(prefix="still-machine-") as place:
        told, console = Path(place) / "status", Path(place) / "console"
        argv = [*argv, "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console", "-debugcon",
                f"file:{told}"]

        def shown():
            return console.read_text(errors="replace").replace("\r\n", "\n")

        def wait_for(text, qemu, seconds):
            deadline = time.monotonic() + seconds
            while text not in shown() and qemu.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)

        timed_out = False
        with console.open("wb") as out, subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=out,
                                                         stderr=subprocess.STDOUT) as qemu:
            try:
                for text, keys in typed:
                    wait_for(text, qemu, 30)
                    qemu.stdin.write(keys.encode())
                    qemu.stdin.flush()
                if until is not None:
                    wait_for(until, qemu, timeout)
                    qemu.kill()
                qemu.wait(timeout)
            except subprocess.TimeoutExpired:
                timed_out = True
                qemu.kill()
            except BrokenPipeError:
                pass
        found = re.search(r"status (\d+)", told.read_text(errors="replace")) if told.exists() else None
        return Ran(int(found[1]) if found else None, shown(), timed_out)


def verdicts(console):
    """The built-in initial task's tests with their verdicts."""
    return dict(re.findall(r"^TEST END: (.*?): (\w+)", console, re.MULTILINE))


def assert_passed(ran, tests=("task management", "memory", "processes", "SMARTMAP and XPMEM", "timing")):
    found = verdicts(ran.console)
    for name in tests:
        assert found.get(name) == "PASSED", f"{name}: {found.get(name)}\n{ran.console}"
    assert "FAILED" not in found.values(), ran.console
    assert ran.status == 0, ran.console
