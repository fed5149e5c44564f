# SPDX-License-Identifier: BSD-2-Clause
"""Progress on stderr: one line a step, with colour and a running clock where a terminal can show them."""
import os
import sys
import threading
import time
from contextlib import contextmanager


class StillError(Exception):
    """A failure to tell the user about: the step, what went wrong, and where the log is."""

    def __init__(self, message, log=None, tail=None, status=1):
        super().__init__(message)
        self.log = log
        self.tail = tail
        self.status = status


def is_fancy():
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb" and "NO_COLOR" not in os.environ


def paint(colour, text):
    codes = {"red": 31, "green": 32, "yellow": 33, "cyan": 36, "dim": 2, "bold": 1}
    return f"\033[{codes[colour]}m{text}\033[0m" if is_fancy() else text


def say(text=""):
    print(text, file=sys.stderr, flush=True)


def note(text):
    say(f"{paint('dim', '   ')}{text}")


class _Ticker(threading.Thread):
    """Redraws the line of a running step with the seconds that it took so far."""

    def __init__(self, title, started):
        super().__init__(daemon=True)
        self._title, self._since, self._stopped = title, started, threading.Event()

    def run(self):
        frames = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
        number = 0
        while not self._stopped.wait(0.1):
            seconds = time.monotonic() - self._since
            frame = paint("cyan", frames[number % len(frames)])
            sys.stderr.write(f"\r\033[K{frame}  {self._title} {paint('dim', f'{seconds:.1f} s')}")
            sys.stderr.flush()
            number += 1

    def stop(self):
        self._stopped.set()
        self.join()
        sys.stderr.write("\r\033[K")


@contextmanager
def step(title, quiet_below=0.0):
    """One step. Prints nothing if it succeeds in less than quiet_below seconds.

    Yields a function that sets what is told at the end.
    """
    started = time.monotonic()
    detail = []
    ticker = _Ticker(title, started) if is_fancy() else None
    if ticker:
        ticker.start()
    try:
        yield detail.append
    except BaseException:
        if ticker:
            ticker.stop()
        say(f"{paint('red', '✗') if is_fancy() else 'FAILED'}  {title}")
        raise
    if ticker:
        ticker.stop()
    seconds = time.monotonic() - started
    if seconds >= quiet_below or detail:
        told = f": {detail[-1]}" if detail else ""
        mark = paint("green", "✓") if is_fancy() else "ok"
        say(f"{mark}  {title}{told} {paint('dim', f'({seconds:.1f} s)')}")


def report(error):
    """Tells the user about a StillError."""
    say(f"{paint('red', 'still:')} {error}")
    for line in (error.tail or "").rstrip().splitlines():
        say(f"   | {line}")
    if error.log:
        say(f"   log: {error.log}")
