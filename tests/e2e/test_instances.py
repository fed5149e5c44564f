# SPDX-License-Identifier: BSD-2-Clause
"""Several instances at once: each has its own CPUs, memory, arguments, programs, log and end."""
import json
import time
from pathlib import Path

import pytest
from stilllib.paths import KERNEL_IMAGE

PROGRAM = Path(__file__).resolve().parents[2] / "build/gcc/tests/guest/libihk"
LOOP = "print('go', flush=True)\nwhile True: pass"


def up(guest, os, cpus, mem="128m", *more):
    guest.check(["ihkosctl", "up", "--os", str(os), "--cpus", cpus, "--mem", mem, *more])


def state(guest, os):
    return guest.check(["ihkosctl", str(os), "get", "status"]).strip()


@pytest.fixture
def three(no_lwk):
    guest = no_lwk
    before = guest.accounts(), guest.online_cpus()
    for os, cpu in enumerate("123"):
        up(guest, os, cpu, "128m", "--kargs", f"color={os}")
    yield guest
    guest.run(["pkill", "-9", "mcexec"])
    for os in guest.check(["ihkconfig", "0", "get", "os_instances"]).split():
        guest.check(["ihkosctl", "down", os])
    after = guest.accounts()
    assert after["pages_held"] == 0 and after["cpus_held"] == 0 and guest.online_cpus() == before[1]
    assert after["pages_taken"] - before[0]["pages_taken"] == after["pages_returned"] - before[0]["pages_returned"]


def run(guest, os, *argv):
    return guest.run(["mcexec", "--os", str(os), *argv])


def test_each_runs_programs_of_its_own(three):
    commands = [three.spawn(["mcexec", str(os), "python3", "-c",
                             f"import os, time; time.sleep(1); print({os}, len(os.sched_getaffinity(0)))"])
                for os in range(3)]
    for os, command in enumerate(commands):
        assert command.wait(30).stdout == f"{os} 1\n"
    result = three.run(["mcexec", "echo", "here"], env={"STILLCORE_OS": "2"})
    assert result.stdout == "here\n" and three.status_of(2)["cpus"][0]["switches"] > 0
    result = three.run(["mcexec", "echo", "x"], env={"STILLCORE_OS": "many"})
    assert result.status != 0 and "STILLCORE_OS: 'many'" in result.stderr, result
    assert three.run(["mcexec", "--os", "7", "echo"]).status != 0
    text = three.check(["ihkosctl", "status"])
    for os, cpu in enumerate("123"):
        assert f"OS instance {os}: RUNNING, 1 CPUs" in text
        assert three.status_of(os)["cpus"][0]["linux_cpu"] == int(cpu)


def test_a_panic_and_a_kill_stay_where_they_are(three):
    others = [three.spawn(["mcexec", str(os), "python3", "-c", "input(); print('still here')"]) for os in (0, 2)]
    loop = three.spawn(["mcexec", "1", "python3", "-c", LOOP])
    deadline = time.monotonic() + 20
    while "go" not in loop.stdout:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    three.run(["ihkosctl", "1", "inject", "panic"])
    assert loop.wait(20).status == 70
    assert [state(three, os) for os in range(3)] == ["RUNNING", "PANIC", "RUNNING"]
    assert "injected panic" in three.check(["ihkosctl", "1", "kmsg"])
    assert "panic" not in three.check(["ihkosctl", "2", "kmsg"])
    three.check(["ihkosctl", "reboot", "1"])
    assert run(three, 1, "echo", "fine").stdout == "fine\n"
    three.check(["ihkosctl", "0", "freeze"])
    assert [state(three, os) for os in range(3)] == ["FROZEN", "RUNNING", "RUNNING"]
    assert run(three, 2, "echo", "fine").stdout == "fine\n"
    three.check(["ihkosctl", "0", "thaw"])
    for command in others:
        command.write(b"\n")
        assert command.wait(20).stdout == "still here\n"


def test_one_goes_and_comes_while_others_work(three):
    busy = three.spawn(["mcexec", "0", "python3", "-c",
                        "import time\nfor i in range(60): time.sleep(0.1); print(i, flush=True)"])
    for _ in range(3):
        three.check(["ihkosctl", "down", "1"])
        assert three.check(["ihkconfig", "0", "get", "os_instances"]).split() == ["0", "2"]
        up(three, 1, "2", "64m")
        assert run(three, 1, "echo", "again").stdout == "again\n"
    assert busy.wait(30).stdout.endswith("\n59\n")


def test_what_one_has_no_other_gets(three):
    for argv, word in ((["ihkosctl", "up", "--cpus", "2", "--mem", "64m"], "CPU 2"),
                       (["ihkosctl", "0", "assign", "cpu", "2"], "instance 1"),
                       (["ihkosctl", "down"], "3 OS instances"),
                       (["mcexec", "-c", "1", "true"], "CPU")):
        result = three.run(argv)
        assert result.status != 0 and word.lower() in result.stderr.lower(), result
    # A device for each; root's and the group's.
    modes = three.check(["stat", "-c", "%a", "/dev/ihk0", "/dev/ihk1", "/dev/ihk2"]).split()
    assert modes == ["660"] * 3


def test_two_of_different_shape(no_lwk):
    guest = no_lwk
    up(guest, 0, "1-2", "256m")
    up(guest, 1, "3", "128m")
    try:
        counts = [run(guest, os, "nproc").stdout.strip() for os in range(2)]
        assert counts == ["2", "1"], counts
        memory = [int(run(guest, os, "sh", "-c", "grep MemTotal /proc/meminfo").stdout.split()[1]) for os in range(2)]
        assert memory == [256 << 10, 128 << 10] or memory[0] > memory[1], memory
    finally:
        guest.check(["ihkosctl", "down", "1"])
        guest.check(["ihkosctl", "down", "0"])


def test_queries_as_json(lwk):
    def ask(*argv):
        result = lwk.run(list(argv))
        assert result.status == 0, result
        return json.loads(result.stdout)
    assert ask("ihkconfig", "0", "get", "os_instances", "--json") == [0]
    assert ask("ihkconfig", "0", "query", "cpu", "--json") == [] == ask("ihkconfig", "0", "query", "mem", "--json")
    assert ask("ihkosctl", "0", "query", "cpu", "--json") == [2, 3]
    [memory] = ask("ihkosctl", "0", "query", "mem", "--json")
    assert memory["node"] == 0 and memory["bytes"] == lwk.status()["nodes"][0]["total_bytes"]
    assert ask("ihkosctl", "0", "get", "status", "--json") == {"state": "RUNNING"}
    assert ask("ihkosctl", "0", "get", "health", "--json") == {"health": "healthy"}
    assert ask("ihkosctl", "0", "get", "calls", "--json") == []


def test_a_c_program_does_it_all(no_lwk):
    before = no_lwk.accounts(), no_lwk.online_cpus()
    result = no_lwk.run([str(PROGRAM), "/tmp/libihk.core"], env={"STILLCORE_IMAGE": str(KERNEL_IMAGE)}, timeout=120)
    assert result.stdout == "ok libihk\n", result
    after = no_lwk.accounts()
    assert after["pages_held"] == after["cpus_held"] == 0 and no_lwk.online_cpus() == before[1]
    assert after["pages_taken"] - before[0]["pages_taken"] == after["pages_returned"] - before[0]["pages_returned"]
