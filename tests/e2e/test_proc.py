# SPDX-License-Identifier: BSD-2-Clause
"""How an LWK process looks from Linux, and Linux's numbers from an LWK process."""
import re
import time


def test_linux_sees_the_program(lwk):
    result = lwk.sh("""
FRUIT=quince mcexec sleep 60 &
until pgrep -x sleep > /dev/null; do sleep 0.1; done
p=$(pgrep -x sleep)
tr '\\0' ' ' < /proc/$p/cmdline; echo
readlink /proc/$p/exe
tr '\\0' '\\n' < /proc/$p/environ | grep FRUIT
cat /proc/$p/comm
ps -o args= -p $p
kill $p""")
    assert result.stdout.splitlines() == ["sleep 60 ", "/usr/bin/sleep", "FRUIT=quince", "sleep", "sleep 60"], result


def test_a_program_that_runs_cannot_be_written(lwk):
    result = lwk.sh("""
cp /usr/bin/sleep /tmp/busy
mcexec /tmp/busy 60 &
until pgrep -x busy > /dev/null; do sleep 0.1; done
echo > /tmp/busy
pkill -x busy; wait; echo > /tmp/busy && echo free""")
    assert result.stdout == "free\n" and "busy" in result.stderr, result


def test_another_lwk_process(lwk):
    result = lwk.sh("""
mcexec sleep 60 &
until pgrep -x sleep > /dev/null; do sleep 0.1; done
p=$(pgrep -x sleep)
mcexec cat /proc/$p/maps; mcexec grep State /proc/$p/status; kill $p""")
    assert "/usr/bin/sleep\n" in result.stdout and "[stack]" in result.stdout, result
    assert "mcexec" not in result.stdout and "State:\tS (sleeping)" in result.stdout, result


def test_cpu_time_reaches_the_parent(lwk):
    loop = "import time\nwhile time.process_time() < 2: pass"
    result = lwk.sh(f"""python3 -c '
import resource, subprocess
subprocess.run(["mcexec", "python3", "-c", \"\"\"{loop}\"\"\"])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime >= 2)'""", timeout=60)
    assert result.stdout == "True\n", result


def test_time_and_limits_go_on_through_exec(lwk):
    program = """
import os, resource, time
while time.process_time() < 1: pass
resource.setrlimit(resource.RLIMIT_STACK, (4 << 20, 16 << 20))
resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))
os.execv("/usr/bin/python3", ["python3", "-c",
    "import resource, time; print(time.process_time() >= 1, resource.getrlimit(resource.RLIMIT_STACK),"
    "resource.getrlimit(resource.RLIMIT_AS))"])"""
    result = lwk.mcexec("python3", "-c", program, timeout=60)
    assert result.stdout == f"True ({4 << 20}, {16 << 20}) ({1 << 40}, {1 << 40})\n", result


def test_tools_agree_on_the_cpus(lwk):
    cpus = len(lwk.status()["cpus"])
    assert lwk.mcexec("nproc", "--all").stdout == f"{cpus}\n"
    assert lwk.sh("mcexec -c 1 nproc").stdout == "1\n"
    lscpu = lwk.mcexec("lscpu").stdout
    assert re.search(rf"^CPU\(s\): +{cpus}$", lscpu, re.M) and "Off-line" not in lscpu, lscpu
    names = lwk.mcexec("ls", "/sys/devices/system/cpu").stdout.split()
    assert [name for name in names if re.fullmatch(r"cpu\d+", name)] == [f"cpu{n}" for n in range(cpus)]
    assert lwk.mcexec("grep", "-c", "^processor", "/proc/cpuinfo").stdout == f"{cpus}\n"
    total = sum(node["total_bytes"] for node in lwk.status()["nodes"]) >> 10
    assert lwk.mcexec("grep", "MemTotal", "/proc/meminfo").stdout.split() == ["MemTotal:", str(total), "kB"]


def test_address_randomisation_can_be_off(lwk):
    command = "setarch -R mcexec grep stack /proc/self/maps"
    assert lwk.sh(f"{command}; {command}").stdout.count(lwk.sh(command).stdout) == 2
    inside = "mcexec setarch -R grep stack /proc/self/maps"
    assert lwk.sh(f"{inside}; {inside}").stdout.count(lwk.sh(inside).stdout) == 2


def test_where_the_heap_is_others_are_not_told(lwk):
    """Field 47 of stat, start_brk, as proc(5) has it: 0 for who may not trace."""
    lwk.check(["chmod", "666", "/dev/ihk0"])
    command = lwk.spawn(["mcexec", "python3", "-c", "print('on', flush=True); input()"])
    end = time.monotonic() + 60
    while "on" not in command.stdout:
        assert command.is_running and time.monotonic() < end
        time.sleep(0.1)
    fields = ["python3", "-c", "import os, sys; print(open(sys.argv[1]).read().split()[46], os.getuid())"]
    pid = lwk.check(["pgrep", "-nx", "python3"]).strip()
    own = lwk.check(["mcexec", *fields, f"/proc/{pid}/stat"]).split()
    others = lwk.check(["setpriv", "--reuid=65534", "--clear-groups", "mcexec", *fields, f"/proc/{pid}/stat"]).split()
    command.close_stdin()
    command.wait(30)
    lwk.check(["chmod", "660", "/dev/ihk0"])
    assert own[0] != "0" and own[1] == "0" and others == ["0", "65534"], (own, others)
