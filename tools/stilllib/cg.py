# SPDX-License-Identifier: BSD-2-Clause
"""still cg: the conjugate-gradient kernel of NAS on Linux, beside it on the LWK, and on the LWK alone: the same digits?
The LWK has flush=always, as in bench_apps.py."""
import re
import statistics
import subprocess
import tempfile
from pathlib import Path

from . import alone, closure, packages
from .alone_line import command_line, environment
from .bench_apps import FAST
from .build import build
from .cpio import Archive
from .guestlib import Guest
from .paths import BUILD, KERNEL_IMAGE, ROOT
from .progress import StillError, note, step
from .qemu import Machine

SOURCE = ROOT / "tests/conform/apps/cg.f90"
FIRST = 2  # Linux keeps the CPUs before


def variables(threads):
    # Whoever waits sleeps: QEMU's CPUs are more than the host's.
    return {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "passive"}


def compile_it():
    program = BUILD / "cg"
    if not program.exists() or program.stat().st_mtime < SOURCE.stat().st_mtime:
        with step("Compile tests/conform/apps/cg.f90"):
            program.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["gfortran", "-O3", "-fopenmp", "-o", program, SOURCE], check=True, cwd=program.parent)
    return program


def _seconds(text):
    return float(re.search(r"time +([0-9.]+) s", text)[1])


def _digits(name, status, stdout):
    if status != 0 or "verified" not in stdout:
        raise StillError(f"{name}: status {status}: {stdout[-300:]}")
    return [line for line in stdout.splitlines() if line.strip()]


def in_guest(program, size, threads, pairs):
    """Natively and under mcexec, on the same CPUs of one guest, in turn: a list of (native, beside)."""
    guest = Guest(Machine(smp=FIRST + threads))
    cpus = f"{FIRST}-{FIRST + threads - 1}"
    guest.start()
    found = []
    try:
        guest.load_module()
        for number in range(pairs):
            with step(f"On Linux, {number + 1} of {pairs}"):
                native = guest.run(["taskset", "-c", cpus, str(program), size], env=variables(threads), timeout=1200)
            guest.up(f"--cpus={threads}", "--kargs", FAST)
            with step(f"Beside Linux, on the LWK, {number + 1} of {pairs}"):
                beside = guest.run(["mcexec", str(program), size], env=variables(threads), timeout=1200)
            guest.down()
            found.append((native, beside))
        return found
    finally:
        guest.stop()


def by_itself(program, size, threads):
    archive = Archive()
    closure.fill(archive, str(program), [])
    with tempfile.TemporaryDirectory(prefix="still-cg-") as place:
        path = Path(place) / "initial-task.cpio"
        path.write_bytes(archive.to_bytes())
        options = [*environment(variables(threads).items()), "quiet", FAST]
        argv = [*alone.qemu_arguments(threads, mem="1G"), "-kernel", str(KERNEL_IMAGE), "-initrd", str(path),
                "-append", command_line(options, str(program), [size]), "-serial", "stdio"]
        with step("On the LWK alone"):
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=1200,
                                  check=False)
    return done.stdout.replace("\r", "")


def _told(name, times, first):
    ratios = [mine / native for mine, native in zip(times, first)]
    each = ", ".join(f"{seconds:.2f}" for seconds in times)
    return f"{name}: {each} s, {statistics.median(ratios):.2f} of Linux's time ({min(ratios):.2f} to {max(ratios):.2f})"


def main(arguments):
    packages.need("vm")
    build("gcc")
    program = compile_it()
    pairs = in_guest(program, arguments.size, arguments.threads, arguments.pairs)
    expected = _digits("Linux", pairs[0][0].status, pairs[0][0].stdout)
    for native, beside in pairs:
        if not expected == _digits("Linux", native.status, native.stdout) == _digits("mcexec", beside.status,
                                                                                     beside.stdout):
            raise StillError("the LWK's digits are not Linux's")
    consoles = [by_itself(program, arguments.size, arguments.threads) for _ in range(arguments.pairs)]
    for console in consoles:
        if any(line not in console for line in expected):
            raise StillError(f"the digits of the LWK alone are not Linux's: {console[-300:]}")
    note("\n".join(expected[-2:]))
    on_linux = [_seconds(native.stderr) for native, _ in pairs]
    note("on Linux: " + ", ".join(f"{seconds:.2f}" for seconds in on_linux) + " s")
    note(_told("beside it", [_seconds(beside.stderr) for _, beside in pairs], on_linux))
    note(_told("alone", [_seconds(console) for console in consoles], on_linux))
    return 0
