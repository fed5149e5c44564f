# SPDX-License-Identifier: BSD-2-Clause
"""PID 1 of the guest: runs commands for the host, over a virtio-serial port.

Frames, both ways: type (1 byte), command id and payload length (32 bits each), payload.
From the host: R run (JSON), I stdin (empty: end of file), K signal number, W "rows cols", Q power off.
To the host: H hello (JSON), O stdout, E stderr, A bytes of stdin consumed, X ended (JSON), D done.
It must stand on the standard library of Debian's python3-minimal, and start quickly: few imports.
"""
import errno
import fcntl
import json
import os
import selectors
import signal
import struct
import termios
import time

HEADER = struct.Struct("<cII")
PORT_NAME = "org.stillcore.agent"
GRACE_AFTER_EXIT = 0.5  # seconds that descendants which hold the pipes open may go on writing
CHUNK = 65536


def find_port():
    for _ in range(200):
        for port in os.listdir("/sys/class/virtio-ports"):
            with open(f"/sys/class/virtio-ports/{port}/name", encoding="ascii") as name:
                if name.read().strip() == PORT_NAME:
                    return os.open(f"/dev/{port}", os.O_RDWR | os.O_CLOEXEC)
        time.sleep(0.02)
    raise SystemExit("agent: no port")


class Command:
    """A running command, its pipes, and what is still to be sent to it."""

    def __init__(self, ident):
        self.ident = ident
        self.pid = 0
        self.started = time.monotonic()
        self.stdin = -1
        self.outputs = set()
        self.pending = bytearray()
        self.stdin_ended = False
        self.status = None
        self.usage = None
        self.ended_at = 0.0


class Agent:
    def __init__(self):
        self.port = find_port()
        self.selector = selectors.DefaultSelector()
        self.commands = {}
        self.by_pid = {}
        self.received = bytearray()
        wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.selector.register(self.port, selectors.EVENT_READ, self.on_port)
        self.selector.register(wake_read, selectors.EVENT_READ, lambda: (os.read(wake_read, 4096), self.reap()))

    # --- frames ---

    def send(self, kind, ident, payload=b""):
        data = memoryview(HEADER.pack(kind, ident, len(payload)) + payload)
        while data:
            data = data[os.write(self.port, data[:32768]):]

    def on_port(self):
        data = os.read(self.port, CHUNK)
        if not data:  # the host is gone
            power_off()
        self.received += data
        while len(self.received) >= HEADER.size:
            kind, ident, length = HEADER.unpack_from(self.received)
            if len(self.received) < HEADER.size + length:
                return
            payload = bytes(self.received[HEADER.size:HEADER.size + length])
            del self.received[:HEADER.size + length]
            self.on_frame(kind, ident, payload)

    def on_frame(self, kind, ident, payload):
        if kind == b"Q":
            self.send(b"D", 0)
            print("STILL-GUEST-DONE", flush=True)
            time.sleep(0.05)
            power_off()
        elif kind == b"R":
            self.run(ident, json.loads(payload))
        elif ident in self.commands:
            command = self.commands[ident]
            if kind == b"I":
                command.pending += payload
                command.stdin_ended = command.stdin_ended or not payload
                self.feed(command)
            elif kind == b"K" and command.status is None:
                try:
                    os.killpg(command.pid, int(payload))
                except ProcessLookupError:
                    pass
            elif kind == b"W" and command.stdin >= 0:
                rows, columns = map(int, payload.split())
                fcntl.ioctl(command.stdin, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    # --- commands ---

    def run(self, ident, request):
        command = Command(ident)
        try:
            self.spawn(command, request)
        except OSError as error:
            self.send(b"E", ident, f"{request['argv'][0]}: {error.strerror}\n".encode())
            status = 127 if error.errno == errno.ENOENT else 126
            self.send(b"X", ident, json.dumps({"status": status, "seconds": 0.0, "usage": None}).encode())
            return
        self.commands[ident] = command
        self.by_pid[command.pid] = command

    def spawn(self, command, request):
        argv, env = request["argv"], request["env"]
        os.chdir(request["cwd"])
        program = find_program(argv[0], env.get("PATH", os.defpath))
        if request["tty"]:
            primary, secondary = os.openpty()
            path = os.ttyname(secondary)
            fcntl.ioctl(primary, termios.TIOCSWINSZ, struct.pack("HHHH", *request["tty"], 0, 0))
            # The session leader's open makes it the controlling terminal.
            actions = [(os.POSIX_SPAWN_OPEN, 0, path, os.O_RDWR, 0), (os.POSIX_SPAWN_DUP2, 0, 1),
                       (os.POSIX_SPAWN_DUP2, 0, 2)]
            theirs, ours, command.stdin = [secondary], {primary: b"O"}, primary
        else:
            out_read, out_write = os.pipe2(os.O_CLOEXEC)
            err_read, err_write = os.pipe2(os.O_CLOEXEC)
            in_read, in_write = os.pipe2(os.O_CLOEXEC)
            actions = [(os.POSIX_SPAWN_DUP2, in_read, 0), (os.POSIX_SPAWN_DUP2, out_write, 1),
                       (os.POSIX_SPAWN_DUP2, err_write, 2)]
            theirs, ours = [in_read, out_write, err_write], {out_read: b"O", err_read: b"E"}
            command.stdin = in_write
            os.set_blocking(in_write, False)
        try:
            command.pid = os.posix_spawn(program, argv, env, file_actions=actions, setsid=True, setsigmask=[],
                                         setsigdef=[signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT])
        except OSError:
            for fd in {*ours, command.stdin}:
                os.close(fd)
            raise
        finally:
            for fd in theirs:
                os.close(fd)
        for fd, kind in ours.items():
            command.outputs.add(fd)
            self.selector.register(fd, selectors.EVENT_READ, lambda fd=fd, kind=kind: self.on_output(command, fd, kind))

    def on_output(self, command, fd, kind):
        try:
            data = os.read(fd, CHUNK)
        except OSError:  # EIO: the last holder of the terminal is gone
            data = b""
        if data:
            self.send(kind, command.ident, data)
            return
        self.drop_output(command, fd)
        self.finish_if_over(command)

    def drop_output(self, command, fd):
        self.selector.unregister(fd)
        command.outputs.discard(fd)
        if fd == command.stdin:
            command.stdin = -1
        os.close(fd)

    def feed(self, command):
        """Writes to stdin what it takes, and waits for room for the rest."""
        if command.stdin < 0:
            command.pending.clear()
            return
        is_terminal = command.stdin in command.outputs
        try:
            while command.pending:
                written = os.write(command.stdin, command.pending[:CHUNK])
                del command.pending[:written]
                self.send(b"A", command.ident, str(written).encode())
        except BlockingIOError:
            if command.stdin not in self.selector.get_map():
                self.selector.register(command.stdin, selectors.EVENT_WRITE, lambda: self.feed(command))
            return
        except BrokenPipeError:
            command.pending.clear()
            command.stdin_ended = True
        if is_terminal:
            return
        if command.stdin in self.selector.get_map():
            self.selector.unregister(command.stdin)
        if command.stdin_ended:
            os.close(command.stdin)
            command.stdin = -1

    def reap(self):
        while True:
            try:
                pid, status, usage = os.wait3(os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            command = self.by_pid.pop(pid, None)
            if command:
                command.status = os.waitstatus_to_exitcode(status)
                command.usage = {"user": usage.ru_utime, "system": usage.ru_stime, "maxrss_kib": usage.ru_maxrss}
                command.ended_at = time.monotonic()
                self.finish_if_over(command)

    def finish_if_over(self, command, by_force=False):
        if command.status is None or (command.outputs and not by_force):
            return
        if not self.commands.pop(command.ident, None):
            return
        for fd in list(command.outputs):
            self.drop_output(command, fd)
        if command.stdin >= 0:
            if command.stdin in self.selector.get_map():
                self.selector.unregister(command.stdin)
            os.close(command.stdin)
            command.stdin = -1
        status = command.status if command.status >= 0 else 128 - command.status
        ended = {"status": status, "seconds": command.ended_at - command.started, "usage": command.usage}
        self.send(b"X", command.ident, json.dumps(ended).encode())

    def loop(self):
        with open("/proc/uptime", encoding="ascii") as uptime:
            hello = {"uptime": float(uptime.read().split()[0]), "release": os.uname().release}
        self.send(b"H", 0, json.dumps(hello).encode())
        while True:
            waiting = [command for command in self.commands.values() if command.status is not None]
            events = self.selector.select(GRACE_AFTER_EXIT if waiting else None)
            for key, _ in events:
                if key.fd in self.selector.get_map():
                    key.data()
            for command in waiting:
                if time.monotonic() - command.ended_at > GRACE_AFTER_EXIT:
                    self.finish_if_over(command, by_force=not events)


def find_program(name, path):
    if "/" in name:
        return name
    for directory in path.split(":"):
        candidate = os.path.join(directory, name)
        if os.access(candidate, os.X_OK) and not os.path.isdir(candidate):
            return candidate
    raise FileNotFoundError(errno.ENOENT, "command not found")


def power_off():
    with open("/proc/sysrq-trigger", "w", encoding="ascii") as trigger:
        trigger.write("o")
    while True:
        time.sleep(1)


Agent().loop()
