# SPDX-License-Identifier: BSD-2-Clause
"""still gdb: gdb on the LWK through QEMU's stub, or on a core file of one, with symbols and the printers of
tools/gdb/stillcore.py."""
import os
import signal
import subprocess
import tempfile

from . import alone, instance, packages
from .build import build
from .guestlib import Guest
from .paths import KERNEL_IMAGE, ROOT
from .progress import note, step
from .shell_out import wait_until


def _attach(target, batch):
    argv = ["gdb", "-q", "-ex", "set confirm off", "-ex", "set pagination off",
            "-ex", f"source {ROOT / 'tools' / 'gdb' / 'stillcore.py'}", "-ex", target]
    if batch:
        argv += ["-batch"] + [word for command in batch.split(";") for word in ("-ex", command.strip())]
    # Ctrl-C is gdb's, to stop the guest.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return subprocess.run([*argv, str(KERNEL_IMAGE)], check=False,
                          preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)).returncode


def _alone(stub, arguments):
    alone.require_image()
    argv = [*alone.qemu_arguments(arguments.smp), "-serial", "null", *alone.pvh(), "-S",
            "-chardev", f"socket,path={stub},server=on,wait=off,id=gdb", "-gdb", "chardev:gdb"]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True) as qemu:
        try:
            wait_until(lambda: os.path.exists(stub), 10)
            note("stopped before its first instruction; try: break panic, continue")
            return _attach(f"target remote {stub}", arguments.batch)
        finally:
            qemu.kill()


def main(arguments):
    from .qemu import Machine
    packages.need("vm", "gdb")
    if arguments.core:
        return _attach(f"core-file {arguments.core}", arguments.batch)
    build("gcc", arguments.kernel)
    with tempfile.TemporaryDirectory(prefix="still-gdb.") as place:
        stub = f"{place}/stub"
        if arguments.alone:
            return _alone(stub, arguments)
        instance.require_parts()
        guest = Guest(Machine.of(arguments, extra=[
            "-chardev", f"socket,path={stub},server=on,wait=off,id=gdb", "-gdb", "chardev:gdb"]))
        try:
            with step("Boot the guest and the LWK in it"):
                guest.start()
                guest.up()
            command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
            if command:
                guest.spawn(command)
            note("LWK CPUs are the last threads of 'info threads'; 'still-log' prints the LWK's log")
            return _attach(f"target remote {stub}", arguments.batch)
        finally:
            guest.kill()
