# SPDX-License-Identifier: BSD-2-Clause
"""cpio archives (newc), as Linux's initramfs and the LWK alone take them."""
import os
import stat
from pathlib import Path

from .progress import StillError


class Archive:
    """Entries by their path without a leading slash; directories above an entry come by themselves."""

    def __init__(self):
        self.entries = {}  # name: (mode, data)

    def put(self, name, mode, data=b""):
        name = str(name).strip("/")
        if name in ("", "."):
            return
        parent = os.path.dirname(name)
        if parent and parent not in self.entries:
            self.put(parent, stat.S_IFDIR | 0o755)
        self.entries.setdefault(name, (mode, data))

    def put_from_host(self, path):
        """A file at its path on this machine, with the links that lead to it."""
        path = os.path.normpath(os.path.abspath(path))
        done, rest = "/", [part for part in path.split("/") if part]
        for _ in range(200):
            if not rest:
                return
            here = os.path.join(done, rest.pop(0))
            if here.strip("/") and os.path.islink(here):
                target = os.readlink(here)
                self.put(here, stat.S_IFLNK | 0o777, target.encode())
                whole = os.path.normpath(os.path.join(done, target))
                done, rest = "/", [part for part in whole.split("/") if part] + rest
                continue
            done = here
            info = os.stat(here)
            if stat.S_ISDIR(info.st_mode):
                self.put(here, stat.S_IFDIR | stat.S_IMODE(info.st_mode))
            elif stat.S_ISREG(info.st_mode):
                self.put(here, info.st_mode, Path(here).read_bytes())
            else:
                raise StillError(f"{here}: only files, directories and links go into an archive", status=2)
        raise StillError(f"{path}: too many links", status=2)

    def put_tree(self, directory, to=""):
        """What is below a directory, at the archive's root or at to; links stay links."""
        for where, directories, files in os.walk(directory):
            below = os.path.relpath(where, directory)
            for name in sorted(directories + files):
                path, target = os.path.join(where, name), os.path.join(to, below, name)
                target, info = os.path.normpath(target), os.lstat(path)
                if stat.S_ISLNK(info.st_mode):
                    self.put(target, info.st_mode, os.readlink(path).encode())
                elif stat.S_ISREG(info.st_mode):
                    self.put(target, info.st_mode, Path(path).read_bytes())
                elif stat.S_ISDIR(info.st_mode):
                    self.put(target, info.st_mode)

    def to_bytes(self):
        parts = [_entry(name, *self.entries[name], number) for number, name in enumerate(self.entries, 1)]
        return b"".join([*parts, _entry("TRAILER!!!", 0, b"", 0)])


def _entry(name, mode, data, inode):
    name = name.encode() + b"\0"
    fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
    header = b"070701" + b"".join(b"%08x" % field for field in fields) + name
    header += b"\0" * (-len(header) % 4)
    return header + data + b"\0" * (-len(data) % 4)
