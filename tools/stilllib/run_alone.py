# SPDX-License-Identifier: BSD-2-Clause
"""still alone: a program of this machine as the initial task of the LWK, booted without Linux."""
import os
import re
import subprocess
import sys
import tempfile
import termios
import threading
from pathlib import Path

from . import alone, closure, packages
from .alone_line import command_line, environment
from .build import build
from .cpio import Archive
from .progress import StillError

END_OF_FILE = b"\x04"
# What the terminal would take for a command, and what makes it take the next character as it is (termios(3), VLNEXT).
COMMANDS = re.compile(rb"[\x03\x04\r\x0f\x11-\x13\x15-\x17\x1a\x1c\x7f]")
AS_IT_IS = b"\x16"
PIECE = 1000  # a line is longer than what a terminal takes: it gets parts


def _setting(text):
    name, equals, value = text.partition("=")
    if not equals:
        value = os.environ.get(name, "")
    return name, value


def as_typed(data):
    """Bytes of a pipe as keys of a terminal. A line without an end is given to who reads as it is."""
    keys = b""
    for line in re.findall(rb"[^\n]*\n|[^\n]+", data):
        for at in range(0, len(line), PIECE):
            piece = line[at:at + PIECE]
            keys += COMMANDS.sub(lambda match: AS_IT_IS + match[0], piece)
            keys += b"" if piece.endswith(b"\n") else END_OF_FILE
    return keys


def _feed(stdin):
    """A pipe's or a file's content as if it were typed, and its end."""
    try:
        while data := os.read(0, 4096):
            stdin.write(as_typed(data))
            stdin.flush()
        stdin.write(END_OF_FILE)
        stdin.close()
    except BrokenPipeError:
        pass


def copy_lines(source, write):
    """For a pipe or a file: the console's lines end as a terminal wants it, with a carriage return."""
    kept = b""
    while data := source.read1(65536):
        data = kept + data
        kept = b"\r" if data.endswith(b"\r") else b""
        write(data[:len(data) - len(kept)].replace(b"\r\n", b"\n"))
    write(kept)


def _write_out(data):
    while data:
        data = data[os.write(1, data):]


def _status(told):
    match = re.search(r"status (\d+)", told)
    return int(match[1]) if match else None


def run(argv, timeout=None):
    """Runs QEMU with the console on this terminal. The status that the LWK told, or None."""
    with tempfile.TemporaryDirectory(prefix="still-alone-") as place:
        told = Path(place) / "status"
        argv = [*argv, "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
                "-debugcon", f"file:{told}"]
        is_terminal = os.isatty(0)
        saved = termios.tcgetattr(0) if is_terminal else None
        try:
            with subprocess.Popen(argv, stdin=None if is_terminal else subprocess.PIPE,
                                  stdout=None if os.isatty(1) else subprocess.PIPE) as qemu:
                if qemu.stdout:
                    reader = threading.Thread(target=copy_lines, args=(qemu.stdout, _write_out))
                    reader.start()
                if not is_terminal:
                    threading.Thread(target=_feed, args=(qemu.stdin,), daemon=True).start()
                try:
                    qemu.wait(timeout)
                except (subprocess.TimeoutExpired, KeyboardInterrupt) as error:
                    qemu.kill()
                    if isinstance(error, KeyboardInterrupt):
                        raise
                    raise StillError(f"no end within {timeout} s", status=124) from error
                finally:
                    if qemu.stdout:
                        reader.join()
        finally:
            if saved is not None:
                termios.tcsetattr(0, termios.TCSANOW, saved)
        return _status(told.read_text(errors="replace")) if told.exists() else None


def make_archive(program, more, place):
    archive = Archive()
    closure.fill(archive, program, more)
    path = Path(place) / "initial-task.cpio"
    path.write_bytes(archive.to_bytes())
    return path


def main(arguments):
    packages.need("vm")
    build("gcc")
    alone.require_image()
    words = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    options = environment([("TERM", os.environ.get("TERM", "dumb")), *map(_setting, arguments.env)])
    options += [] if arguments.verbose else ["quiet"]
    options += [] if os.isatty(0) else ["input=piped"]
    options += arguments.option
    machine = alone.qemu_arguments(arguments.smp, arguments.icount, arguments.mem, arguments.nodes)
    with tempfile.TemporaryDirectory(prefix="still-alone-") as place:
        boot = ["-kernel", str(alone.KERNEL_IMAGE)]
        if words:
            program = closure.find(words[0])
            boot += ["-initrd", str(make_archive(program, arguments.more, place)),
                     "-append", command_line(options, program, words[1:])]
        else:
            boot += ["-append", command_line(options)]
        sys.stdout.flush()
        status = run([*machine, *boot], arguments.timeout)
    if status is None:
        raise StillError("the machine ended without a status: a reset, a triple fault, or QEMU was ended", status=125)
    return status
