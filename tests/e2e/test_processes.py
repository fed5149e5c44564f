# SPDX-License-Identifier: BSD-2-Clause
"""Programs that make processes: on the LWK each has a proxy of its own, and Linux's rules hold among them."""
import time
from pathlib import Path

import pytest
from stilllib.books import settled_bytes

PROGRAMS = Path(__file__).resolve().parents[2] / "build/gcc/tests/guest"


def wait_for_nobody(lwk, seconds=20):
    """Processes that were killed are gone, also in the LWK."""
    deadline = time.monotonic() + seconds
    while lwk.status()["processes"] and time.monotonic() < deadline:
        time.sleep(0.2)
    assert lwk.status()["processes"] == 0


@pytest.mark.parametrize("script", [
    "for i in 1 2 3; do (echo $i); done | sort -r | tr '\\n' ' '; seq 1 1000 | grep 7 | wc -l",
    "(exit 7); echo $?; sh -c 'kill -TERM $$'; echo $?; false | true; echo ${PIPESTATUS[@]}",
    "diff <(echo a) <(echo b); echo $(echo nested $(echo deeper))",
    "trap 'echo usr1' USR1; kill -USR1 $$; sleep 0.1 & wait; echo done",
    "printf 'a.o: a.c\\n\\tgcc -c a.c\\n' > Makefile; echo 'int f(void){return 3;}' > a.c; make -s; nm a.o | cut -c18-",
])
def test_a_shell_does_what_it_does_natively(lwk, script):
    def run(prefix):
        return lwk.run(["bash", "-c", f'cd "$(mktemp -d)"; exec {prefix} bash -c "$0"', script], timeout=120)

    native, ours = run(""), run("mcexec")
    assert (ours.stdout, ours.status) == (native.stdout, native.status), ours


def test_pipelines_mix_both_kernels(lwk):
    result = lwk.sh("seq 1 20000 | mcexec grep 7 | sort -n | mcexec tail -1; echo ${PIPESTATUS[@]}")
    assert result.stdout == "19997\n0 0 0 0\n", result


def test_who_takes_all_memory_is_killed_alone(lwk):
    total = sum(node["total_bytes"] for node in lwk.status()["nodes"])
    greedy = (f"import mmap; m = mmap.mmap(-1, {total + (64 << 20)}, flags=0x4022); "
              "[m.__setitem__(at, 1) for at in range(0, len(m), 4096)]; print('all of it')")
    result = lwk.run(["bash", "-c", f"""
        words=$(mktemp -u); mkfifo $words
        mcexec bash -c 'read line; echo "$line lives"' < $words &
        other=$!
        exec 3> $words
        mcexec python3 -c "{greedy}"; echo $?
        mcexec true; echo "the other" >&3
        wait $other
        """], timeout=120)
    assert result.stdout == "137\nthe other lives\n", result
    assert "out of memory" in lwk.run(["ihkosctl", "0", "kmsg"]).stdout


def test_python_makes_processes(lwk):
    program = """
import multiprocessing, os, subprocess
def square(x):
    return x * x
if __name__ == "__main__":
    print(subprocess.run(["echo", "from a child"], capture_output=True, text=True).stdout, end="")
    with multiprocessing.Pool(2) as pool:
        print(pool.map(square, range(10)))
    pid = os.fork()
    if pid == 0:
        os._exit(5)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    result = lwk.run(["bash", "-c", "cat > /tmp/makes.py; mcexec python3 /tmp/makes.py"], stdin=program.encode(),
                     timeout=120)
    assert result.stdout == "from a child\n[0, 1, 4, 9, 16, 25, 36, 49, 64, 81]\n5\n", result


def test_linux_signals_a_child_on_the_lwk(lwk):
    command = lwk.spawn(["mcexec", "bash", "-c", "sleep 100 & echo $!; wait $!; echo status $?"])
    command.close_stdin()
    deadline = time.monotonic() + 30
    while not command.stdout.endswith("\n") and time.monotonic() < deadline:
        time.sleep(0.1)
    lwk.check(["kill", "-TERM", command.stdout.strip()])
    assert command.wait(30).stdout.splitlines()[1] == "status 143"


def test_a_program_on_the_lwk_starts_mcexec_on_linux(lwk):
    result = lwk.mcexec("bash", "-c", "mcexec echo nested; echo $?")
    assert result.stdout == "nested\n0\n", result


def test_killed_in_the_middle_everything_comes_back(lwk):
    lwk.mcexec(str(PROGRAMS / "fork_storm"), "1")
    before = settled_bytes(lwk)
    for delay in (0.3, 0.9, 1.4, 0.6):
        command = lwk.spawn(["mcexec", str(PROGRAMS / "fork_storm"), "30"])
        time.sleep(delay)
        command.kill(9)
        lwk.run(["pkill", "-9", "fork_storm"])
        command.wait(30)
        wait_for_nobody(lwk)
    assert settled_bytes(lwk) == before


def test_a_transfer_under_way_stays_the_parents(lwk):
    """Linux 6.1 itself gets this wrong: its O_DIRECT takes no pins that fork could see. The LWK counts references."""
    lwk.check(["bash", "-ec", """
modprobe loop; modprobe dm_delay
head -c 8388608 /dev/zero | tr '\\0' z > /tmp/slow-image
losetup /dev/loop7 /tmp/slow-image
dmsetup create slow --noudevsync --table '0 16384 delay /dev/loop7 0 1500'
[ -e /dev/mapper/slow ] || mknod /dev/mapper/slow b $(tr : ' ' < /sys/block/dm-0/dev)"""])
    try:
        result = lwk.mcexec(str(PROGRAMS / "fork_direct"), "/dev/mapper/slow", timeout=60)
        assert (result.stdout, result.status) == ("ok fork_direct\n", 0), result
    finally:
        lwk.check(["bash", "-c", "dmsetup remove slow; losetup -d /dev/loop7; rm -f /tmp/slow-image /dev/mapper/slow"])
