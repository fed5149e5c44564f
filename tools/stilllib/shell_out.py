# SPDX-License-Identifier: BSD-2-Clause
"""Running programs of the host, with their output in a log."""
import subprocess
import time

from .paths import LOGS, shown
from .progress import StillError


def tail_of(path, lines=25):
    try:
        text = path.read_bytes()[-20000:].decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def run_logged(argv, log_name, what, cwd=None, env=None, timeout=None):
    """Runs argv with all of its output in build/logs/<log_name>.log; a failure raises with the log's tail."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{log_name}.log"
    with log.open("wb") as output:
        output.write(("$ " + " ".join(map(str, argv)) + "\n").encode())
        output.flush()
        try:
            status = subprocess.run([str(arg) for arg in argv], stdin=subprocess.DEVNULL, stdout=output,
                                    stderr=subprocess.STDOUT, cwd=cwd, env=env, timeout=timeout,
                                    check=False).returncode
        except FileNotFoundError as error:
            raise StillError(f"{what} failed: {error}") from error
        except subprocess.TimeoutExpired as error:
            raise StillError(f"{what} did not end within {timeout} s", shown(log), tail_of(log)) from error
    if status != 0:
        raise StillError(f"{what} failed with status {status}", shown(log), tail_of(log))
    return log


def output_of(argv, **options):
    """stdout of a program as text, or None if it failed."""
    done = subprocess.run([str(arg) for arg in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=False, **options)
    return done.stdout if done.returncode == 0 else None


def wait_until(condition, seconds, interval=0.05):
    """Waits for condition() to be true; tells whether it became so in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval)
    return True
