# SPDX-License-Identifier: BSD-2-Clause
"""Core files: Linux writes them, gdb reads in them what the program was."""
import re

PROGRAM = r"""
mkdir -p /tmp/cores; cd /tmp/cores
echo '/tmp/cores/core.%e' > /proc/sys/kernel/core_pattern
cat > victim.c <<'END'
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <signal.h>
static __thread int mine = 11;
static char words[] = "in the data";
char* heap;
__attribute__((noinline)) static void inner(int depth, const char* how)
{
    volatile int local = 4711 + depth;
    mine += depth;
    if (depth < 2)
        inner(depth + 1, how);
    else if (how[0] == 'a')
        abort();
    else if (how[0] == 'q')
        raise(SIGQUIT);
    else
        *(volatile int*)16 = local;
    local++;
}
int main(int argc, char** argv)
{
    heap = strdup("in the heap");
    if (argc > 2)
        words[0] = 'I';
    inner(0, argv[1]);
    return heap[0] + words[0];
}
END
gcc -g -O0 -o victim victim.c
"""

GDB = ("gdb -batch -nx -ex 'bt' -ex 'frame function inner' -ex 'p local' -ex 'p how' -ex 'p heap' -ex 'p words' -ex "
       "'p $_siginfo.si_signo' -ex 'p $_siginfo._sifields._sigfault.si_addr' ./victim core.victim 2>&1")


def dump(lwk, how, prefix):
    script = f"""
cd /tmp/cores; rm -f core.victim; ulimit -c unlimited
python3 -c '
import os, subprocess, sys
pid = os.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
status = os.waitpid(pid, 0)[1]
print("signal", os.WTERMSIG(status), "core", os.WCOREDUMP(status))' {prefix} ./victim {how}
{GDB}
"""
    text = lwk.run(["bash", "-c", script], timeout=120).stdout
    # Addresses differ; what they name does not.
    text = re.sub(r"0x[0-9a-f]+", "0x", text)
    kept = [line for line in text.splitlines()
            if re.match(r"signal|Program terminated|#\d|\$\d", line)]
    return re.sub(r"tid=\d+|threadid=\d+|pid=\d+", "", "\n".join(kept))


def test_gdb_sees_what_it_sees_natively(lwk):
    lwk.check(["bash", "-c", PROGRAM])
    for how in ("segv", "abort", "quit"):
        native, ours = dump(lwk, how, ""), dump(lwk, how, "mcexec")
        assert "core True" in native and "4713" in native, native
        assert ours == native, how


THREADS = r"""
mkdir -p /tmp/cores; cd /tmp/cores
echo '/tmp/cores/core.%e' > /proc/sys/kernel/core_pattern
cat > threads.c <<'END'
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>
static __thread int mine;
static int word, pipes[2], started;
__attribute__((noinline)) static void computes(int depth)
{
    volatile long local = 100 + depth;
    mine = 1;
    if (depth < 3) {
        computes(depth + 1);
        local++;
        return;
    }
    register double in_register asm("xmm7") = 1.5;
    __atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
    for (;;)
        asm volatile("nop" ::"x"(in_register));
}
__attribute__((noinline)) static void waits(void)
{
    mine = 2;
    __atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
    for (;;)
        syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, 0);
}
__attribute__((noinline)) static void reads(void)
{
    char c;
    mine = 3;
    __atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
    while (read(pipes[0], &c, 1) != 1)
        ;
}
static void* first(void* a) { computes(0); return a; }
static void* second(void* a) { waits(); return a; }
static void* third(void* a) { reads(); return a; }
__attribute__((noinline)) static void fails(void)
{
    volatile int local = 4711;
    mine = 4;
    while (__atomic_load_n(&started, __ATOMIC_SEQ_CST) != 3)
        usleep(1000);
    sleep(1);
    *(volatile int*)16 = local;
}
int main(void)
{
    pthread_t t;
    if (pipe(pipes))
        return 1;
    pthread_create(&t, 0, first, 0);
    pthread_create(&t, 0, second, 0);
    pthread_create(&t, 0, third, 0);
    fails();
    return 0;
}
END
gcc -g -O0 -pthread -o threads threads.c
"""


def threads_of(lwk, prefix):
    """What gdb says of each thread, sorted: Linux promises no order."""
    script = f"""
cd /tmp/cores; rm -f core.*; ulimit -c unlimited
{prefix} ./threads
gdb -batch -nx -ex 'thread apply all -q -s bt' -ex 'thread apply all -q p mine' \\
    -ex 'thread apply all -q p $xmm7.v2_double[0]' \
    -ex 'thread apply all -q p (long)$orig_rax' ./threads core.threads 2>&1"""
    text = lwk.run(["bash", "-c", script], timeout=120).stdout
    stacks = re.findall(r"^#0 .*\n(?:#[1-9].*\n)*", re.sub(r"0x[0-9a-f]+", "0x", text), re.M)
    # The first stack is where gdb begins: the failing thread's innermost frame.
    numbers = re.findall(r"^\$\d+ = (.*)$", text, re.M)
    return stacks[0], sorted(stacks[1:]), [sorted(numbers[at:at + 4]) for at in (0, 4, 8)]


def test_each_thread_is_shown_as_it_was(lwk):
    lwk.check(["bash", "-c", THREADS])
    native, ours = threads_of(lwk, ""), threads_of(lwk, "mcexec")
    assert len(native[1]) == 4 and all("main" in s or "clone" in s for s in native[1]), native
    assert ours[:2] == native[:2]
    assert ours[2][0] == ["1", "2", "3", "4"] and "1.5" in ours[2][1], ours
    assert ours[2][2] == native[2][2]


def test_no_core_where_the_limit_says_so(lwk):
    lwk.check(["bash", "-c", PROGRAM])
    result = lwk.run(["bash", "-c", """
cd /tmp/cores; rm -f core.*; ulimit -c 0
mcexec ./victim segv
echo $?; ls core.* 2>/dev/null"""])
    assert result.stdout == "139\n", result


def test_a_pipe_takes_the_core(lwk):
    lwk.check(["bash", "-c", PROGRAM])
    result = lwk.run(["bash", "-c", r"""
cd /tmp/cores; rm -f core.* piped*
cat > take <<'END'
#!/bin/bash
cat > /tmp/cores/core.victim
echo "$1 $2" > /tmp/cores/piped
END
chmod +x take
echo '|/tmp/cores/take %e %s' > /proc/sys/kernel/core_pattern
ulimit -c 0
mcexec ./victim segv >/dev/null 2>&1
echo $?
for i in $(seq 100); do [ -s piped ] && break; sleep 0.1; done
cat piped
""" + GDB + " | grep -c '^#2'"], timeout=120)
    lwk.check(["bash", "-c", "echo core > /proc/sys/kernel/core_pattern"])
    assert result.stdout == "139\nvictim 11\n1\n", result
