# SPDX-License-Identifier: BSD-2-Clause
"""Booting the guest, with a program in QEMU's place."""
import itertools
import os
import sys
from types import SimpleNamespace

import pytest
from stilllib import run_directory, session
from stilllib.progress import StillError

GUEST = """
import socket, struct, sys, time
print("as far as this", file=open("console.log", "w"))
port = socket.socket(fileno=int(sys.argv[1]))
way = sys.argv[2]
if way == "hangs":
    time.sleep(60)
if way == "comes up":
    def send(kind, ident, payload=b""):
        port.sendall(struct.pack("<cII", kind, ident, len(payload)) + payload)
    send(b"H", 0, b'{"ready": 1}')
    time.sleep(60)
"""


@pytest.fixture
def boot(monkeypatch, tmp_path):
    """Boots guests that go, one after the other, the given ways."""
    def run(*ways):
        left = iter(ways)
        monkeypatch.setattr(session.qemu, "command_line", lambda machine, kernel, image, port: [
            sys.executable, "-c", GUEST, str(port), next(left)])
        guest = session.Session()
        try:
            return guest.start()
        finally:
            guest.kill()
            assert not list(left), "each was booted"
    numbers = itertools.count()

    def new_directory():
        directory = tmp_path / str(next(numbers))
        directory.mkdir()
        return directory, os.open(directory, os.O_RDONLY)
    monkeypatch.setattr(session, "BOOT_DEADLINE", 4)
    monkeypatch.setattr(session.run_directory, "new", new_directory)
    monkeypatch.setattr(session.Session, "_prepare", lambda self: None)
    monkeypatch.setattr(session.kernels, "get", lambda name: SimpleNamespace())
    monkeypatch.setattr(session.initramfs, "write", lambda kernel, path: path.touch())
    return run


def test_a_guest_that_hangs_is_booted_once_more_and_told_of(boot, capsys):
    guest = boot("hangs", "comes up")
    assert guest.hello == {"ready": 1} and guest.console.parent.name == "1"
    told = capsys.readouterr().err
    assert "did not come up within 4 s; it is booted once more" in told and "| as far as this" in told


def test_one_that_hangs_twice_is_an_error(boot):
    with pytest.raises(StillError, match="did not come up within 4 s") as error:
        boot("hangs", "hangs")
    assert "as far as this" in error.value.tail


def test_one_that_dies_is_not_booted_again(boot):
    with pytest.raises(StillError, match="ended while it booted"):
        boot("dies")


def test_a_directory_in_use_outlives_all_that_come_after_it(tmp_path):
    """A long suite's guest goes on while others are booted and end."""
    first, in_use = run_directory.new(tmp_path)
    log = first / "console.log"
    log.touch()
    for _ in range(2 * run_directory.KEPT):
        _, fd = run_directory.new(tmp_path)
        os.close(fd)
    assert log.exists() and len(list(tmp_path.iterdir())) == run_directory.KEPT + 2
    os.close(in_use)
    os.close(run_directory.new(tmp_path)[1])
    assert not log.exists()
