# SPDX-License-Identifier: BSD-2-Clause
"""`mcexec PROGRAM` in a script is as good as PROGRAM."""
import signal
import time

import pytest

C_PROGRAM = r"""
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
int main(int argc, char **argv, char **envp)
{
    static char zero[100000];
    for (int i = 0; i < argc; i++) printf("%s\n", argv[i]);
    for (size_t i = 0; i < sizeof zero; i++) if (zero[i]) return 99;
    printf("%d %d\n", getauxval(AT_SYSINFO_EHDR) != 0, getauxval(AT_PAGESZ) == 4096);
    return 42;
}
"""


def test_exit_status(lwk):
    for status in (0, 1, 42, 255):
        assert lwk.mcexec("python3", "-c", f"import os; os._exit({status})").status == status
    assert lwk.mcexec("false").status == 1


def test_arguments_environment_and_directory(lwk):
    program = "import os, sys; print(sys.argv[1:], os.environ['FRUIT'], os.getcwd())"
    result = lwk.mcexec("python3", "-c", program, "a b", "", "-x", "--", cwd="/usr/share", env={"FRUIT": "quince"})
    assert result.stdout == "['a b', '', '-x', '--'] quince /usr/share\n", result


def test_stdout_and_stderr_stay_apart(lwk):
    result = lwk.mcexec("python3", "-c", "import sys; print('out'); print('err', file=sys.stderr)")
    assert (result.stdout, result.stderr) == ("out\n", "err\n")


def test_stdio_that_is_closed_or_a_file(lwk):
    assert lwk.sh("mcexec cat < /etc/passwd > /tmp/copy && cmp /tmp/copy /etc/passwd").status == 0
    assert lwk.sh("mcexec echo x > /dev/full").status == lwk.sh("/bin/echo x > /dev/full").status == 1


@pytest.mark.parametrize("flags", [["-static"], ["-static-pie"], ["-pie"], ["-no-pie"]])
def test_every_kind_of_elf(lwk, flags):
    lwk.run(["sh", "-c", "cat > /tmp/kind.c"], stdin=C_PROGRAM.encode())
    lwk.check(["gcc", "-O1", *flags, "-o", "/tmp/kind", "/tmp/kind.c"])
    result = lwk.mcexec("/tmp/kind", "x")
    assert (result.stdout, result.status) == ("/tmp/kind\nx\n1 1\n", 42), result


def test_a_script_by_its_interpreter(lwk):
    script = b"#!/usr/bin/python3 -B\nimport sys\nprint(sys.argv)\n"
    lwk.run(["sh", "-c", "cat > /tmp/script; chmod +x /tmp/script"], stdin=script)
    assert lwk.mcexec("/tmp/script", "1").stdout == "['/tmp/script', '1']\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_ends_it_as_it_would_natively(lwk, number):
    command = lwk.spawn(["mcexec", "sleep", "60"])
    time.sleep(1)
    command.kill(number)
    assert command.wait(10).status == 128 + number


def test_a_signal_reaches_a_computing_program(lwk):
    command = lwk.spawn(["mcexec", "python3", "-c", "print('go', flush=True)\nwhile True: pass"])
    wait_for(lambda: "go" in command.stdout)
    command.kill(signal.SIGTERM)
    assert command.wait(10).status == 128 + signal.SIGTERM


def test_ctrl_c_on_a_terminal(lwk):
    command = lwk.spawn(["mcexec", "sleep", "60"], tty=[24, 80])
    time.sleep(1)
    command.write(b"\x03")
    assert command.wait(10).status == 128 + signal.SIGINT


def test_a_handler_runs(lwk):
    program = """
import signal, sys
def caught(number, frame):
    print("caught", number, flush=True)
    sys.exit(7)
signal.signal(signal.SIGUSR1, caught)
print("ready", flush=True)
while True:
    pass
"""
    command = lwk.spawn(["mcexec", "python3", "-c", program])
    wait_for(lambda: "ready" in command.stdout)
    command.kill(signal.SIGUSR1)
    result = command.wait(10)
    assert (result.stdout, result.status) == ("ready\ncaught 10\n", 7), result


def test_a_reader_that_leaves_ends_a_writer(lwk):
    result = lwk.sh("mcexec yes | head -n 3; echo ${PIPESTATUS[0]}", timeout=20)
    assert result.stdout == "y\ny\ny\n141\n", result


@pytest.mark.parametrize("names", [("OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"),
                                   ("MPI_LOCALRANKID", "MPI_LOCALNRANKS")])
def test_ranks_divide_the_cpus_by_themselves(lwk, names):
    ask = ["python3", "-c", "import os; print(*os.sched_getaffinity(0), len(os.sched_getaffinity(os.getpid())))"]
    for rank in range(2):
        launched = dict(zip(names, (str(rank), "2")))
        assert lwk.mcexec(*ask, env=launched).stdout == f"{rank} 1\n"
        assert lwk.mcexec("bash", "-c", "exec nproc", env=launched).stdout == "1\n"  # also after execve
        assert lwk.mcexec("-n", "1", *ask, env=launched).stdout == "0 1 2\n"
        assert lwk.mcexec("-c", "0", *ask, env=launched).stdout == "0 1\n"
        assert lwk.mcexec("-n", "2", "--rank", str(1 - rank), *ask, env=launched).stdout == f"{1 - rank} 1\n"
    assert lwk.mcexec("-n", "2", "true").status == 125


def test_it_shows_on_linux_under_its_pid(lwk):
    program = "import os, time; print(os.getpid(), flush=True); time.sleep(30)"
    command = lwk.spawn(["mcexec", "python3", "-c", program])
    wait_for(lambda: "\n" in command.stdout)
    assert lwk.run(["kill", "-TERM", command.stdout.strip()]).status == 0
    assert command.wait(10).status == 128 + signal.SIGTERM


def test_stats_name_what_was_offloaded(lwk):
    result = lwk.mcexec("--stats", "cat", "/etc/debian_version")
    assert result.status == 0
    for word in ("read", "write", "openat", "calls"):
        assert word in result.stderr, result


def test_time_passes_as_on_linux(lwk):
    result = lwk.mcexec("python3", "-c", "import time; a = time.time(); time.sleep(1); print(a, time.time() - a)")
    stamp, slept = map(float, result.stdout.split())
    assert abs(float(lwk.check(["date", "+%s.%N"])) - stamp) < 5
    assert 0.99 < slept < 2


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)
