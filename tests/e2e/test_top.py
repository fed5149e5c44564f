# SPDX-License-Identifier: BSD-2-Clause
"""ihkosctl top and metrics: who uses what, in the numbers of /proc."""
import re
import time

import pytest

READER = "import os\nf = os.open('/proc/uptime', os.O_RDONLY)\nprint('on', flush=True)\nwhile True: os.pread(f, 1, 0)"
SPINNER = "print('on', flush=True)\nwhile True: pass"


@pytest.fixture
def program(lwk):
    running = []

    def start(text):
        command = lwk.spawn(["mcexec", "python3", "-c", text])
        running.append(command)
        end = time.monotonic() + 60
        while "on" not in command.stdout:
            assert command.is_running and time.monotonic() < end
            time.sleep(0.1)
        return command
    yield start
    for command in running:
        command.kill(9)
        command.wait(30)


def rows(picture, head):
    """The lines of a table as dictionaries by the names of its columns; the last column takes the rest."""
    lines = picture.splitlines()
    start = next(i for i, line in enumerate(lines) if line.split()[:1] == [head])
    names = re.sub(r" (%|s)(?= )", r"_\1", lines[start]).split()
    table = []
    for line in lines[start + 1:]:
        if not line.strip():
            break
        table.append(dict(zip(names, line.replace(" M ", "M ").split(None, len(names) - 1))))
    return table


def test_top_shows_who_computes_and_who_calls_linux(lwk, program):
    program(READER)
    program(SPINNER)
    end = time.monotonic() + 60
    while True:  # on a starved host the reader may have made few calls, or none yet
        picture = lwk.check(["ihkosctl", "top", "-n", "1", "-d", "2"])
        assert re.search(r"OS instance 0: RUNNING, 2 processes, \d+ of \d+ MiB free", picture)
        cpus, processes = rows(picture, "cpu"), rows(picture, "pid")
        assert len(cpus) == len(lwk.status()["cpus"])
        assert {row["program"] for row in processes} == {"python3"} and len(processes) == 2
        calls = sorted(float(row["offload/s"]) for row in processes)
        if calls[1] > 5:
            break
        assert time.monotonic() < end, picture
    assert calls[0] * 5 < calls[1], picture
    of_cpus = sum(float(cpu["offload/s"]) for cpu in cpus)
    assert sum(calls) / 2 < of_cpus < 2 * sum(calls) + 5, picture
    busiest = processes[0]
    assert float(busiest["cpu_%"]) > 50 and float(busiest["memory"].rstrip("M")) > 1, picture
    stat = lwk.check(["cat", f"/proc/{busiest['pid']}/status"])
    assert re.search(r"^Uid:\s+" + busiest["uid"], stat, re.M)


def test_top_without_programs_and_of_an_instance_that_is_not_there(lwk):
    assert rows(lwk.check(["ihkosctl", "top", "-n", "1", "-d", "0.2"]), "pid") == []
    missing = lwk.run(["ihkosctl", "top", "7", "-n", "1"])
    assert missing.status == 1 and "7" in missing.stderr
    assert lwk.run(["ihkosctl", "top", "-d", "0"]).status == 2


LINE = re.compile(r'(\w+)\{((?:\w+="(?:[^"\\]|\\.)*",?)+)\} (-?[\d.e+]+)')


def test_metrics_are_what_prometheus_reads(lwk, program):
    program(SPINNER)
    text = lwk.check(["ihkosctl", "metrics"])
    seen, closed, name = {}, set(), None
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            assert name not in closed, "the lines of a name stand together"
            closed.add(name)
            name = line.split()[2]
        elif not line.startswith("#"):
            match = LINE.fullmatch(line)
            assert match and match[1] == name, line
            seen[match[1], match[2]] = float(match[3])
    assert seen["stillcore_state", 'os="0",state="RUNNING"'] == 1
    assert seen["stillcore_processes", 'os="0"'] == 1
    busy = sum(value for (key, labels), value in seen.items()
               if key == "stillcore_cpu_seconds_total" and 'mode="busy"' in labels)
    assert busy > 0
    assert any(key == "stillcore_process_cpu_seconds_total" and 'comm="python3"' in labels and value > 0
               for (key, labels), value in seen.items())


def test_metrics_of_nothing_are_nothing(guest):
    guest.ensure_down()
    assert guest.check(["ihkosctl", "metrics"]) == ""


def test_a_frozen_instance_is_shown_and_not_waited_for(lwk, program):
    program(SPINNER)
    lwk.check(["ihkosctl", "0", "freeze"])
    try:
        picture = lwk.check(["ihkosctl", "top", "-n", "1", "-d", "0.2"], timeout=20)
        assert "OS instance 0: FROZEN" in picture and rows(picture, "pid") == []
        assert 'state="FROZEN"} 1' in lwk.check(["ihkosctl", "metrics"], timeout=20)
    finally:
        lwk.check(["ihkosctl", "0", "thaw"])
    assert len(rows(lwk.check(["ihkosctl", "top", "-n", "1", "-d", "0.2"]), "pid")) == 1
