# SPDX-License-Identifier: BSD-2-Clause
"""The guest's kernel: Debian's newest 6.1 image, unpacked and not installed, and headers that match it; or a
newer Debian's (suite_kernels.py)."""
import fcntl
import re
import shutil
import time

from . import packages, suite_kernels
from .kernel_image import KERNELS, Kernel, extract_vmlinux
from .progress import StillError, step
from .shell_out import output_of, run_logged

SERIES = "6.1"
ASK_APT_AGAIN_AFTER = 24 * 3600


def _natural(text):
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", text)]


def _releases():
    names = output_of(["apt-cache", "pkgnames", f"linux-image-{SERIES}."]) or ""
    pattern = re.compile(r"linux-image-(" + re.escape(SERIES) + r"\.\d+-\d+-amd64)$")
    return sorted((match[1] for match in map(pattern.match, names.split()) if match), key=_natural)


def _candidate(package):
    policy = output_of(["apt-cache", "policy", package]) or ""
    match = re.search(r"Candidate: (\S+)", policy)
    return match[1] if match and match[1] != "(none)" else None


def _find(name):
    """The kernel that apt offers: the newest of the series, or the release (or a part of it) that was asked for."""
    for release in reversed(_releases()):
        if name and name not in (release, release.removesuffix("-amd64")):
            continue
        version = _candidate(f"linux-image-{release}")
        if version and _candidate(f"linux-headers-{release}") == version:
            return Kernel(release, version)
    return None


def _cached(name):
    found = []
    for marker in KERNELS.glob("*/complete"):
        release, _, version = marker.parent.name.partition("_")
        if not name or name in (release, release.removesuffix("-amd64")):
            found.append(Kernel(release, version))
    return max(found, key=lambda kernel: _natural(kernel.version), default=None)


def _is_fresh(kernel):
    return time.time() - (kernel.root / "complete").stat().st_mtime < ASK_APT_AGAIN_AFTER


def get(name=None):
    """Finds the kernel, unpacks it if need be, and sees to its headers. name: a release, a suite, or None."""
    if name in suite_kernels.SUITES:
        return suite_kernels.get(name)
    if name == "bookworm":
        name = None
    KERNELS.mkdir(parents=True, exist_ok=True)
    with (KERNELS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kernel = _cached(name)
        if not kernel or not _is_fresh(kernel):
            newest = _find(name)
            if not newest and not kernel:
                packages.update()
                newest = _find(name)
            kernel = newest or kernel
        if not kernel:
            wanted = name or f"{SERIES}.*-amd64"
            raise StillError(f"no Debian kernel {wanted}: apt offers {', '.join(_releases()[-4:]) or 'none'}. "
                             "Check /etc/apt/sources.list for bookworm and bookworm-security.")
        if not (kernel.root / "complete").exists():
            _unpack(kernel)
        (kernel.root / "complete").touch()
        _see_to_headers(kernel)
    return kernel


def _see_to_headers(kernel):
    installed = output_of(["dpkg-query", "-W", "-f", "${Version}", f"linux-headers-{kernel.release}"])
    if installed != kernel.version:
        packages.install([f"linux-headers-{kernel.release}={kernel.version}"])


def _download(kernel, directory):
    package = f"linux-image-{kernel.release}={kernel.version}"
    fetch = ["apt-get", "-o", "APT::Sandbox::User=root", "download", package]
    try:
        run_logged(fetch, "kernel-download", f"download of {package}", cwd=directory)
    except StillError:
        packages.update()
        run_logged(fetch, "kernel-download", f"download of {package}", cwd=directory)
    return next(directory.glob("*.deb"))


def _unpack(kernel):
    with step(f"Fetch and unpack Debian's kernel {kernel.release} ({kernel.version})"):
        shutil.rmtree(kernel.root, ignore_errors=True)
        kernel.root.mkdir(parents=True)
        deb = _download(kernel, kernel.root)
        run_logged(["dpkg-deb", "-x", deb, kernel.root], "kernel-unpack", "unpacking the kernel")
        deb.unlink()
        run_logged(["depmod", "-b", kernel.root, kernel.release], "kernel-depmod", "depmod")
        kernel.vmlinux.write_bytes(extract_vmlinux(kernel.vmlinuz))
