# SPDX-License-Identifier: BSD-2-Clause
"""Bad input gets a message that names what was wrong, a status that is not 0, and changes nothing."""
import json
from pathlib import Path

import images
import pytest
from stilllib.paths import KERNEL_IMAGE


def holdings(guest):
    """What could have changed: CPUs of Linux, the books, the instances."""
    script = "cat /sys/devices/system/cpu/online; ihkconfig 0 get accounts --json; ihkconfig 0 get os_instances"
    online, accounts, *instances = guest.check(["sh", "-c", script], "/").splitlines()
    accounts = json.loads(accounts)
    assert accounts["pages_taken"] - accounts["pages_returned"] == accounts["pages_held"]
    assert accounts["cpus_taken"] - accounts["cpus_returned"] == accounts["cpus_held"]
    return online, accounts["pages_held"], accounts["cpus_held"], instances


def says_no(guest, argv, *words, **options):
    result = guest.run(argv, **options)
    assert result.status != 0, result
    assert result.status < 126, result  # it ended by itself
    assert result.stderr.strip(), result
    for word in words:
        assert word.lower() in result.stderr.lower(), result


def refused(guest, argv, *words, **options):
    before = holdings(guest)
    says_no(guest, argv, *words, **options)
    assert holdings(guest) == before


def test_cpu_lists(no_lwk):
    before = holdings(no_lwk)
    for cpus, word in [
        ("2-99", "cpu"), ("64", "64"), ("0", "0"), ("0-1", "0"), ("0-3", "cpu"), ("3-2", "3-2"), ("1-", "1-"),
        (",", ","), ("two", "two"), ("2,2", "twice"), ("-1", "-1"), ("99999999999999999999", "99999999999999999999"),
        ("2 3", "2 3"), ("2\n", "2"),
    ]:
        says_no(no_lwk, ["ihkosctl", "up", f"--cpus={cpus}"], word)
    assert holdings(no_lwk) == before


def test_memory(no_lwk):
    before = holdings(no_lwk)
    for mem, word in [
        ("64g", "64"), ("1g@7", "7"), ("0", "0"), ("12q", "12q"), ("-1g", "-1g"), ("@0", "@0"), ("1g@", "1g@"),
        ("99999999999999999999g", "999"), ("1g,,1g", ","), ("3900m", "node 0"),
    ]:
        says_no(no_lwk, ["ihkosctl", "up", f"--mem={mem}"], word)
    assert holdings(no_lwk) == before


def test_the_boot_cpu_and_the_last_cpu_stay_linuxs(no_lwk):
    refused(no_lwk, ["ihkconfig", "0", "reserve", "cpu", "0"], "cpu 0")
    refused(no_lwk, ["ihkconfig", "0", "reserve", "cpu", "3,2,1,0"], "cpu")
    no_lwk.check(["ihkconfig", "0", "reserve", "cpu", "1-3"])
    try:
        assert no_lwk.online_cpus() == "0"
        refused(no_lwk, ["ihkconfig", "0", "reserve", "cpu", "0"], "cpu")
        refused(no_lwk, ["ihkconfig", "0", "reserve", "cpu", "1"], "cpu 1")
    finally:
        no_lwk.check(["ihkconfig", "0", "release", "cpu", "1-3"])
    assert no_lwk.online_cpus() == "0-3"


@pytest.mark.parametrize("make, word", [
    (lambda image: images.of_revision(image, 9999), "revision"),
    (lambda image: images.truncated(image), "truncated"),
    (lambda image: image[:40], ""),
    (lambda image: b"", ""),
    (lambda image: b"#!/bin/sh\n" * 100, "elf"),
    (lambda image: Path("/usr/bin/true").read_bytes(), "executable"),
])
def test_images(no_lwk, make, word):
    image = make(KERNEL_IMAGE.read_bytes())
    no_lwk.run(["sh", "-c", "cat > /tmp/bad.elf"], stdin=image)
    refused(no_lwk, ["ihkosctl", "up", "--image", "/tmp/bad.elf"], "/tmp/bad.elf", word)


def test_an_image_that_does_not_exist(no_lwk):
    refused(no_lwk, ["ihkosctl", "up", "--image", "/nosuch.elf"], "/nosuch.elf")


def test_the_module_itself_refuses_another_revision(no_lwk):
    """ihkosctl's own check must not be the only one."""
    loader = """
import fcntl, ctypes, os, sys
image = open("/tmp/bad.elf", "rb").read()
class Load(ctypes.Structure):
    _fields_ = [("image", ctypes.c_uint64), ("size", ctypes.c_uint64), ("text", ctypes.c_char * 160)]
buffer = ctypes.create_string_buffer(image, len(image))
load = Load(ctypes.addressof(buffer), len(image), b"")
device = os.open("/dev/ihk" + sys.argv[1], os.O_RDWR)
try:
    fcntl.ioctl(device, 3 << 30 | ctypes.sizeof(load) << 16 | ord("o") << 8 | 7, load)
except OSError as error:
    sys.exit(f"{error.strerror}: {load.text.decode()}")
"""
    image = KERNEL_IMAGE.read_bytes()
    index = no_lwk.check(["ihkconfig", "0", "create"]).strip()
    no_lwk.check(["ihkconfig", "0", "reserve", "mem", "64m@0"])
    no_lwk.check(["ihkosctl", index, "assign", "mem", "64m@0"])
    try:
        for bad in (images.of_revision(image, 9999), images.truncated(image), image[:100]):
            no_lwk.run(["sh", "-c", "cat > /tmp/bad.elf"], stdin=bad)
            result = no_lwk.run(["python3", "-c", loader, index])
            assert result.status == 1 and len(result.stderr.split(": ", 1)[1]) > 3, result
    finally:
        no_lwk.check(["ihkosctl", index, "release", "mem", "64m@0"])
        no_lwk.check(["ihkconfig", "0", "destroy", index])
        no_lwk.check(["ihkconfig", "0", "release", "mem", "64m@0"])


def test_a_boot_that_does_not_answer_is_undone(no_lwk):
    image = images.that_never_answers(KERNEL_IMAGE.read_bytes())
    no_lwk.run(["sh", "-c", "cat > /tmp/mute.elf"], stdin=image)
    refused(no_lwk, ["ihkosctl", "up", "--image", "/tmp/mute.elf", "--timeout-ms", "1500"], "boot")
    no_lwk.up()
    assert no_lwk.mcexec("echo", "fine").stdout == "fine\n"


def test_a_program_that_does_not_exist(lwk):
    result = lwk.mcexec("/nosuch/program")
    assert result.status == 127 and "/nosuch/program" in result.stderr, result
    result = lwk.mcexec("nosuch")
    assert result.status == 127 and "nosuch" in result.stderr, result


@pytest.mark.parametrize("change, word", [
    (lambda elf: elf[:100], ""),
    (lambda elf: elf[:5000], ""),
    (lambda elf: elf[:18] + b"\xb7\x00" + elf[20:], ""),           # another machine's
    (lambda elf: elf[:32] + b"\xff" * 8 + elf[40:], ""),           # program headers beyond the end
    (lambda elf: elf[:56] + b"\xff\xff" + elf[58:], ""),           # 65535 program headers
    (lambda elf: b"\x7fELF" + b"\xff" * 4000, ""),
])
def test_programs_that_are_broken(lwk, change, word):
    elf = Path("/usr/bin/true").read_bytes()
    lwk.run(["sh", "-c", "cat > /tmp/broken; chmod +x /tmp/broken"], stdin=change(elf))
    result = lwk.mcexec("/tmp/broken")
    assert 0 < result.status <= 127 and "/tmp/broken" in result.stderr, result
    assert lwk.mcexec("echo", "fine").stdout == "fine\n"


def test_a_program_that_may_not_be_executed(lwk):
    result = lwk.mcexec("/etc/passwd")
    assert result.status == 126 and "/etc/passwd" in result.stderr, result
    result = lwk.mcexec("/usr")
    assert result.status == 126 and "/usr" in result.stderr, result


def test_mcexec_without_an_instance(no_lwk):
    result = no_lwk.mcexec("echo", "x")
    assert result.status not in (0, 1) and "instance" in result.stderr and result.stdout == "", result


def test_without_permission(lwk):
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    result = lwk.run([*nobody, "mcexec", "echo", "x"])
    assert result.status != 0 and result.stdout == "" and "permi" in result.stderr.lower(), result
    refused(lwk, [*nobody, "ihkosctl", "down"], "permi")
    refused(lwk, [*nobody, "ihkosctl", "0", "kmsg"], "permi")


def test_what_is_in_use_is_not_destroyed(lwk):
    command = lwk.spawn(["mcexec", "sleep", "60"])
    lwk.sh("until pgrep -x sleep; do sleep 0.1; done", timeout=20)
    refused(lwk, ["ihkconfig", "0", "destroy", "0"], "0")
    refused(lwk, ["ihkconfig", "0", "release", "cpu", "2"], "2")
    refused(lwk, ["ihkosctl", "0", "release", "cpu", "2"])
    refused(lwk, ["rmmod", "stillcore"])
    assert command.is_running and lwk.state() == "RUNNING"
    command.kill(9)
    command.wait(10)


def test_words_that_make_no_sense(no_lwk):
    before = holdings(no_lwk)
    for argv in [
        ["ihkosctl"], ["ihkosctl", "nosuch"], ["ihkosctl", "9", "boot"], ["ihkosctl", "0", "boot", "now"],
        ["ihkconfig"], ["ihkconfig", "0", "reserve"], ["ihkconfig", "7", "create"],
        ["ihkconfig", "0", "destroy", "9"], ["mcexec"], ["mcexec", "--nosuch", "echo"],
    ]:
        says_no(no_lwk, argv)
    assert holdings(no_lwk) == before
