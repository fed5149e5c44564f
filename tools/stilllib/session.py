# SPDX-License-Identifier: BSD-2-Clause
"""A running guest: boot it once, run many commands in it. The agent in the guest is tools/guest/agent.py."""
import itertools
import json
import os
import socket
import struct
import subprocess
import threading
import time

from . import initramfs, kernels, qemu, run_directory
from .paths import ROOT, TOOL_DIRS, shown
from .progress import StillError, note
from .shell_out import tail_of

HEADER = struct.Struct("<cII")
BOOT_DEADLINE = 90
SLOW_BOOT_DEADLINE = 400  # one thread executes all CPUs, or a whole Debian comes up
STDIN_WINDOW = 256 * 1024
GUEST_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class HungBoot(StillError):
    """The guest's Linux stood still before its agent came."""


class Result:
    """What a command in the guest left behind."""

    def __init__(self, argv, status, seconds, usage, stdout, stderr):
        self.argv, self.status, self.seconds, self.usage = argv, status, seconds, usage
        self.stdout_bytes, self.stderr_bytes = stdout, stderr

    @property
    def stdout(self):
        return self.stdout_bytes.decode(errors="replace")

    @property
    def stderr(self):
        return self.stderr_bytes.decode(errors="replace")

    def __repr__(self):
        return (f"$ {' '.join(self.argv)}\nstatus {self.status} after {self.seconds:.2f} s\n"
                f"--- stdout\n{self.stdout[-3000:]}\n--- stderr\n{self.stderr[-3000:]}")


class Command:
    """A command that runs in the guest."""

    def __init__(self, session, ident, argv, on_stdout, on_stderr):
        self.argv = argv
        self._session, self._ident = session, ident
        self._sinks = {b"O": on_stdout, b"E": on_stderr}
        self._kept = {b"O": bytearray(), b"E": bytearray()}
        self._ended = threading.Event()
        self._room = threading.Condition()
        self._in_flight = 0
        self._end = None

    @property
    def stdout(self):
        return bytes(self._kept[b"O"]).decode(errors="replace")

    @property
    def stderr(self):
        return bytes(self._kept[b"E"]).decode(errors="replace")

    def write(self, data):
        """Sends to the command's stdin, not faster than it reads."""
        for start in range(0, len(data), 32768):
            part = data[start:start + 32768]
            with self._room:
                self._room.wait_for(lambda: self._in_flight < STDIN_WINDOW or self._ended.is_set())
                self._in_flight += len(part)
            if self._ended.is_set():
                return
            self._session.send(b"I", self._ident, part)

    def close_stdin(self):
        self._session.send(b"I", self._ident)

    def kill(self, signal):
        """Sends a signal to the command's process group."""
        self._session.send(b"K", self._ident, str(int(signal)).encode())

    def resize(self, rows, columns):
        self._session.send(b"W", self._ident, f"{rows} {columns}".encode())

    @property
    def is_running(self):
        return not self._ended.is_set()

    def wait(self, timeout=None):
        if not self._ended.wait(timeout):
            raise TimeoutError(f"{' '.join(self.argv)} did not end within {timeout} s")
        if self._end is None:
            raise self._session.death()
        return Result(self.argv, self._end["status"], self._end["seconds"], self._end["usage"],
                      bytes(self._kept[b"O"]), bytes(self._kept[b"E"]))

    def on_frame(self, kind, payload):
        if kind == b"X":
            self._end = json.loads(payload)
            self.end()
        elif kind == b"A":
            with self._room:
                self._in_flight -= int(payload)
                self._room.notify_all()
        elif self._sinks[kind]:
            self._sinks[kind](payload)
        else:
            self._kept[kind] += payload

    def end(self):
        self._ended.set()
        with self._room:
            self._room.notify_all()


class Session:
    """A guest from boot to power-off. Everything that goes wrong with it is a StillError with the console's tail."""

    def __init__(self, machine=None):
        self.machine = machine or qemu.Machine()
        self.machine.check()
        self.kernel = kernels.get(self.machine.kernel)
        self.directory, self._in_use = run_directory.new()
        self.console = self.directory / "console.log"
        self.hello = None
        self.boot_seconds = 0.0
        self._commands = {}
        self._idents = itertools.count(1)
        self._send_lock = threading.Lock()
        self._has_hello, self._is_done = threading.Event(), threading.Event()
        self._process = self._socket = None

    # --- life ---

    def start(self):
        """Boots. A Linux that hangs before anything of ours is in it is told of and booted once more."""
        try:
            self._boot()
        except HungBoot as error:
            note(f"{error}; it is booted once more. The last lines of {error.log}:")
            for line in error.tail.splitlines()[-6:]:
                note(f"| {line}")
            os.close(self._in_use)
            self.directory, self._in_use = run_directory.new()
            self.console = self.directory / "console.log"
            self._has_hello = threading.Event()
            self._boot()
        self._prepare()
        return self

    def _boot(self):
        image = self.directory / "initramfs.cpio"
        initramfs.write(self.kernel, image)
        self._socket, theirs = socket.socketpair()
        argv = qemu.command_line(self.machine, self.kernel, image, theirs.fileno())
        (self.directory / "qemu.cmd").write_text(" ".join(argv) + "\n")
        started = time.monotonic()
        with theirs, (self.directory / "qemu.log").open("wb") as log:
            self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                             cwd=self.directory, pass_fds=[theirs.fileno()],
                                             start_new_session=True)
        reader = threading.Thread(target=self._read_frames, daemon=True)
        reader.start()
        deadline = SLOW_BOOT_DEADLINE if self.machine.icount or self.machine.root != "/" else BOOT_DEADLINE
        is_in_time = self._has_hello.wait(deadline)
        if not is_in_time or not self.hello:
            is_hung = not is_in_time and self.is_alive()
            self.kill()
            reader.join()
            what, kind = ((f"the guest did not come up within {deadline} s", HungBoot) if is_hung
                          else ("the guest ended while it booted", StillError))
            raise self.death(what, kind)
        self.boot_seconds = time.monotonic() - started
        image.unlink()

    def _prepare(self):
        """Shows the tree and the kernel's modules where the guest's own mounts hide or lack them."""
        script = 'for d in "$@"; do [ -d "$d" ] || { mkdir -p "$d" && mount --bind "/run/still/root$d" "$d"; }; done'
        if self.machine.root != "/":  # a system of its own
            return
        hidden = [str(path) for path in (ROOT, os.getcwd()) if str(path).startswith(("/tmp/", "/run/", "/dev/shm/"))]
        modules = (f"mkdir -p /lib/modules/{self.kernel.release} && "
                   f"mount --bind {self.kernel.modules} /lib/modules/{self.kernel.release}")
        self.check(["sh", "-ec", f"{script}; {modules}; dmesg -n 6", "sh", *hidden], "/")

    def stop(self):
        """Powers the guest off. A guest that ends in any other way has failed."""
        if self._process.poll() is None:
            self.send(b"Q", 0)
            if not self._is_done.wait(15):
                self.kill()
                raise self.death("the guest ended without its DONE marker")
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()
                raise self.death("the guest said DONE but did not power off") from None
        if not self._is_done.is_set():
            raise self.death("the guest ended without its DONE marker")
        self._socket.close()

    def kill(self):
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def is_alive(self):
        return self._process is not None and self._process.poll() is None

    def death(self, what="the guest ended before its command did, and without its DONE marker", kind=StillError):
        # The console of a guest that crashed ends with its call trace; what happened stands above that.
        tail = tail_of(self.console, lines=40) or tail_of(self.directory / "qemu.log")
        return kind(what, shown(self.console), tail, status=125)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            self.kill()

    # --- commands ---

    def spawn(self, argv, cwd=None, env=None, tty=None, on_stdout=None, on_stderr=None):
        """Starts a command; its stdin stays open until close_stdin()."""
        command = Command(self, next(self._idents), list(map(str, argv)), on_stdout, on_stderr)
        self._commands[command._ident] = command
        here = os.getcwd() if self.machine.root == "/" else "/"
        request = {"argv": command.argv, "cwd": str(cwd or here), "env": {**guest_environment(), **(env or {})},
                   "tty": tty}
        self.send(b"R", command._ident, json.dumps(request).encode())
        if not self.is_alive():
            command.end()
        return command

    def run(self, argv, cwd=None, env=None, stdin=b"", timeout=60):
        """Runs a command to its end. One that overstays is killed, and a TimeoutError raised."""
        command = self.spawn(argv, cwd, env)
        if stdin:
            command.write(stdin)
        command.close_stdin()
        try:
            return command.wait(timeout)
        except TimeoutError:
            command.kill(9)
            raise

    def sh(self, script, **options):
        return self.run(["bash", "-c", script], **options)

    def check(self, argv, cwd=None, timeout=120):
        result = self.run(argv, cwd, timeout=timeout)
        if result.status != 0:
            raise StillError(f"in the guest: {' '.join(result.argv)[:200]}: status {result.status}",
                             shown(self.console), result.stdout + result.stderr)
        return result.stdout

    # --- frames ---

    def send(self, kind, ident, payload=b""):
        with self._send_lock:
            try:
                self._socket.sendall(HEADER.pack(kind, ident, len(payload)) + payload)
            except OSError:
                pass  # the reader thread sees the same, and ends all commands

    def _read_frames(self):
        with self._socket.makefile("rb") as frames:
            while header := _read(frames, HEADER.size):
                kind, ident, length = HEADER.unpack(header)
                payload = _read(frames, length)
                if payload is None:
                    break
                if kind == b"H":
                    self.hello = json.loads(payload)
                    self._has_hello.set()
                elif kind == b"D":
                    self._is_done.set()
                elif ident in self._commands:
                    self._commands[ident].on_frame(kind, payload)
                    if kind == b"X":
                        del self._commands[ident]
        self._has_hello.set()
        for command in list(self._commands.values()):
            command.end()


def _read(stream, length):
    try:
        data = stream.read(length)
    except OSError:
        return None
    return data if len(data) == length else None


def guest_environment():
    env = {name: os.environ[name] for name in ("TERM", "LANG", "LC_ALL", "TZ") if name in os.environ}
    return {**env, "HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/bash",
            "PATH": ":".join([*map(str, TOOL_DIRS), GUEST_PATH])}
