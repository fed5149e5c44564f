# SPDX-License-Identifier: BSD-2-Clause
"""Shells, coreutils, Python and OpenMP programs alone: what they print and how they end is what this machine says."""
import subprocess

import pytest
from served import ROOT, archive_with, boot, natively

CONFORM = ROOT / "build" / "gcc" / "tests" / "conform"
TOOLS = ("bash", "cat", "cp", "cut", "dd", "echo", "env", "find", "grep", "head", "ln", "ls", "md5sum", "mkdir",
         "mkfifo", "mv", "readlink", "rm", "rmdir", "sed", "seq", "sh", "sleep", "sort", "stat", "tail",
         "taskset", "tee", "timeout", "touch", "tr", "true", "truncate", "uniq", "wc", "xargs", "yes")
# Each is run in a directory of its own, here and there; the outputs must be the same.
SCRIPTS = {
    "echo": "echo hello; exit 3",
    "killed": "kill -TERM $$",
    "pipeline": "seq 1 20000 | sed 's/7/x/g' | sort -r | uniq | tail -3 | tr x y | md5sum",
    "files": "echo one > a; mkdir d; cd d; echo two > b; ln -s b c; ln b h; cat c; readlink c; umask 077; : > e;"
             "echo three >> b; stat -c '%a %s %h %F' a b c e ../a; stat -c '%a %h %F' ../d; mv b ../z;"
             "ls -R .. | sort; find .. -type f | sort",
    "errors": "cat none; mkdir a; mkdir a; rmdir none; cd none; rm a; ls a/b; : > a; ln -s x x; cat x; echo $?",
    "cut": "seq 1000 > f; truncate -s 100 f; wc -c f; truncate -s 1M f; md5sum f;"
           "dd if=f of=g bs=7 skip=3 count=9 2>&1 | head -2; cp f h; md5sum h",
    "fifo": "mkfifo p; (sleep 0.1; echo through) > p & cat p; wait; echo $?",
    "jobs": "sleep 0.2 & sleep 0.1 & wait; (exit 7); echo $?; timeout 0.2 sleep 5; echo $?; trap 'echo usr1' USR1;"
            "kill -USR1 $$; echo $(echo a; (echo b) ) $((6*7)); set -o pipefail; true | false | true; echo $?",
    "redirects": "exec 3> f; echo x >&3; exec 3>&-; cat < f; cat <<< here; { echo out; echo err >&2; } 2>&1 | sort;"
                 "echo y | tee a b > c; cat a b c; yes 2> /dev/null | head -2",
    "environment": "A=1 env | grep ^A=; export B=2; bash -c 'echo $B $0 $#' zero one two; cd /; pwd; cd /usr/bin; pwd",
    "devices": "head -c 5 /dev/zero | md5sum; echo x > /dev/null; echo x > /dev/full; echo $?; head -c 9 /dev/urandom |"
               "wc -c; echo in | cat /dev/stdin; ls /proc/self/fd | wc -l; readlink /proc/self/exe",
    "names": "cat /proc/$$/comm; printf abcdefghijklmnopq > /proc/$$/comm; echo $?; cat /proc/$$/comm;"
             "printf two > /proc/$$/task/$$/comm; cut -d' ' -f2 /proc/$$/stat; grep Name /proc/$$/status;"
             "printf no > /proc/1/comm; taskset -c 1 grep Cpus_allowed_list /proc/self/status",
    "xargs": "seq 20 | xargs -n 5 -P 3 echo | sort; grep -c . /proc/cpuinfo > /dev/null; echo $?",
}
# Programs of tests/conform that say alone what they say on Linux.
PROGRAMS = ("bad_changed", "first_errno", "futex_ops", "futex_waitv", "io_dup2_race", "io_locks", "io_restart_after",
            "io_wait_masks", "mem_file_changes", "mem_fork", "process_wait")
MARK = "=== the case "


def _whole_script():
    """Runs all cases; each line of theirs is marked, so that nothing else on the console is taken for it."""
    parts = ["mkdir /run", "run() { mkdir -p /run/$1; cd /run/$1; echo \"" + MARK + "$1\"; shift; \"$@\" < /dev/null "
             "> /run/out 2>&1; s=$?; sed 's/^/|/' /run/out; echo; echo \"=== status $s\"; }"]
    parts += [f"run {name} bash /cases/{name}" for name in SCRIPTS]
    parts += [f"run {name} timeout 30 /programs/{name}" for name in PROGRAMS]
    return "\n".join(parts) + "\n"


def _by_case(text):
    found = {}
    for part in text.split(MARK)[1:]:
        name, _, rest = part.partition("\n")
        lines = rest.split("\n")
        status = next((line.split()[-1] for line in lines if line.startswith("=== status ")), None)
        found[name] = ("\n".join(line[1:] for line in lines if line.startswith("|")), status)
    return found


@pytest.fixture(scope="module")
def results():
    files = [(f"cases/{name}", 0o100755, script) for name, script in SCRIPTS.items()]
    files += [(f"programs/{name}", 0o100755, (CONFORM / name).read_bytes()) for name in PROGRAMS]
    archive = archive_with(*TOOLS, CONFORM / PROGRAMS[0], files=[*files, ("all", 0o100755, _whole_script())])
    ended = boot(archive, ["/usr/bin/bash", "/all"], smp=4, timeout=100)
    assert ended.status == 0, ended.text[-2000:] + ended.log[-2000:]
    return _by_case(ended.text)


@pytest.mark.parametrize("name", SCRIPTS)
def test_script(results, name, tmp_path):
    output, status = natively(SCRIPTS[name].replace("$$", "$BASHPID"), tmp_path)
    mine, theirs = results[name]
    # Where a script lies is in bash's messages; a killed one its caller names.
    assert mine.replace(f"/cases/{name}: line 1: ", "").split("\n") == \
        output.replace("bash: line 1: ", "").rstrip("\n").split("\n") or name == "killed"
    assert theirs == str(status)


@pytest.mark.parametrize("name", PROGRAMS)
def test_conform_program(results, name, tmp_path):
    output, status = natively(f"timeout 30 {CONFORM / name}; exit $?", tmp_path)
    mine, theirs = results[name]
    assert (mine.split("\n"), theirs) == (output.rstrip("\n").split("\n"), str(status))


PYTHON = """
import os, subprocess, threading, select, tempfile, time, mmap, json, hashlib
print(os.cpu_count(), os.getpid(), subprocess.run(["echo", "sub"], capture_output=True).stdout)
found = []
threads = [threading.Thread(target=lambda i=i: found.append(i)) for i in range(16)]
[t.start() for t in threads]; [t.join() for t in threads]; print(sorted(found))
with tempfile.TemporaryDirectory() as d:
    open(d + "/a", "w").write("x" * 100000); print(os.path.getsize(d + "/a"), os.listdir(d))
r, w = os.pipe(); os.write(w, b"z"); print(select.select([r], [], [], 1)[0] == [r])
e = select.epoll(); e.register(r, select.EPOLLIN); print(len(e.poll(1)))
t = time.monotonic(); time.sleep(0.05); print(time.monotonic() - t >= 0.05)
m = mmap.mmap(-1, 8192)
pid = os.fork()
if pid == 0:
    m[0:3] = b"xyz"; os._exit(5)
print(os.waitpid(pid, 0)[1] >> 8, m[0:3], hashlib.sha256(b"x").hexdigest()[:8], json.dumps({"a": [1, 2]}))
"""


def test_python_with_its_library():
    archive = archive_with("/usr/bin/python3", "echo", files=[("t.py", 0o100644, PYTHON)])
    library = subprocess.run(["/usr/bin/python3", "-c", "import os; print(os.path.dirname(os.__file__))"],
                             capture_output=True, text=True, check=True).stdout.strip()
    archive.put_tree(library, library.strip("/"))
    archive.put_from_host("/usr/lib/x86_64-linux-gnu/libcrypto.so.3")
    ended = boot(archive, ["/usr/bin/python3", "/t.py"], smp=4, mem="1G")
    assert ended.status == 0, ended.text + ended.log[-2000:]
    assert ended.text.split("\n")[0] == "4 1 b'sub\\n'"
    assert "100000 ['a']\nTrue\n1\nTrue\n5 b'xyz' 2d711642 {\"a\": [1, 2]}" in ended.text


OPENMP = """
program t
  use omp_lib
  integer :: i
  real(8) :: s
  s = 0
  !$omp parallel do reduction(+:s)
  do i = 1, 1000000
    s = s + 1d0 / i
  end do
  print '(i3, f20.12)', omp_get_max_threads(), s
end program
"""


def test_openmp_program(tmp_path):
    (tmp_path / "t.f90").write_text(OPENMP)
    subprocess.run(["gfortran", "-O2", "-fopenmp", "t.f90", "-o", "t"], cwd=tmp_path, check=True)
    ended = boot(archive_with(tmp_path / "t"), [str(tmp_path / "t")], smp=4)
    assert (ended.status, ended.text.strip()) == (0, "4     14.392726722866")


def test_interactive_bash():
    typed = [("# ", "echo $((6*7)); cat\n"), ("42", "typed\n"), ("typed\ntyped", "\x03"),
             ("^C", "bash -c 'echo $((1+1))x; sleep 60; true'\n"), ("2x", "\x1a"),
             ("Stopped", "jobs; kill %1; fg; exit 5\n")]
    ended = boot(archive_with("bash", "cat", "sleep"), ["/usr/bin/bash", "--norc", "-i"], typed=typed, timeout=40)
    assert "no job control" not in ended.text and "cannot set terminal" not in ended.text
    assert "[1]+  Stopped" in ended.text, ended.text
    assert ended.status == 5, ended.text
