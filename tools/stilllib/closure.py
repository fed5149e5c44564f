# SPDX-License-Identifier: BSD-2-Clause
"""A program of this machine with all that it needs to start: interpreters of scripts, the loader, shared libraries."""
import os
import shutil
import struct
import subprocess
from pathlib import Path

from .progress import StillError

PT_INTERP = 3
LOADER = "/lib64/ld-linux-x86-64.so.2"


def find(program):
    """The path that a shell would run."""
    path = shutil.which(program)
    if path is None:
        raise StillError(f"no program '{program}' on this machine", status=127)
    return os.path.abspath(path)


def _loader_of(data, path):
    """The path in PT_INTERP, or None for a program that is linked statically."""
    if data[4:6] != b"\x02\x01" or struct.unpack_from("<H", data, 18)[0] != 62:
        raise StillError(f"{path}: not a program for x86-64 Linux", status=126)
    offset, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for number in range(count):
        kind, _, start, _, _, length = struct.unpack_from("<IIQQQQ", data, offset + number * size)
        if kind == PT_INTERP:
            return data[start:start + length].rstrip(b"\0").decode()
    return None


def _libraries(loader, path):
    """What the loader would load, by the loader itself."""
    done = subprocess.run([loader, "--list", path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise StillError(f"{path}: its libraries can't be listed: {done.stderr.strip()}", status=126)
    found = []
    for line in done.stdout.splitlines():
        words = line.split()
        if "not found" in line:
            raise StillError(f"{path}: {words[0]} is missing on this machine", status=126)
        found += [word for word in words if word.startswith("/")][:1]
    return found


def files_of(path, depth=0):
    """The paths that path needs, itself first."""
    if depth > 4:
        raise StillError(f"{path}: too many interpreters of interpreters", status=126)
    data = Path(path).read_bytes()
    if data[:2] == b"#!":
        words = data[2:].split(b"\n", 1)[0].decode().split()
        if not words:
            raise StillError(f"{path}: its first line names no interpreter", status=126)
        needed = [path, *files_of(words[0], depth + 1)]
        if os.path.basename(words[0]) == "env" and len(words) > 1:
            needed += files_of(find([word for word in words[1:] if not word.startswith("-")][0]), depth + 1)
        return needed
    if data[:4] != b"\x7fELF":
        raise StillError(f"{path}: neither an ELF program nor a script with #!", status=126)
    loader = _loader_of(data, path)
    return [path] if loader is None else [path, loader, *_libraries(loader, path)]


def _put_with_needs(archive, path):
    """A file, and what it needs if it is something that runs: a program, a script, a shared object."""
    archive.put_from_host(path)
    with open(path, "rb") as file:
        head = file.read(64)
    if head[:2] == b"#!" and os.access(path, os.X_OK):
        needed = files_of(path)
    elif head[:6] == b"\x7fELF\x02\x01" and head[16:18] in (b"\2\0", b"\3\0"):
        needed = files_of(path) if _loader_of(Path(path).read_bytes(), path) else _libraries(LOADER, path)
    else:
        return
    for other in needed:
        archive.put_from_host(other)


def fill(archive, program, more=()):
    """program and what it needs go into the archive, and so do files and whole directories of more."""
    archive.put("tmp", 0o041777)
    for name in ("/bin", "/sbin", "/lib", "/lib64"):  # links, since Debian 12
        if os.path.exists(name):
            archive.put_from_host(name)
    archive.put("root", 0o040700)
    archive.put("etc/passwd", 0o100644, b"root:x:0:0:root:/root:/bin/sh\n")
    archive.put("etc/group", 0o100644, b"root:x:0:\n")
    for path in files_of(program):
        archive.put_from_host(path)
    for path in map(os.path.abspath, more):
        if os.path.isdir(path):
            archive.put_from_host(path)
            archive.put_tree(path, path)
            for where, _, names in os.walk(path):
                for name in names:
                    if ".so" in name and not os.path.islink(os.path.join(where, name)):
                        _put_with_needs(archive, os.path.join(where, name))
        elif os.path.exists(path):
            _put_with_needs(archive, path)
        else:
            raise StillError(f"--with {path}: there is no such file", status=2)
    if os.path.exists("/etc/ld.so.cache"):
        archive.put_from_host("/etc/ld.so.cache")
