# SPDX-License-Identifier: BSD-2-Clause
"""Archives (cpio, newc) for an LWK that runs alone: programs of this host with the libraries that they need."""
import os
import re
import stat
import subprocess
from pathlib import Path

from .progress import StillError


def entry(name, mode, data, inode, mtime=0):
    name = name.encode() + b"\0"
    fields = (inode, mode, 0, 0, 1, mtime, len(data), 0, 0, 0, 0, len(name), 0)
    header = b"070701" + b"".join(b"%08x" % field for field in fields) + name
    header += b"\0" * (-len(header) % 4)
    return header + data + b"\0" * (-len(data) % 4)


def libraries_of(program):
    """The shared libraries that a dynamic program is loaded with, its interpreter among them."""
    done = subprocess.run(["ldd", str(program)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          check=False)
    return [Path(path) for path in re.findall(r"(?:=> |^\s*)(/\S+) \(0x", done.stdout, re.MULTILINE)]


class Archive:
    """What goes in, by its path in the archive. Links on the way to a file come with it, as they are on the host."""

    def __init__(self):
        self.members = {}

    def add_data(self, name, data, mode=0o100644):
        self._add_parents(Path("/" + name.strip("/")))
        self.members[name.strip("/")] = (mode, data)

    def add_directory(self, name, mode=0o040755):
        self._add_parents(Path("/" + name.strip("/")))
        self.members.setdefault(name.strip("/"), (mode, b""))

    def add_link(self, name, target):
        self.add_data(name, target.encode(), 0o120777)

    def _add_parents(self, path):
        for parent in list(path.parents)[:-1][::-1]:
            self.members.setdefault(str(parent).strip("/"), (0o040755, b""))

    def add_path(self, path, depth=0):
        """A file or directory of the host, at the same place, with every link that its path leads over."""
        if depth > 40:
            raise StillError(f"{path}: too many links")
        at = Path("/")
        parts = Path(os.path.abspath(path)).parts[1:]
        for i, part in enumerate(parts):
            at = at / part
            if at.is_symlink():
                self.members[str(at).strip("/")] = (0o120777, os.readlink(at).encode())
                target = Path(os.path.normpath(at.parent / os.readlink(at)))
                self.add_path(target.joinpath(*parts[i + 1:]), depth + 1)
                return
            if at.is_dir() and i + 1 < len(parts):
                self.members.setdefault(str(at).strip("/"), (0o040755, b""))
        if at.is_dir():
            self._add_tree(at)
        else:
            self._add_file(at)

    def _add_file(self, path):
        status = path.stat()
        if stat.S_ISREG(status.st_mode):
            self._add_parents(path)
            self.members[str(path).strip("/")] = (status.st_mode & 0o177777, path.read_bytes())

    def _add_tree(self, root, skip=frozenset({"__pycache__"})):
        for directory, names, files in os.walk(root):
            names[:] = [name for name in names if name not in skip]
            self.members.setdefault(directory.strip("/"), (0o040755, b""))
            for name in names + files:
                path = Path(directory) / name
                if path.is_symlink():
                    self.members[str(path).strip("/")] = (0o120777, os.readlink(path).encode())
                elif path.is_file():
                    self._add_file(path)

    def add_program(self, program, name=None):
        """A program with its libraries; name: where it goes, else where it is."""
        program = Path(program)
        if name is None:
            self.add_path(program)
        else:
            self.add_data(name, program.read_bytes(), 0o100755)
        for library in libraries_of(program):
            self.add_path(library)

    def write(self, path):
        with open(path, "wb") as out:
            for inode, (name, (mode, data)) in enumerate(sorted(self.members.items()), 1):
                out.write(entry(name, mode, data, inode))
            out.write(entry("TRAILER!!!", 0, b"", 0))
