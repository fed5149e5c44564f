# SPDX-License-Identifier: BSD-2-Clause
"""The kernel's command line: options, then the initial task (kernel/base/boot_line.hpp)."""
import re

from .progress import StillError

ROOM = 1023  # stillcore/boot_block.h


def quoted(word):
    """A word in which only what every loader leaves alone stands for itself; the rest is %XX."""
    text = "".join(chr(byte) if re.match(r"[A-Za-z0-9._/=:,+@-]", chr(byte)) else f"%{byte:02X}"
                   for byte in word.encode())
    return text or "%"  # an empty word


def command_line(options, program=None, arguments=()):
    words = list(options)
    if program is not None:
        words += ["--", quoted(program), *map(quoted, arguments)]
    line = " ".join(words)
    if len(line) > ROOM:
        raise StillError(f"the kernel's command line has room for {ROOM} characters, this needs {len(line)}: "
                         "put them into a script", status=2)
    return line


def environment(settings):
    """Options that give the initial task its environment."""
    return [f"env.{name}={quoted(value)}" for name, value in settings]
