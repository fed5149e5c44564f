# SPDX-License-Identifier: BSD-2-Clause
"""The main job: unmodified, dynamically linked Debian programs behave on the LWK as they do on Linux."""
import hashlib
import random

import pytest

TEXT = "".join(f"{i} {random.Random(i).choice(['oak', 'elm', 'ash'])} {i * i % 97}\n" for i in range(5000))


def both(lwk, argv, **options):
    """The same command natively and on the LWK."""
    return lwk.run(argv, **options), lwk.mcexec(*argv, **options)


@pytest.mark.parametrize("argv", [
    ["echo", "hello", "from", "the", "LWK"],
    ["/bin/ls", "-l", "--time-style=full-iso", "/usr/share/perl5"],
    ["printf", "%s\\n", "", "a b", "*", "ünïcode"],
    ["printenv", "HOME", "PATH"],
    ["cat", "/etc/debian_version", "/etc/passwd"],
    ["head", "-c", "100000", "/usr/bin/bash"],
    ["sort", "-k2", "/etc/passwd"],
    ["date", "-u", "-d", "@0"],
    ["stat", "-c", "%s %a %U", "/usr/bin/bash"],
    ["perl", "-e", "print join(',', map { $_ ** 2 } 1 .. 100), qq{\\n}"],
    ["gawk", "BEGIN { for (i = 0; i < 1000; i++) s += i * i; print s; printf \"%.6f\\n\", sqrt(2) }"],
    ["python3", "-c", "import math, json, sys; print(json.dumps([math.pi, sys.version, 2 ** 200]))"],
])
def test_output_and_status_are_the_native_ones(lwk, argv):
    native, ours = both(lwk, argv)
    assert ours.stdout_bytes == native.stdout_bytes, ours
    assert ours.stderr_bytes == native.stderr_bytes
    assert ours.status == native.status == 0


def test_it_reads_stdin(lwk):
    argv = ["gawk", "{ count[$2]++; sum += $3 } END { for (t in count) print t, count[t]; print sum }"]
    native, ours = both(lwk, argv, stdin=TEXT.encode())
    assert sorted(ours.stdout.split("\n")) == sorted(native.stdout.split("\n"))
    ours = lwk.mcexec("perl", "-ne", "$n += length; END { print qq{$n\\n} }", stdin=TEXT.encode())
    assert ours.stdout == f"{len(TEXT)}\n", ours


def test_a_binary_stream_passes_unmangled(lwk):
    data = random.Random(2).randbytes(3_000_000)
    ours = lwk.mcexec("cat", stdin=data)
    assert hashlib.sha256(ours.stdout_bytes).digest() == hashlib.sha256(data).digest()


def test_64_mib_through_a_pipe_have_the_native_digest(lwk, big_file):
    path = big_file(lwk)
    native = lwk.check(["sha256sum", path]).split()[0]
    piped = lwk.sh(f"set -o pipefail; mcexec cat {path} | sha256sum")
    assert piped.stdout.split()[0] == native, piped
    direct = lwk.mcexec("sha256sum", path)
    assert direct.stdout.split()[0] == native, direct


def test_xz_with_two_threads_makes_the_same_bytes(lwk, big_file):
    path = big_file(lwk)
    lwk.check(["sh", "-c", f"head -c 8388608 {path} > /tmp/part"])
    native = lwk.sh("xz -1 -T2 -c /tmp/part | sha256sum")
    ours = lwk.sh("set -o pipefail; mcexec xz -1 -T2 -c /tmp/part | sha256sum")
    assert ours.stdout == native.stdout and ours.status == 0, ours
    back = lwk.sh("xz -1 -T2 -c /tmp/part | mcexec xz -dc | cmp - /tmp/part")
    assert back.status == 0, back


def test_python_threads_share_the_cpus_of_the_lwk(lwk):
    program = """
import os, threading
cpus = os.sched_getaffinity(0)
seen = set()
def work(cpu):
    os.sched_setaffinity(threading.get_native_id(), {cpu})
    total = sum(i * i for i in range(200000))
    seen.add((cpu, total))
threads = [threading.Thread(target=work, args=(cpu,)) for cpu in sorted(cpus)]
for t in threads: t.start()
for t in threads: t.join()
print(sorted(cpus), sorted(seen) == [(c, 2666646666700000) for c in sorted(cpus)])
"""
    ours = lwk.mcexec("python3", "-c", program)
    cpus = list(range(len(lwk.status()["cpus"])))
    assert ours.stdout.strip() == f"{cpus} True", ours


def test_many_programs_at_once(lwk):
    commands = [lwk.spawn(["mcexec", "python3", "-c", f"print(sum(range({n * 100000})))"]) for n in range(1, 7)]
    for n, command in enumerate(commands, 1):
        command.close_stdin()
        result = command.wait(120)
        assert result.stdout == f"{sum(range(n * 100000))}\n", result


def test_a_compute_loop_costs_the_lwk_cpu_and_not_linux(lwk):
    proof = lwk.loop_proof()
    assert proof["status"] == 0
    assert proof["linux_busy"] < 0.2, proof
    # The sum: the loop may be moved once, when something else wakes on its CPU while another idles.
    assert proof["seconds"] * 0.95 < sum(proof["lwk_busy"]) < proof["seconds"] * 1.3, proof


def test_the_proof_can_fail(lwk):
    """The same loop on Linux costs Linux as much as it lasts, and the LWK nothing."""
    proof = lwk.loop_proof(native=True, seconds=2)
    assert proof["linux_busy"] > 1, proof
    assert max(proof["lwk_busy"]) < 0.2, proof
