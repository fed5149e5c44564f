# SPDX-License-Identifier: BSD-2-Clause
"""Runs tests/guest/syscall_fuzz under mcexec, one seed after the other, for a time: fuzz.py PROGRAM SEED SECONDS CALLS.

Tells each seed on standard output as it begins. Ends with 0, or with 1 and the reason: a program that could not be
killed, or an LWK that lives no more.
"""
import os
import shutil
import signal
import subprocess
import sys
import time

PLACE = "/tmp/fuzz"
LONGEST = 8.0  # a program that is blocked by then has done what it could
TO_DIE = 30.0
AT_ONCE = 2


def start(program, seed, calls):
    place = f"{PLACE}/{seed % AT_ONCE}"
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs(place)
    os.chmod(place, 0o777)
    print(f"seed {seed}", flush=True)
    return subprocess.Popen(["mcexec", program, str(seed), str(calls)], cwd=place, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def end(process):
    """Waits, kills, and tells whether that worked."""
    try:
        process.wait(LONGEST)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        try:
            process.wait(TO_DIE)
        except subprocess.TimeoutExpired:
            return False
    return True


def state():
    done = subprocess.run(["ihkosctl", "0", "get", "status"], stdout=subprocess.PIPE, text=True, check=False,
                          timeout=30)
    return done.stdout.strip()


def main():
    program, seed, seconds, calls = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        running = [start(program, seed + n, calls) for n in range(AT_ONCE)]
        if not all([end(process) for process in running]):
            print("a program can't be killed", flush=True)
            return 1
        # Children that they forked, perhaps into groups of their own.
        subprocess.run(["pkill", "-9", "-u", "nobody"], check=False)
        if state() != "RUNNING":
            print(f"the LWK is {state()}", flush=True)
            return 1
        seed += AT_ONCE
    return 0


sys.exit(main())
