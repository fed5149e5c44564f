# SPDX-License-Identifier: BSD-2-Clause
"""Packages of a newer Debian, unpacked and not installed: their programs run through their own loader."""
import fcntl
import os
import shutil
import subprocess
from pathlib import Path

from .paths import CACHE
from .progress import StillError, step
from .shell_out import output_of, run_logged

MIRROR = "http://deb.debian.org/debian"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MERGED = ("bin", "sbin", "lib", "lib64")


class SuiteTree:
    """The closure of some packages of a suite, as one file tree."""

    def __init__(self, suite, name, packages):
        self.suite, self.packages = suite, packages
        self.root = CACHE / "suites" / f"{suite}-{name}"

    def get(self):
        self.root.parent.mkdir(parents=True, exist_ok=True)
        with (self.root.parent / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (self.root / "complete").exists():
                with step(f"Fetch and unpack {' '.join(self.packages)} of Debian's {self.suite}"):
                    shutil.rmtree(self.root, ignore_errors=True)
                    self._unpack(self._download())
                    (self.root / "complete").touch()
        return self

    def command(self, program):
        """argv[0...] that starts a program of the tree."""
        libraries = self.root / "usr/lib/x86_64-linux-gnu"
        return [str(self.root / "usr/lib64/ld-linux-x86-64.so.2"), "--library-path",
                f"{libraries}:{libraries}/pulseaudio", str(self.root / "usr/bin" / program)]

    def _download(self):
        """By an apt that knows of this suite only, and of no installed package."""
        apt = self.root / "apt"
        for directory in ("lists/partial", "archives/partial", "sources"):
            (apt / directory).mkdir(parents=True)
        (apt / "status").touch()
        (apt / "sources" / "suite.list").write_text(f"deb [signed-by={KEYRING}] {MIRROR} {self.suite} main\n")
        options = {
            "Dir::Etc::SourceList": "/dev/null", "Dir::Etc::SourceParts": apt / "sources",
            "Dir::Etc::Parts": "/dev/null",
            "Dir::State::Lists": apt / "lists", "Dir::State::status": apt / "status",
            "Dir::Cache::archives": apt / "archives", "Dir::Cache::pkgcache": "", "Dir::Cache::srcpkgcache": "",
            "APT::Install-Recommends": "false", "APT::Sandbox::User": "root", "Debug::NoLocking": "1",
        }
        get = ["apt-get", *(f"-o{key}={value}" for key, value in options.items()), "-y"]
        run_logged([*get, "update"], "suite-update", f"package lists of {self.suite}")
        run_logged([*get, "-d", "install", *self.packages], "suite-download", f"download from {self.suite}")
        packages = sorted((apt / "archives").glob("*.deb"))
        if not packages:
            raise StillError(f"apt downloaded nothing of {' '.join(self.packages)} from {self.suite}")
        return packages

    def _unpack(self, packages):
        for name in MERGED:
            (self.root / "usr" / name).mkdir(parents=True, exist_ok=True)
            (self.root / name).symlink_to(f"usr/{name}")
        for package in packages:
            with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as data:
                subprocess.run(["tar", "-x", "--keep-directory-symlink", "-C", self.root], stdin=data.stdout,
                               check=True)
            if data.returncode != 0:
                raise StillError(f"{package} can't be unpacked")
        shutil.rmtree(self.root / "apt")


def qemu():
    """The command of trixie's QEMU: its icount boots Linux with several CPUs."""
    tree = SuiteTree("trixie", "qemu", ["qemu-system-x86"]).get()
    os.environ["QEMU_MODULE_DIR"] = str(tree.root / "usr/lib/x86_64-linux-gnu/qemu")
    firmware = [tree.root / place for place in ("usr/share/seabios", "usr/share/qemu", "usr/lib/ipxe/qemu")]
    command = [*tree.command("qemu-system-x86_64"), *(part for place in firmware for part in ("-L", str(place)))]
    version = output_of([*command, "--version"])
    if not version:
        raise StillError(f"the QEMU in {Path(tree.root)} does not start")
    return command
