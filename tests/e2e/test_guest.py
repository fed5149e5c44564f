# SPDX-License-Identifier: BSD-2-Clause
"""The programs of tests/guest: each checks itself, and must do on the LWK what it does natively."""
import signal
from pathlib import Path

import pytest
from stilllib.books import settled_bytes

PROGRAMS = Path(__file__).resolve().parents[2] / "build/gcc/tests/guest"

SIGNALS = {
    "null": signal.SIGSEGV,
    "readonly": signal.SIGSEGV,
    "stack": signal.SIGSEGV,
    "execute": signal.SIGSEGV,
    "kernel": signal.SIGSEGV,
    "noncanonical": signal.SIGSEGV,
    "illegal": signal.SIGILL,
    "divide": signal.SIGFPE,
    "abort": signal.SIGABRT,
    "privileged": signal.SIGSEGV,
    "term": signal.SIGTERM,
}


def test_memory_is_pinned_for_long(lwk):
    program = str(PROGRAMS / "fixed_buffers")
    assert lwk.run([program]).status == 0
    result = lwk.mcexec(program, timeout=120)
    assert result.status == 0, result


def test_no_other_memory_is_mapped_to_be_pinned(lwk):
    result = lwk.run([str(PROGRAMS / "pinnable_ranges")])
    assert result.status == 0, result


@pytest.mark.parametrize("program", [
    ["arguments"], ["arguments_static"], ["arguments_static_pie"], ["threads"], ["efault"], ["fds"], ["compute", "1"],
    ["null_offload"], ["signals"], ["memory_storm", "5"], ["pins", "3"], ["fork_storm", "4"],
    ["leaf_storm", "5", "64"], ["area_storm", "3"], ["remaps", "3"], ["born_dying", "60"],
], ids=lambda words: words[0])
def test_it_does_what_it_does_natively(lwk, program):
    result = lwk.mcexec(str(PROGRAMS / program[0]), *program[1:], timeout=60)
    assert result.status == 0, result
    assert result.stdout.splitlines()[-1].startswith("ok "), result


@pytest.mark.parametrize("how", SIGNALS)
def test_a_crash_is_the_programs_own(lwk, how):
    assert lwk.mcexec(str(PROGRAMS / "crash"), how).status == 128 + SIGNALS[how]


@pytest.mark.long
def test_memory_is_whole_after_a_storm(lwk):
    for program in "memory_storm", "fork_storm", "leaf_storm", "area_storm":
        lwk.mcexec(str(PROGRAMS / program), "1")
        before = settled_bytes(lwk)
        lwk.mcexec(str(PROGRAMS / program), "3")
        assert settled_bytes(lwk) == before, program


def asked(lwk, storm, *askers):
    """A storm, and those who ask for its memory from Linux meanwhile; all of them end well."""
    started = "\n".join(f"{asker} & started+=($!)" for asker in askers)
    result = lwk.sh(f"""
        rm -f /tmp/asked; started=()
        mcexec {storm} & started+=($!)
        {started}
        for one in "${{started[@]}}"; do wait $one || echo failed: $?; done
    """, timeout=120)
    assert "failed" not in result.stdout and result.stdout.count("ok ") == 1 + len(askers), result


def test_whoever_asks_for_memory_that_changes_gets_an_answer(lwk):
    """process_vm_readv, /proc/PID/mem and ptrace from Linux, while the LWK maps, unmaps and forks."""
    asked(lwk, f"{PROGRAMS}/asked_storm /tmp/asked 8", f"{PROGRAMS}/asker /tmp/asked")


@pytest.mark.long
def test_gdb_gets_an_answer_too(lwk):
    asked(lwk, f"{PROGRAMS}/asked_storm /tmp/asked 12", f"{PROGRAMS}/asker /tmp/asked leave",
          f"{Path(__file__).resolve().parents[1]}/guest/gdb_asker.sh /tmp/asked")


@pytest.mark.parametrize("storm", ["leaf_storm 5 64", "whole_storm 5 2 6"], ids=lambda words: words.split()[0])
def test_who_asks_never_finds_another_page(lwk, storm):
    asked(lwk, f"{PROGRAMS}/{storm} /tmp/asked", f"{PROGRAMS}/asker /tmp/asked")
    tries = lwk.status()["tries"]
    assert tries["4k"] > 0 and tries["2m"] > 0


def test_few_descriptors_are_all_the_programs_own(lwk):
    result = lwk.sh(f"ulimit -n 20; mcexec {PROGRAMS}/fds")
    assert result.stdout == "ok fds\n", result


def test_exec_replaces_the_program(lwk):
    result = lwk.mcexec("env", "-i", "FRUIT=quince", "/usr/bin/env")
    assert (result.stdout, result.status) == ("FRUIT=quince\n", 0), result
    result = lwk.mcexec("sh", "-c", 'echo $$; exec sh -c "echo \\$\\$"')
    first, second = result.stdout.split()
    assert first == second, result
    assert lwk.mcexec("sh", "-c", "exec /etc/passwd").status == 126


def test_a_script_by_way_of_env(lwk):
    script = b"#!/usr/bin/env python3\nimport sys\nprint(sys.argv)\n"
    lwk.run(["sh", "-c", "cat > /tmp/by-env; chmod +x /tmp/by-env"], stdin=script)
    assert lwk.mcexec("/tmp/by-env", "1").stdout == "['/tmp/by-env', '1']\n"


def test_exec_keeps_ignored_and_blocked_signals(lwk):
    program = """
import os, signal
signal.signal(signal.SIGHUP, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
os.execv("/usr/bin/python3", ["python3", "-c", '''
import signal
print(signal.getsignal(signal.SIGHUP) == signal.SIG_IGN, signal.pthread_sigmask(signal.SIG_BLOCK, []))'''])
"""
    result = lwk.mcexec("python3", "-c", program)
    assert result.stdout == "True {<Signals.SIGUSR2: 12>}\n", result


def test_an_unlimited_stack(lwk):
    result = lwk.sh(f"ulimit -s unlimited; mcexec sh -c 'ulimit -s'; mcexec {PROGRAMS}/arguments")
    assert result.stdout == "unlimited\nok arguments\n", result


def test_more_may_ask_at_once_than_the_lwk_can_keep_requests(lwk):
    lwk.check(["truncate", "-s", "128M", "/tmp/crowd"])
    result = lwk.sh(f"""
        rm -f /tmp/place; mcexec {PROGRAMS}/crowd map /tmp/crowd /tmp/place &
        {PROGRAMS}/crowd ask /tmp/place; wait $! || echo failed: $?; rm /tmp/crowd
    """, timeout=120)
    assert "ok crowd" in result.stdout and "failed" not in result.stdout, result
