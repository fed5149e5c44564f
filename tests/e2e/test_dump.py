# SPDX-License-Identifier: BSD-2-Clause
"""Dumps: gdb sees threads, stacks, areas and the log of a live, a hung and a panicked LWK; and freeze."""
import re
import time
from pathlib import Path

from stilllib.shell_out import wait_until

ROOT = Path(__file__).resolve().parents[2]
IMAGE = ROOT / "build" / "gcc" / "kernel" / "stillcore.elf"
CORE = "/tmp/lwk.core"

# Its memory holds a word that is nowhere else, as it is made from parts.
SECRET = """
import time, mmap
area = mmap.mmap(-1, 1 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
area.write(b"".join([b"qui", b"nce-", b"jelly"]) * 1000)
print("go", flush=True)
time.sleep(1000)"""
COUNTER = "import time\ni = 0\nwhile True:\n    print(i, flush=True)\n    i += 1\n    time.sleep(0.02)"


def gdb(lwk, *commands):
    words = [word for command in commands for word in ("-ex", command)]
    result = lwk.run(["gdb", "-nx", "-batch", "-ex", f"source {ROOT}/tools/gdb/stillcore.py", *words, IMAGE, CORE],
                     timeout=120)
    assert result.status == 0 and "Error" not in result.stderr, result
    return result.stdout


def dump(lwk, *options):
    lwk.run(["rm", "-f", CORE])
    return lwk.run(["ihkosctl", "0", "dump", *options, CORE], timeout=120)


def started(lwk, program, word="go"):
    command = lwk.spawn(["mcexec", "python3", "-c", program])
    deadline = time.monotonic() + 20
    while word not in command.stdout:
        assert command.is_running and time.monotonic() < deadline, command.stdout
        time.sleep(0.05)
    return command


def goes_on(counter):
    before = len(counter.stdout)
    return wait_until(lambda: len(counter.stdout) > before, 20)


def stands_still(counter):
    before = counter.stdout
    time.sleep(1)
    return counter.stdout == before


def test_a_dump_of_a_live_instance(lwk):
    command = started(lwk, SECRET)
    counter = started(lwk, COUNTER, "5\n")
    assert dump(lwk).status == 0
    text = gdb(lwk, "still-log", "still-cpus", "info threads", "still-threads", "still-runq", "still-vmas",
               "still-rings")
    assert "Stillcore: 2 CPUs" in text and "CPU 1 (Linux's 3)" in text, text
    assert "LWP 1" in text and "LWP 2" in text
    assert re.search(r"pid [1-9]\d* tid [1-9]\d* '.*' CPU [01] parked in .*sleep_until", text), text
    assert "'service' CPU 1 parked in still::ikc" in text and "CPU 1: 0 ready" in text, text
    assert "r-x still::VmaKind::file" in text and re.search(r"CPU 0 to_linux: \d+ taken, 0 wait", text), text
    tid = re.search(r"tid (\d+) '.*sleep_until", text)[1]
    assert re.search(r"still_syscall \+ \d+ .*dispatch", gdb(lwk, f"still-bt {tid}"))
    # Of the programs' memory there is nothing in it, unless it is asked for.
    assert lwk.run(["grep", "-c", "quince-jelly", CORE]).stdout == "0\n"
    # The file has holes where nothing is.
    blocks, size = map(int, lwk.check(["stat", "-c", "%b %s", CORE]).split())
    assert blocks * 512 < size / 8, (blocks, size)
    assert dump(lwk, "--level", "full").status == 0
    assert lwk.run(["grep", "-c", "quince-jelly", CORE]).stdout != "0\n"
    # They all go on.
    assert goes_on(counter) and command.is_running
    command.kill(9)
    counter.kill(9)


def test_a_dump_after_a_panic(lwk):
    lwk.run(["ihkosctl", "0", "inject", "panic"])
    assert wait_until(lambda: lwk.state() == "PANIC", 20)
    assert dump(lwk).status == 0
    text = gdb(lwk, "bt", "still-log")
    assert re.search(r"#0 .*panic_text", text) and "deferred" in text and "PANIC: injected panic" in text, text
    lwk.check(["ihkosctl", "reboot"])
    assert lwk.mcexec("echo", "fine").stdout == "fine\n"


def test_a_dump_of_a_hang(lwk):
    lwk.run(["ihkosctl", "0", "inject", "hang"])
    time.sleep(2)
    result = dump(lwk)
    assert result.status == 0 and "does not answer" not in result.stderr, result
    assert "inject" in gdb(lwk, "thread 1", "bt")
    lwk.check(["ihkosctl", "reboot"])
    assert lwk.mcexec("echo", "fine").stdout == "fine\n"


def test_kill_9_of_a_dump_lets_the_cpus_go(lwk):
    lwk.run(["sh", "-c", "rm -f /tmp/pipe; mkfifo /tmp/pipe"])
    counter = started(lwk, COUNTER, "5\n")
    blocked = lwk.spawn(["ihkosctl", "0", "dump", "/tmp/pipe"])
    assert wait_until(lambda: stands_still(counter), 20) and blocked.is_running
    blocked.kill(9)
    blocked.wait(10)
    assert goes_on(counter)
    counter.kill(9)


def test_what_a_dump_refuses(lwk):
    assert "no level 'half'" in dump(lwk, "--level", "half").stderr
    assert lwk.run(["ihkosctl", "0", "dump", "/nowhere/x"]).status == 1
    assert lwk.mcexec("echo", "fine").stdout == "fine\n"
    lwk.down()
    lwk.check(["ihkconfig", "0", "create"])
    result = dump(lwk)
    assert result.status == 1 and "instance 0 is not up" in result.stderr, result


def test_freeze_and_thaw(lwk):
    counter = started(lwk, COUNTER, "5\n")
    lwk.check(["ihkosctl", "0", "freeze"])
    assert lwk.state() == "FROZEN"
    time.sleep(0.2)
    held = counter.stdout
    assert "is frozen" in lwk.run(["ihkosctl", "0", "freeze"]).stderr
    result = lwk.mcexec("echo", "x")
    assert result.status != 0 and "FROZEN" in result.stderr, result
    time.sleep(12)  # longer than the watch has patience with a CPU
    assert counter.stdout == held and lwk.state() == "FROZEN"
    assert dump(lwk).status == 0 and lwk.state() == "FROZEN" and counter.stdout == held
    lwk.check(["ihkosctl", "0", "thaw"])
    assert goes_on(counter) and lwk.state() == "RUNNING"
    assert "is not frozen" in lwk.run(["ihkosctl", "0", "thaw"]).stderr
    counter.kill(9)
    counter.wait(10)


def test_linux_does_not_wait_for_a_frozen_lwk(lwk):
    """It takes pages of a file away that the LWK has mapped; afterwards the program sees the file as it is."""
    program = """
import mmap, os, sys
with open("/tmp/shared", "wb") as file: file.write(b"old" * 4096)
with open("/tmp/shared", "r+b") as file: area = mmap.mmap(file.fileno(), 4096)
print(area[:3], flush=True)
sys.stdin.readline()
print(area[:3], flush=True)"""
    command = started(lwk, program, "old")
    lwk.check(["ihkosctl", "0", "freeze"])
    began = time.monotonic()
    lwk.check(["python3", "-c", "import os\nos.truncate('/tmp/shared', 0)\n"
               "with open('/tmp/shared', 'wb') as file: file.write(b'new' * 4096)"], timeout=20)
    assert time.monotonic() - began < 5
    lwk.check(["ihkosctl", "0", "thaw"])
    command.write(b"\n")
    assert command.wait(20).stdout == "b'old'\nb'new'\n"


def test_a_frozen_instance_goes_down_and_up(lwk):
    counter = started(lwk, COUNTER, "5\n")
    lwk.check(["ihkosctl", "0", "freeze"])
    lwk.down()
    counter.wait(10)
    lwk.up()
    assert lwk.mcexec("echo", "fine").stdout == "fine\n"
