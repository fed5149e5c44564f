# SPDX-License-Identifier: BSD-2-Clause
"""Debian packages: what is missing is installed."""
import functools
import os
import subprocess

from .paths import ROOT
from .progress import StillError, step
from .shell_out import run_logged

APT_GET = ("apt-get", "-o", "DPkg::Lock::Timeout=300", "-y", "--no-install-recommends")


@functools.lru_cache(maxsize=None)
def groups():
    """The lists of tools/packages.txt by the names of their sections."""
    found, current = {}, None
    for line in (ROOT / "tools" / "packages.txt").read_text().splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("["):
            current = found.setdefault(line.strip("[]"), [])
        elif line:
            current.append(line)
    return found


def missing(names):
    done = subprocess.run(["dpkg-query", "-W", "-f", "${binary:Package} ${Package} ${db:Status-Status}\\n", *names],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    installed = {line.split()[1] for line in done.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in installed]


_asked_for = set()


def need(*wanted):
    """Installs what is missing of the groups."""
    new = [group for group in wanted if group not in _asked_for]
    if not new:
        return
    _asked_for.update(new)
    install(missing(sorted({name for group in new for name in groups()[group]})))


def apt_get(log_name, what, *arguments):
    if os.geteuid() != 0:
        raise StillError(f"{what}: only root can do that. Run once as root, or: apt-get {' '.join(arguments)}")
    run_logged([*APT_GET, *arguments], log_name, what, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


_updated = []


def update():
    """apt-get update, once for each run of still."""
    if not _updated:
        with step("Update the package lists (apt-get update)"):
            apt_get("apt-update", "apt-get update", "update")
        _updated.append(True)


def install(names):
    if not names:
        return
    update()
    with step(f"Install {' '.join(names)}"):
        apt_get("apt-install", "apt-get install", "install", *names)
