# SPDX-License-Identifier: BSD-2-Clause
"""Core files: Linux writes them, gdb reads in them what the program was."""
import re
import shlex
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).resolve().parents[2] / "build" / "gcc" / "tests" / "guest"


@pytest.fixture
def cores(lwk):
    """The guest, which puts cores into /tmp/cores; ./victim and ./victims are there, too."""
    lwk.check(["bash", "-ec", f"""
mkdir -p /tmp/cores; cp {PROGRAMS}/victim {PROGRAMS}/victims /tmp/cores
echo '/tmp/cores/core.%e' > /proc/sys/kernel/core_pattern"""])
    yield lwk
    lwk.check(["bash", "-ec", "echo core > /proc/sys/kernel/core_pattern; rm -r /tmp/cores"])


LOOKS = ("bt", "frame function inner", "p local", "p how", "p heap", "p words", "p $_siginfo.si_signo",
         "p $_siginfo._sifields._sigfault.si_addr")


def gdb(*commands):
    """A line of shell; gdb takes seconds to start, so once is to do for many cores."""
    return f"gdb -batch -nx {' '.join(shlex.join(['-ex', command]) for command in commands)} ./victim 2>&1"


def dump(how, prefix):
    """Lines of shell: how the program ended, and its core as core.PREFIX.HOW."""
    return f"""
python3 -c '
import os, subprocess, sys
pid = os.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
status = os.waitpid(pid, 0)[1]
print("signal", os.WTERMSIG(status), "core", os.WCOREDUMP(status))' {prefix} ./victim {how}
mv core.victim core.{prefix}.{how}
"""


def test_gdb_sees_what_it_sees_natively(cores):
    ways, prefixes = ("segv", "abort", "quit"), ("", "mcexec")
    script = "cd /tmp/cores; ulimit -c unlimited\n"
    for prefix in prefixes:
        ended = cores.run(["bash", "-c", script + "".join(dump(how, prefix) for how in ways)], timeout=120).stdout
        assert ended.splitlines() == [f"signal {number} core True" for number in (11, 6, 3)], ended
    commands = [command for prefix in prefixes for how in ways
                for command in ("echo == \\n", f"core-file core.{prefix}.{how}", *LOOKS)]
    text = cores.run(["bash", "-c", "cd /tmp/cores; " + gdb(*commands)], timeout=120).stdout
    # Addresses and gdb's count of values differ; what they name does not.
    text = re.sub(r"0x[0-9a-f]+", "0x", re.sub(r"^\$\d+", "$", text, flags=re.M))
    seen = ["\n".join(re.findall(r"^(?:Program terminated|#\d|\$).*", part, re.M)) for part in text.split("== ")[1:]]
    assert len(seen) == 6 and all("4713" in part for part in seen), text
    assert seen[:3] == seen[3:]


def threads_of(cores, prefix):
    """What gdb says of each thread, sorted: Linux promises no order."""
    script = f"""
cd /tmp/cores; rm -f core.*; ulimit -c unlimited
{prefix} ./victims
gdb -batch -nx -ex 'thread apply all -q -s bt' -ex 'thread apply all -q p mine' \\
    -ex 'thread apply all -q p $xmm7.v2_double[0]' \
    -ex 'thread apply all -q p (long)$orig_rax' ./victims core.victims 2>&1"""
    text = cores.run(["bash", "-c", script], timeout=120).stdout
    stacks = re.findall(r"^#0 .*\n(?:#[1-9].*\n)*", re.sub(r"0x[0-9a-f]+", "0x", text), re.M)
    # The first stack is where gdb begins: the failing thread's innermost frame.
    numbers = re.findall(r"^\$\d+ = (.*)$", text, re.M)
    return stacks[0], sorted(stacks[1:]), [sorted(numbers[at:at + 4]) for at in (0, 4, 8)]


def test_each_thread_is_shown_as_it_was(cores):
    native, ours = threads_of(cores, ""), threads_of(cores, "mcexec")
    assert len(native[1]) == 4 and all("main" in s or "clone" in s for s in native[1]), native
    assert ours[:2] == native[:2]
    assert ours[2][0] == ["1", "2", "3", "4"] and "1.5" in ours[2][1], ours
    assert ours[2][2] == native[2][2]


def test_no_core_where_the_limit_says_so(cores):
    result = cores.run(["bash", "-c", """
cd /tmp/cores; rm -f core.*; ulimit -c 0
mcexec ./victim segv
echo $?; ls core.* 2>/dev/null"""])
    assert result.stdout == "139\n", result


def test_a_pipe_takes_the_core(cores):
    result = cores.run(["bash", "-c", r"""
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
""" + gdb("core-file core.victim", "bt") + " | grep -c '^#2'"], timeout=120)
    assert result.stdout == "139\nvictim 11\n1\n", result
