# SPDX-License-Identifier: BSD-2-Clause
"""A directory for each boot of a guest. The youngest are kept, and those that somebody still writes to."""
import fcntl
import itertools
import os
import shutil
from datetime import datetime

from .paths import RUNS

KEPT = 12


def _lock(directory, how):
    """A descriptor that holds the lock until it is closed, or None."""
    fd = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
        return fd
    except BlockingIOError:
        os.close(fd)
        return None


def _remove_unless_in_use(directory):
    try:
        fd = _lock(directory, fcntl.LOCK_EX)
    except FileNotFoundError:  # somebody else was quicker
        return
    if fd is not None:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(fd)


def new(runs=RUNS):
    """Its path, and the descriptor that keeps it from being removed, however many others come."""
    runs.mkdir(parents=True, exist_ok=True)
    old = sorted(path for path in runs.iterdir() if path.is_dir() and not path.is_symlink())
    for path in old[:-KEPT]:
        _remove_unless_in_use(path)
    directory = runs / f"{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}"
    for suffix in itertools.count():
        unique = directory.with_name(f"{directory.name}.{suffix}") if suffix else directory
        try:
            unique.mkdir()
            return unique, _lock(unique, fcntl.LOCK_SH)
        except FileExistsError:
            continue
    raise AssertionError
