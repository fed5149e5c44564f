# SPDX-License-Identifier: BSD-2-Clause
"""still vm, still shell: a command in the guest, as if it ran here."""
import os
import select
import shutil
import signal
import sys
import termios
import threading
import time
import tty

from . import instance, packages
from .build import build
from .progress import StillError, note, report, step
from .session import Session

TIMED_OUT = 124
HARNESS_FAILED = 125


def _write_all(fd, data):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view):]


def _pump_stdin(command):
    """Passes our stdin on, until it ends or the command does."""
    fd = sys.stdin.fileno()
    while command.is_running:
        readable, _, _ = select.select([fd], [], [], 0.2)
        if readable:
            data = os.read(fd, 32768)
            if not data:
                break
            command.write(data)
    command.close_stdin()


def _attach(session, argv, use_tty, timeout):
    """Runs argv with our stdio, and returns its status."""
    size = None
    if use_tty:
        columns, rows = shutil.get_terminal_size()
        size = [rows, columns]
    command = session.spawn(argv, tty=size, on_stdout=lambda data: _write_all(1, data),
                            on_stderr=lambda data: _write_all(2, data))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, lambda number, _: command.kill(number))
    saved = None
    if use_tty:
        saved = termios.tcgetattr(0)
        tty.setraw(0)
        signal.signal(signal.SIGWINCH, lambda *_: command.resize(*reversed(shutil.get_terminal_size())))
    threading.Thread(target=_pump_stdin, args=(command,), daemon=True).start()
    try:
        return command.wait(timeout).status
    except TimeoutError:
        command.kill(signal.SIGKILL)
        note(f"the command did not end within {timeout:g} s")
        return TIMED_OUT
    finally:
        if saved:
            termios.tcsetattr(0, termios.TCSADRAIN, saved)


def run(machine, argv, with_lwk=True, use_tty=False, timeout=None, kernel_name=None):
    started = time.monotonic()
    packages.need("vm")
    build("gcc", kernel_name)
    if with_lwk:
        instance.require_parts()
    session = Session(machine)
    status = HARNESS_FAILED
    try:
        with step(f"Boot Debian {session.kernel.release} with {machine.smp} CPUs, {machine.mem}"):
            session.start()
        if with_lwk:
            with step("Load stillcore.ko, take CPUs and memory, boot the LWK") as told:
                instance.load_module(session)
                told("; ".join(line for line in instance.up(session) if line.startswith(("reserve", "boot"))))
        note(f"command starts {time.monotonic() - started:.1f} s after still did; log: {session.console}")
        status = _attach(session, argv, use_tty, timeout)
        if with_lwk:
            status = _give_back(session, status)
        session.stop()
    finally:
        session.kill()
    return status


def _give_back(session, status):
    try:
        with step("Give CPUs and memory back, unload the module"):
            instance.down(session)
            instance.unload_module(session)
    except StillError as error:
        if not session.is_alive():
            raise
        report(error)
        return status or HARNESS_FAILED
    return status
