# SPDX-License-Identifier: BSD-2-Clause
"""The LWK booted alone: its own tests, in TAP on the serial console."""
import re
import subprocess
from dataclasses import dataclass, field

from .paths import KERNEL_IMAGE, LOGS, shown
from .progress import StillError
from .shell_out import tail_of

PASSED, FAILED = 33, 35  # what isa-debug-exit makes of 0x10 and 0x11: 2 * value + 1


@dataclass
class Tap:
    planned: int | None = None
    passed: list = field(default_factory=list)
    failed: list = field(default_factory=list)
    skipped: list = field(default_factory=list)

    @property
    def is_complete(self):
        return self.planned is not None and self.planned == len(self.passed + self.failed + self.skipped)


def parse_tap(text):
    """TAP among the other lines of a console. The plan may come first or last."""
    tap = Tap()
    for line in text.splitlines():
        line = line.strip("\r\n \0")
        if match := re.fullmatch(r"1\.\.(\d+)( .*)?", line):
            tap.planned = int(match[1])
        elif match := re.match(r"(not ok|ok)\s+\d+\s*-?\s*(.*)", line):
            name = match[2]
            if re.search(r"#\s*skip", name, re.IGNORECASE):
                tap.skipped.append(name)
            elif match[1] == "ok":
                tap.passed.append(name)
            else:
                tap.failed.append(name)
    return tap


def _nodes(count, smp, mem):
    """QEMU's arguments for so many nodes, with CPUs and memory in equal parts."""
    unit = {"M": 1, "G": 1024}.get(mem[-1:].upper())
    if unit is None or not mem[:-1].isdigit():
        raise StillError(f"memory as 512M or 4G, not '{mem}'", status=2)
    whole = int(mem[:-1]) * unit
    argv = []
    for node in range(count):
        size = whole // count if node else whole - whole // count * (count - 1)
        first, last = smp * node // count, smp * (node + 1) // count - 1
        argv += ["-object", f"memory-backend-ram,id=mem{node},size={size}M,reserve=off", "-numa",
                 f"node,nodeid={node},memdev=mem{node}" + (f",cpus={first}-{last}" if first <= last else "")]
    return argv


def qemu_arguments(smp, icount=False, mem="512M", nodes=1):
    accelerator = ["-accel", "tcg", "-icount", "shift=0,sleep=off", "-seed", "1", "-rtc", "clock=vm,base=2026-01-01"]
    memory = _nodes(nodes, smp, mem) if nodes > 1 else ["-machine", "memory-backend=mem", "-object",
                                                        f"memory-backend-ram,id=mem,size={mem},reserve=off"]
    return ["qemu-system-x86_64", *(accelerator if icount else ["-accel", "tcg,thread=multi"]), "-M", "q35",
            "-cpu", "max", "-smp", str(smp), "-m", mem, *memory,
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]


def run(name, smp, boot, deadline=120, icount=False):
    """Boots with the arguments in boot; returns (Tap, what is wrong with the run or None, log)."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{name}.log"
    argv = [*qemu_arguments(smp, icount), "-serial", f"file:{log}", *boot]
    log.unlink(missing_ok=True)
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=deadline, check=False)
    except subprocess.TimeoutExpired:
        return parse_tap(_read(log)), f"no end within {deadline} s", log
    tap = parse_tap(_read(log))
    if done.returncode not in (PASSED, FAILED):
        said = done.stdout.decode(errors="replace").strip()
        return tap, f"QEMU ended with {done.returncode}: a reset or triple fault. {said}", log
    if not tap.is_complete:
        ran = len(tap.passed + tap.failed + tap.skipped)
        return tap, f"the plan was not completed: {ran} of {tap.planned} tests ran", log
    if (done.returncode == PASSED) != (not tap.failed):
        return tap, f"exit code {done.returncode} does not fit {len(tap.failed)} failed tests", log
    return tap, None, log


def _read(path):
    return path.read_text(errors="replace") if path.exists() else ""


def require_image():
    if not KERNEL_IMAGE.exists():
        raise StillError(f"{shown(KERNEL_IMAGE)} was not built")


def pvh(arguments="tests"):
    require_image()
    return ["-kernel", str(KERNEL_IMAGE), "-append", arguments]


def raise_if_bad(tap, wrong, log):
    if wrong or tap.failed:
        raise StillError(wrong or f"failed: {', '.join(tap.failed)}", shown(log), tail_of(log))
