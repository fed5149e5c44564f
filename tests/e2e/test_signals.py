# SPDX-License-Identifier: BSD-2-Clause
"""Job control as a parent and a shell see it, and signals that come from Linux."""

# Prints a line, then computes for ever, counting in a shared page, without a system call.
COUNTER = r"""
cat > /tmp/counter.c <<'END'
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
static volatile unsigned long count;
static void tell(int signo)
{
    char line[40];
    write(1, line, snprintf(line, sizeof line, signo == SIGUSR1 ? "%lu\n" : "cont\n", count));
}
static void* work(void* arg)
{
    for (;;)
        count++;
    return arg;
}
int main(void)
{
    pthread_t thread;
    sigset_t all;
    signal(SIGUSR1, tell);
    signal(SIGCONT, tell);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    pthread_create(&thread, NULL, work, NULL);
    sigemptyset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    write(1, "ready\n", 6);
    for (;;)
        pause();
}
END
gcc -O1 -pthread -o /tmp/counter /tmp/counter.c
"""

PARENT = r"""
import os, signal, subprocess, sys, time
p = subprocess.Popen(["mcexec", "/tmp/counter"], stdout=subprocess.PIPE, text=True,
                     process_group=0)  # in an orphaned group SIGTSTP stops nobody
def line():
    return p.stdout.readline().strip()
def count():
    p.send_signal(signal.SIGUSR1)
    return int(line())
def wait(flags):
    pid, status = os.waitpid(p.pid, flags)
    return "stopped %d" % os.WSTOPSIG(status) if os.WIFSTOPPED(status) else \
        "continued" if os.WIFCONTINUED(status) else "ended %d" % os.WTERMSIG(status)
print(line())
a = count()
time.sleep(0.3)
b = count()
print("computes", b > a)
for stop in (signal.SIGSTOP, signal.SIGTSTP):
    p.send_signal(stop)
    print(wait(os.WUNTRACED))
    time.sleep(0.5)
    p.send_signal(signal.SIGUSR1)   # stays pending
    before = open("/proc/%d/stat" % p.pid).read().split()[2]
    time.sleep(1.5)
    p.send_signal(signal.SIGCONT)
    print(before, wait(os.WCONTINUED), sorted([line(), line()], key=len)[0])
a = count()
time.sleep(0.3)
print("computes", count() > a)
p.kill()
print(wait(0))
"""

STOPPED = r"""
import os, signal, subprocess, sys, time
p = subprocess.Popen(["mcexec", "/tmp/counter"], stdout=subprocess.PIPE, text=True)
p.stdout.readline()
def count_around(wait):
    p.send_signal(signal.SIGUSR1); a = int(p.stdout.readline())
    if wait:
        p.send_signal(signal.SIGSTOP); os.waitpid(p.pid, os.WUNTRACED)
    time.sleep(1.2)
    if wait:
        p.send_signal(signal.SIGCONT); p.stdout.readline()
    p.send_signal(signal.SIGUSR1); return int(p.stdout.readline()) - a
running, stopped = count_around(False), count_around(True)
print("stopped threads compute", stopped * 2 > running)
p.kill()
"""


def test_a_parent_sees_stop_and_continue(lwk):
    lwk.check(["sh", "-c", COUNTER])
    result = lwk.run(["python3", "-c", PARENT], timeout=90)
    assert result.stdout.splitlines() == [
        "ready", "computes True", "stopped 19", "T continued cont", "stopped 20", "T continued cont", "computes True",
        "ended 9"], result


def test_threads_that_compute_stop_too(lwk):
    lwk.check(["sh", "-c", COUNTER])
    result = lwk.run(["python3", "-c", STOPPED], timeout=90)
    assert result.stdout == "stopped threads compute False\n", result


def test_ctrl_z_in_a_shell(lwk):
    """A terminal's Ctrl-Z stops, fg goes on, and what reads in the background stops as well."""
    program = r"""
import os, pty, time, select
pid, fd = pty.fork()
if pid == 0:
    os.environ["PS1"] = "$ "
    os.execvp("bash", ["bash", "--norc", "--noediting", "-i"])
got = ""
def until(text, seconds=20):
    global got
    end = time.time() + seconds
    while text not in got and time.time() < end:
        if select.select([fd], [], [], 0.2)[0]:
            got += os.read(fd, 4096).decode()
    _, found, after = got.partition(text)
    got = after if found else got
    return bool(found)
def type(text):
    os.write(fd, text.encode())
until("$ ")
type("mcexec cat\n")
time.sleep(2)
type("one\n")
print(until("one\r\none"))
type("\x1a")
print(until("Stopped") and until("$ "))
type("fg\n")
print(until("mcexec cat"))
type("two\n")
print(until("two\r\ntwo"))
type("\x04")
print(until("$ "))
type("mcexec cat &\n")
print(until("$ "))
for _ in range(20):  # bash tells at its next prompt
    time.sleep(1)
    type("\n")
    if until("Stopped", 0.5):
        print(True)
        break
type("kill %1; sleep 1\n")
print(until("Terminated"))
"""
    result = lwk.run(["python3", "-c", program], timeout=120)
    assert result.stdout.split() == ["True"] * 8, result

