# SPDX-License-Identifier: BSD-2-Clause
"""still package: the Debian packages, made by debhelper from a copy of the tree as it stands here."""
import os
import shutil
import subprocess

from . import packages
from .paths import BUILD, ROOT, shown
from .progress import note, step
from .shell_out import run_logged

PACKAGES = BUILD / "packages"


def _copy_tree(target):
    """What git knows or would add; nothing that was built."""
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            stdout=subprocess.PIPE, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def make():
    """Returns the packages. They lie in build/packages, and nothing else does."""
    packages.need("build", "package")
    shutil.rmtree(PACKAGES, ignore_errors=True)
    work = BUILD / "package"
    shutil.rmtree(work, ignore_errors=True)
    with step("Build the Debian packages") as told:
        source = work / "stillcore"
        _copy_tree(source)
        run_logged(["dpkg-buildpackage", "--build=binary", "--no-sign"], "package", "dpkg-buildpackage", cwd=source,
                   env={**os.environ, "DEB_BUILD_OPTIONS": f"nocheck parallel={os.cpu_count()}"})
        PACKAGES.mkdir(parents=True)
        found = sorted(path.rename(PACKAGES / path.name) for path in work.glob("*.deb"))
        shutil.rmtree(work)
        told(f"{shown(PACKAGES)}, {sum(path.stat().st_size for path in found) / 1e6:.1f} MB")
    return found


def main(arguments):
    for package in make():
        note(package.name)
    if arguments.check:
        from . import package_check
        package_check.run()
    return 0
