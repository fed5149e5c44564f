# SPDX-License-Identifier: BSD-2-Clause
"""Two users on one instance: neither sees, signals, reads or maps the other's. As on Linux alone."""
import pytest
from stilllib.shell_out import wait_until

FIRST, SECOND = (["setpriv", f"--reuid={n}", f"--regid={n}", "--clear-groups"] for n in (2001, 2002))

OWNER = """
import ctypes, os, sys
secret = ctypes.create_string_buffer(b"sesame" * 1000)
print(os.getpid(), ctypes.addressof(secret), flush=True)
sys.stdin.readline()
print(secret.raw[:6].decode(), flush=True)"""

# What each try gives: an errno, or what should not have come.
INTRUDER = """
import ctypes, errno, os, signal, resource, sys
pid, address = int(sys.argv[1]), int(sys.argv[2])
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *words):
    ctypes.set_errno(0)
    result = libc.syscall(*(ctypes.c_long(word) for word in words))
    print(name, result if result >= 0 else errno.errorcode[ctypes.get_errno()])
def attempt(name, what):
    try:
        print(name, what())
    except OSError as error:
        print(name, errno.errorcode[error.errno])
attempt("kill", lambda: os.kill(pid, signal.SIGTERM))
attempt("probe", lambda: os.kill(pid, 0))
call("sigqueue", 129, pid, 15, ctypes.addressof(ctypes.create_string_buffer(128)))
class Piece(ctypes.Structure): _fields_ = [("at", ctypes.c_void_p), ("size", ctypes.c_size_t)]
own = ctypes.create_string_buffer(6)
here, there = Piece(ctypes.addressof(own), 6), Piece(address, 6)
for name, number in (("read", 310), ("write", 311)):
    call(name, number, pid, ctypes.addressof(here), 1, ctypes.addressof(there), 1, 0)
call("attach", 101, 16, pid, 0, 0)
call("seize", 101, 0x4206, pid, 0, 0)
call("prlimit", 302, pid, 7, 0, ctypes.addressof(ctypes.create_string_buffer(16)))
call("migrate", 256, pid, 64, ctypes.addressof(ctypes.create_string_buffer(8)),
     ctypes.addressof(ctypes.create_string_buffer(8)))
call("pages", 279, pid, 1, ctypes.addressof(here), 0, ctypes.addressof(ctypes.create_string_buffer(8)), 0)
call("kcmp", 312, os.getpid(), pid, 0, 0, 0)
for name in ("mem", "environ", "maps", "smaps", "pagemap", "auxv", "syscall"):
    attempt(name, lambda: len(open(f"/proc/{pid}/{name}", "rb").read(10)))
for name in ("fd", "map_files"):
    attempt(name, lambda: len(os.listdir(f"/proc/{pid}/{name}")))
attempt("exe", lambda: os.readlink(f"/proc/{pid}/exe"))
print(own.raw == bytes(6))"""


@pytest.fixture
def shared(lwk):
    lwk.check(["chmod", "666", "/dev/ihk0"])
    yield lwk
    lwk.check(["chmod", "660", "/dev/ihk0"])


def owner(lwk, words):
    command = lwk.spawn([*FIRST, *words, "python3", "-c", OWNER])
    assert wait_until(lambda: "\n" in command.stdout, 30), command
    return command, command.stdout.split()


def test_the_second_learns_no_more_than_on_linux(shared):
    told = {}
    for kind, words in (("native", []), ("lwk", ["mcexec"])):
        for attacker, by in (("native", []), ("lwk", ["mcexec"])):
            command, facts = owner(shared, words)
            told[kind, attacker] = shared.run([*SECOND, *by, "python3", "-c", INTRUDER, *facts]).stdout
            command.write(b"\n")
            assert command.wait(20).stdout.endswith("sesame\n")
    # Of these the LWK has none, or none of other processes (docs/limits.md).
    told = {who: "".join(line for line in text.splitlines(True) if line.split()[0] not in (
        "attach", "seize", "migrate", "pages")) for who, text in told.items()}
    reference = told["native", "native"]
    assert "kill EPERM" in reference and "mem EACCES" in reference and reference.endswith("True\n"), reference
    for who, text in told.items():
        assert text == reference, (who, text, reference)


def test_groups_of_peers_are_each_users_own(shared):
    wait = "import sys; print('go', flush=True); sys.stdin.readline(); print('done')"
    commands = [shared.spawn([*who, "mcexec", "--smartmap=same", "--rank", "0", "-n", "2", "python3", "-c", wait])
                for who in (FIRST, SECOND)]
    for command in commands:  # of one group the second would be refused: there is one of that rank
        assert wait_until(lambda command=command: "go" in command.stdout, 30), command.wait(1)
    for command in commands:
        command.write(b"\n")
        assert command.wait(20).stdout == "go\ndone\n"


@pytest.mark.parametrize("words", [["kmsg"], ["dump", "/tmp/x"], ["freeze"], ["shutdown"], ["assign", "cpu", "1"],
                                   ["release", "mem", "64m@0"], ["inject", "panic"], ["set", "ikc_map", "2:0"]])
def test_what_only_root_may(shared, words):
    result = shared.run([*SECOND, "ihkosctl", "0", *words])
    assert result.status == 1 and "permitted" in result.stderr, result
    assert shared.state() == "RUNNING"


def test_who_asks_for_anothers_facts_gets_no_addresses(shared):
    """mcexec asks for others by an ioctl of its own: what it is told, `/proc/PID/maps` shows."""
    command, (pid, _) = owner(shared, ["mcexec"])
    result = shared.run([*SECOND, "mcexec", "sh", "-c", f"cat /proc/{pid}/maps; cat /proc/{pid}/stat"])
    assert "r-xp" not in result.stdout, result
    fields = result.stdout.rpartition(")")[2].split()
    assert fields[23:26] == ["0", "0", "0"] or fields[23:26] == ["1", "1", "0"], fields  # code and stack
    command.kill(9)
    command.wait(10)
