# SPDX-License-Identifier: BSD-2-Clause
"""Programs of this machine on an LWK that runs alone, with what they print and how they end."""
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from stilllib import alone, alone_line, closure, run_alone  # noqa: E402
from stilllib.cpio import Archive  # noqa: E402

LOG_LINE = re.compile(r"^\[\d{3,}\.\d{6}\] ")


@dataclass
class Ended:
    status: int | None  # None: the machine went without one
    text: str           # the console, without the kernel's log
    log: str


def archive_with(*programs, files=()):
    """An archive with those programs and what they need; files: (name, mode, text)."""
    archive = Archive()
    for program in programs:
        closure.fill(archive, closure.find(str(program)))
    for name, mode, text in files:
        archive.put(name, mode, text if isinstance(text, bytes) else text.encode())
    return archive


def _type_in(qemu, console, typed):
    """Types each line when the console shows what it waits for."""
    for wait_for, line in typed:
        deadline = time.monotonic() + 20
        while wait_for not in console.read_text(errors="replace") and time.monotonic() < deadline:
            time.sleep(0.05)
        qemu.stdin.write(line.encode())
        qemu.stdin.flush()


def _pipe_in(qemu, data):
    try:
        qemu.stdin.write(run_alone.as_typed(data) + run_alone.END_OF_FILE)
        qemu.stdin.flush()
    except BrokenPipeError:
        pass


def boot(archive, argv, smp=2, mem="512M", timeout=60, typed=(), options=(), piped=None):
    """archive: an Archive, or the bytes of one. typed: pairs of what to wait for on the console, and what to type.
    piped: what comes in as from a pipe."""
    alone.require_image()
    with tempfile.TemporaryDirectory(prefix="still-served-") as place:
        place = Path(place)
        packed, told, console = place / "archive", place / "status", place / "console"
        packed.write_bytes(archive.to_bytes() if isinstance(archive, Archive) else archive)
        options = [*options, "input=piped"] if piped is not None else options
        line = alone_line.command_line(options, argv[0], argv[1:])
        argv = [*alone.qemu_arguments(smp, mem=mem), "-kernel", str(alone.KERNEL_IMAGE), "-initrd", str(packed),
                "-append", line, "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
                "-debugcon", f"file:{told}"]
        with console.open("wb") as out, subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=out,
                                                         stderr=subprocess.STDOUT) as qemu:
            try:
                _type_in(qemu, console, typed)
                if piped is not None:
                    threading.Thread(target=_pipe_in, args=(qemu, piped), daemon=True).start()
                qemu.wait(timeout)
            except subprocess.TimeoutExpired:
                qemu.kill()
        lines = console.read_text(errors="replace").replace("\r\n", "\n").split("\n")
        found = re.search(r"status (\d+)", told.read_text(errors="replace")) if told.exists() else None
        return Ended(int(found[1]) if found else None, "\n".join(x for x in lines if not LOG_LINE.match(x)),
                     "\n".join(x for x in lines if LOG_LINE.match(x)))


def natively(script, cwd):
    """What this machine says to the same script: its output, and its status as a shell tells it."""
    done = subprocess.run(["bash", "-c", script], cwd=cwd, env={**os.environ, "LC_ALL": "C"},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", timeout=60, check=False)
    return done.stdout, done.returncode if done.returncode >= 0 else 128 - done.returncode
