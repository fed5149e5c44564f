# SPDX-License-Identifier: BSD-2-Clause
"""CPUs come to a running instance and go from it, under programs that use them."""
import time
from pathlib import Path

import pytest
from stilllib.guestlib import Guest
from stilllib.qemu import Machine
from stilllib.shell_out import wait_until

PROGRAMS = Path(__file__).resolve().parents[2] / "build/gcc/tests/guest"


def ihk(lwk, *words):
    return lwk.run(["ihkosctl", "0", *words])


def cpus(lwk):
    return [cpu["linux_cpu"] for cpu in lwk.status()["cpus"]]


@pytest.fixture
def one(no_lwk):
    """An instance with CPU 1; CPUs 2 and 3 are reserved and nobody's."""
    guest = no_lwk
    before = guest.accounts(), guest.online_cpus()
    guest.up("--cpus", "1", "--mem", "512m")
    guest.check(["ihkconfig", "0", "reserve", "cpu", "2-3"])
    yield guest
    guest.run(["pkill", "-9", "mcexec"])
    guest.down()
    left = guest.check(["ihkconfig", "0", "query", "cpu"]).strip()
    if left:
        guest.check(["ihkconfig", "0", "release", "cpu", left])
    after = guest.accounts()
    assert after["cpus_held"] == 0 and after["pages_held"] == 0 and guest.online_cpus() == before[1]


def add(lwk, what):
    result = ihk(lwk, "assign", "cpu", what)
    assert result.status == 0, result


def take(lwk, what):
    result = ihk(lwk, "release", "cpu", what)
    assert result.status == 0, result


def spinners(count):
    """So many threads that compute, in one program, until /tmp/enough is there; then how far each came."""
    return f"""
import os, threading, time
done = [0] * {count}
def work(n):
    while not os.path.exists("/tmp/enough"):
        sum(range(400000)); done[n] += 1
threads = [threading.Thread(target=work, args=(n,)) for n in range({count})]
for t in threads: t.start()
print("go", flush=True)
for t in threads: t.join()
print("all" if all(done) else done, flush=True)"""


def test_programs_see_and_use_what_comes_and_goes(one):
    look = ("import os; print(os.cpu_count(), sorted(os.sched_getaffinity(0)), "
            "open('/sys/devices/system/cpu/online').read().strip(), open('/proc/cpuinfo').read().count('processor'))")
    assert one.mcexec("python3", "-c", look).stdout == "1 [0] 0 1\n"
    add(one, "3")
    assert cpus(one) == [1, 3] and one.mcexec("nproc").stdout == "2\n"
    assert one.mcexec("python3", "-c", look).stdout == "2 [0, 1] 0-1 2\n"
    assert one.mcexec("-c", "1", "sh", "-c", "cat /proc/self/stat | awk '{print $39}'").stdout == "1\n"
    add(one, "2")
    assert cpus(one) == [1, 3, 2] and one.mcexec("nproc").stdout == "3\n"
    take(one, "2")
    take(one, "3")
    assert cpus(one) == [1] and one.mcexec("nproc").stdout == "1\n"
    assert one.check(["ihkconfig", "0", "query", "cpu"]).strip() == "2-3"
    one.check(["ihkconfig", "0", "release", "cpu", "3"])
    assert "3" in one.online_cpus() and one.run(["taskset", "-c", "3", "echo", "x"]).stdout == "x\n"
    assert ihk(one, "assign", "cpu", "3").status == 1 and cpus(one) == [1]


def test_a_program_that_runs_spreads_over_what_comes(one):
    one.run(["rm", "-f", "/tmp/enough"])
    # Processes, since Python's threads take turns.
    working = [one.spawn(["mcexec", "python3", "-c", spinners(1)]) for _ in range(3)]
    assert wait_until(lambda: all("go" in c.stdout for c in working), 30)
    add(one, "2-3")
    def busy():
        return [cpu["busy_seconds"] for cpu in one.status()["cpus"]]
    before = busy()
    assert wait_until(lambda: all(b - a > 1 for a, b in zip(before, busy())), 30), (before, busy())
    take(one, "2-3")
    # Each asks Linux for a file now and then, and does not run meanwhile.
    assert wait_until(lambda: one.status()["cpus"][0]["runnable"] >= 3, 20), one.status()
    one.run(["touch", "/tmp/enough"])
    for command in working:
        assert command.wait(60).stdout == "go\nall\n"


@pytest.mark.long
def test_threads_of_all_kinds_move_off(one):
    """Computing, sleeping, waiting for Linux, for a futex, for a timer; bound or not: they go on elsewhere."""
    program = """
import os, signal, sys, threading, time
add = [0] * 4
enough = lambda: os.path.exists("/tmp/enough")
def sleeps():
    while not enough(): time.sleep(0.01); add[0] += 1
def reads():
    r, w = os.pipe()
    def feed():
        while not enough(): os.write(w, b"x"); time.sleep(0.005)
        os.close(w)
    threading.Thread(target=feed).start()
    while os.read(r, 1): add[1] += 1
def waits():
    e = threading.Event()
    while not enough(): e.wait(0.02); add[2] += 1
def bound():
    os.sched_setaffinity(0, {os.cpu_count() - 1})
    while not enough(): sum(range(1000)); add[3] += 1
ticks = 0
def tick(*_):
    global ticks
    ticks += 1
signal.signal(signal.SIGALRM, tick)
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
threads = [threading.Thread(target=f) for f in (sleeps, reads, waits, bound)]
for t in threads: t.start()
print("go", flush=True)
marks = []
while not enough():
    time.sleep(0.5)
    marks.append((list(add), ticks))
for t in threads: t.join()
late = [b - a for a, b in zip(marks[-4][0] + [marks[-4][1]], marks[-1][0] + [marks[-1][1]])]
print("all moved on" if min(late) > 0 else late, len(os.sched_getaffinity(0)))"""
    one.run(["rm", "-f", "/tmp/enough"])
    add(one, "2-3")
    commands = [one.spawn(["mcexec", "python3", "-c", program]) for _ in range(2)]
    assert wait_until(lambda: all("go" in c.stdout for c in commands), 30)
    for _ in range(4):
        time.sleep(0.5)
        gone = cpus(one)[-1]
        take(one, str(gone))
        time.sleep(0.3)
        add(one, str(gone))
    take(one, "2-3")
    assert cpus(one) == [1]
    time.sleep(4)
    one.run(["touch", "/tmp/enough"])
    for command in commands:
        assert command.wait(60).stdout == "go\nall moved on 1\n", command.wait(1)
    assert "the CPUs that it was bound to have gone" in one.kmsg()


def test_a_bound_program_follows_no_new_cpu_and_a_free_one_does(one):
    program = ("import os, sys; print('go', flush=True); sys.stdin.readline(); "
               "print(sorted(os.sched_getaffinity(0)))")
    free, bound = (one.spawn(["mcexec", *words, "python3", "-c", program]) for words in ((), ("-c", "0")))
    assert wait_until(lambda: "go" in free.stdout and "go" in bound.stdout, 30)
    add(one, "2")
    for command in (free, bound):
        command.write(b"\n")
    assert free.wait(20).stdout == "go\n[0, 1]\n" and bound.wait(20).stdout == "go\n[0]\n"
    # Over an exec, too.
    text = one.mcexec("sh", "-c", "exec python3 -c 'import os; print(sorted(os.sched_getaffinity(0)))'").stdout
    assert text == "[0, 1]\n"
    take(one, "2")


@pytest.mark.long
def test_again_and_again_under_load(one):
    one.run(["rm", "-f", "/tmp/enough"])
    script = "while [ ! -e /tmp/enough ]; do cat /etc/hostname | tr a-z A-Z >/dev/null; done; echo good"
    working = [one.spawn(["mcexec", "sh", "-c", script]) for _ in range(3)]
    for n in range(3):
        add(one, "2-3" if n % 2 else "3,2")
        time.sleep(0.1 * (n % 3))
        take(one, "2-3")
    kept = one.status()["kept_bytes"]
    add(one, "2-3")
    one.run(["touch", "/tmp/enough"])
    for command in working:
        assert command.wait(60).stdout == "good\n"
    take(one, str(cpus(one)[-1]))
    assert one.status()["kept_bytes"] - kept <= 4 << 20
    assert one.mcexec("echo", "fine").stdout == "fine\n" and one.state() == "RUNNING"


def test_reboot_freeze_dump_and_panic_know_them(one):
    add(one, "2-3")
    assert ihk(one, "freeze").status == 0
    assert ihk(one, "release", "cpu", "3").status == 1 and ihk(one, "thaw").status == 0
    assert ihk(one, "dump", "/tmp/cpus.core").status == 0
    one.check(["ihkosctl", "reboot"])
    assert cpus(one) == [1, 2, 3] and one.mcexec("nproc").stdout == "3\n"
    take(one, "3")
    one.run(["ihkosctl", "0", "inject", "panic"])
    assert wait_until(lambda: one.state() == "PANIC", 30)
    assert ihk(one, "assign", "cpu", "3").status == 1
    one.check(["ihkosctl", "reboot"])
    assert one.mcexec("nproc").stdout == "2\n"


def test_one_that_comes_too_late_has_no_part_in_anything(one):
    add(one, "2")
    ihk(one, "inject", "late-cpu")
    late = ihk(one, "assign", "cpu", "3")
    assert late.status == 1 and "CPU 3: the LWK could not start it (error 110)" in late.stderr, late
    assert cpus(one) == [1, 2] and one.mcexec("nproc").stdout == "2\n"
    add(one, "3")
    assert cpus(one) == [1, 2, 3] and one.mcexec("nproc").stdout == "3\n"
    take(one, "2-3")


@pytest.fixture
def many(request):
    """A guest with 12 CPUs, an instance with CPU 1, and ten that are reserved."""
    option = request.config.getoption
    guest = Guest(Machine(smp=12, kernel=option("--kernel"), x2apic=option("--x2apic"))).start()
    guest.up("--cpus", "1", "--mem", "1g")
    guest.check(["ihkconfig", "0", "reserve", "cpu", "2-11"])
    yield guest
    guest.kill()


@pytest.mark.long
def test_ten_come_to_one_and_go(many):
    """Each of them runs threads, flushes with the others, and hands on what it has."""
    where = ("import os\nfor cpu in range(os.cpu_count()):\n os.sched_setaffinity(0, {cpu})\n"
             " print(open('/proc/self/stat').read().split()[38], end=' ')")
    spinner = many.spawn(["mcexec", "python3", "-c", "print('go', flush=True)\nwhile True: pass"])
    assert wait_until(lambda: "go" in spinner.stdout, 30)
    for order in ([*range(2, 12)], [11, 4, 9, 2, 7, 3, 10, 5, 8, 6]):
        add(many, ",".join(map(str, order)))
        assert cpus(many) == [1, *order] and many.mcexec("nproc").stdout == "11\n"
        assert many.mcexec("python3", "-c", where).stdout.split() == [str(n) for n in range(11)]
        assert many.mcexec(str(PROGRAMS / "memory_storm"), "3", timeout=120).status == 0
        take(many, "2-11")
        assert cpus(many) == [1] and many.mcexec("nproc").stdout == "1\n"
    assert spinner.is_running and many.complaints() == []
    spinner.kill(9)
    many.down()
    many.check(["ihkconfig", "0", "release", "cpu", "2-11"])
    accounts = many.accounts()
    assert (accounts["cpus_held"], accounts["pages_held"], many.online_cpus()) == (0, 0, "0-11")
    many.unload_module()
    many.stop()


def test_what_is_refused(one):
    add(one, "2-3")
    for words, text in ((("release", "cpu", "1"), "CPU 1 is the LWK's first"), (("release", "cpu", "2"), "CPU 3"),
                        (("release", "cpu", "1-3"), "first"), (("assign", "cpu", "2"), "belongs to instance 0"),
                        (("assign", "cpu", "0"), "not reserved"), (("release", "cpu", "7"), "no such CPU")):
        result = ihk(one, *words)
        assert result.status == 1 and text in result.stderr, result
    assert cpus(one) == [1, 2, 3] and one.mcexec("nproc").stdout == "3\n"
