# SPDX-License-Identifier: BSD-2-Clause
"""Runs the cases of `still conform` in the guest: each natively and under mcexec, in the same fresh directory.

Standard input, or a file that is named: a JSON list of cases. Standard output: a JSON line for each run: which case,
which way, and what it printed, how it ended and which files it left. stillcore's own host side is
tools/stilllib/conform.py.
"""
import ctypes
import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time

PLACE = "/tmp/conform"
KEPT = 1 << 16  # bytes of output that are kept as text; a digest stands for the rest
PR_SET_CHILD_SUBREAPER = 36


def collect(stream, into):
    while data := stream.read1(65536):
        into += data


def children():
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
        return list(map(int, file.read().split()))


def end_descendants():
    """Ends what a case left running: orphans come to us, as we are their subreaper."""
    deadline = time.monotonic() + 10
    while (pids := children()) and time.monotonic() < deadline:
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.01)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
    return len(children())


def files_left():
    """What lies in the directory: for each path its type, mode, size and a digest of what is in it."""
    found = []
    for folder, folders, names in os.walk("."):
        for name in sorted(folders + names):
            path = os.path.join(folder, name)
            about = os.lstat(path)
            line = f"{path[2:]} {stat.filemode(about.st_mode)}"
            if stat.S_ISLNK(about.st_mode):
                line += f" -> {os.readlink(path)}"
            elif stat.S_ISREG(about.st_mode):
                with open(path, "rb") as file:
                    line += f" {about.st_size} {hashlib.sha256(file.read()).hexdigest()[:16]}"
            found.append(line)
    return sorted(found)


def run_once(case, argv, env):
    os.chdir("/")
    shutil.rmtree(PLACE, ignore_errors=True)
    os.mkdir(PLACE)
    os.chdir(PLACE)
    started = time.monotonic()
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env={**os.environ, **case.get("env", {}), **env}, start_new_session=True)
    out, err = bytearray(), bytearray()
    readers = [threading.Thread(target=collect, args=pair, daemon=True)
               for pair in ((process.stdout, out), (process.stderr, err))]
    for reader in readers:
        reader.start()
    try:
        process.stdin.write(case.get("stdin", "").encode())
        process.stdin.close()
    except BrokenPipeError:
        pass
    try:
        status = process.wait(case["timeout"])
    except subprocess.TimeoutExpired:
        status = "timeout"
    seconds = time.monotonic() - started
    if status != "timeout":
        readers[0].join(2)  # a descendant may still write
    stuck = end_descendants()
    for reader in readers:
        reader.join(5)
    if case.get("sort"):
        out = bytearray(b"\n".join(sorted(out.split(b"\n"))))
    return {"status": status, "stdout": out[:KEPT].decode(errors="backslashreplace"), "bytes": len(out),
            "sha256": hashlib.sha256(out).hexdigest(), "stderr": err[-4000:].decode(errors="backslashreplace"),
            "files": files_left(), "seconds": seconds, "stuck": stuck}


def main():
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with open(sys.argv[1], encoding="utf-8") if len(sys.argv) > 1 else sys.stdin as file:
        cases = json.load(file)
    for case in cases:
        for way in case["ways"]:
            argv, env = case["argv"], {}
            if case.get("is_mixed"):
                env["RUN"] = "mcexec" if way == "lwk" else ""
            elif way == "lwk":
                argv = ["mcexec", *argv]
            try:
                result = run_once(case, argv, env)
            except OSError as error:
                result = {"status": f"not run: {error}", "stdout": "", "bytes": 0, "sha256": "", "stderr": "",
                          "files": [], "seconds": 0, "stuck": 0}
            print(json.dumps({"name": case["name"], "way": way, **result}), flush=True)


main()
