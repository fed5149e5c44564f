# SPDX-License-Identifier: BSD-2-Clause
"""GRUB from BIOS and from UEFI, with and without an archive, and what the screen shows."""
import socket
import subprocess
import time

import pytest
from machines import ROOT, assert_passed, machine, pvh, run
from served import archive_with

from stilllib import alone_line, iso, packages


@pytest.fixture(scope="module", autouse=True)
def tools():
    packages.need("iso")


@pytest.fixture(scope="module")
def plain_iso(tmp_path_factory):
    return iso.make("", path=tmp_path_factory.mktemp("iso") / "plain.iso")


@pytest.mark.parametrize("uefi", [False, True], ids=["bios", "uefi"])
def test_iso(plain_iso, uefi):
    ran = run([*machine(), *iso.boot_arguments(plain_iso, uefi)], timeout=90)
    assert_passed(ran)


def test_the_command_of_a_new_user(plain_iso):
    """QEMU's own machine: a CPU without XSAVE, 128 MiB, and power-off by ACPI."""
    ran = run(["qemu-system-x86_64", "-cdrom", str(plain_iso), "-smp", "4", "-display", "none"], timeout=90)
    assert not ran.timed_out, ran.console
    assert_passed(ran)


def test_iso_with_a_program_and_its_arguments(tmp_path):
    line = alone_line.command_line(["quiet", "env.GREETING=good%20day"], "/bin/bash",
                                   ["-c", "echo \"$GREETING, $1\"; exit 5", "x", "it's 100%"])
    path = iso.make(line, archive_with("bash").to_bytes(), tmp_path / "bash.iso")
    ran = run([*machine(), *iso.boot_arguments(path)], timeout=60)
    assert ran.status == 5
    assert "good day, it's 100%" in ran.console


def _ask(path, text):
    """A command to QEMU's monitor, and time for it."""
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.connect(str(path))
        monitor.settimeout(5)
        monitor.recv(4096)
        monitor.sendall(text.encode() + b"\n")
        time.sleep(0.5)


def _screen(argv, tmp_path, command, wait_for=b"halted"):
    """What a monitor command writes to a file when the machine has halted."""
    monitor, serial, out = tmp_path / "monitor", tmp_path / "serial", tmp_path / "out"
    argv = [*argv, "-vga", "std", "-monitor", f"unix:{monitor},server,nowait", "-serial", f"file:{serial}"]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=ROOT) as qemu:
        deadline = time.monotonic() + 60
        while not (serial.exists() and wait_for in serial.read_bytes()) and time.monotonic() < deadline:
            time.sleep(0.1)
        _ask(monitor, command.format(out))
        qemu.kill()
    return out.read_bytes()


def test_text_on_vga(tmp_path):
    cells = _screen([*machine(), *pvh("end=halt -- /init tasks")], tmp_path, 'pmemsave 0xb8000 4000 "{}"')
    text = cells[::2].decode("latin-1")
    assert "Hello from the initial task" in text and "TEST END: task management: PASSED" in text


def test_text_in_the_frame_buffer_of_uefi(tmp_path):
    path = iso.make("end=halt -- /init tasks", path=tmp_path / "halt.iso")
    picture = _screen([*machine(), *iso.boot_arguments(path, uefi=True)], tmp_path, 'screendump "{}"')
    pixels = picture[20:]
    assert pixels.count(0xaa) > 10000  # letters
    assert pixels.count(0) > len(pixels) // 2
