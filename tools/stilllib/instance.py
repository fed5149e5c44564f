# SPDX-License-Identifier: BSD-2-Clause
"""The LWK's life in a guest: module in, instance up; instance down, module out."""
from .paths import IHKOSCTL, KERNEL_IMAGE, MCEXEC, shown
from .progress import StillError


def require_parts():
    for path in (KERNEL_IMAGE, IHKOSCTL, MCEXEC):
        if not path.exists():
            raise StillError(f"{shown(path)} was not built: the tree lacks that part (--no-lwk does without)")


def load_module(session):
    module = session.kernel.module
    if not module.exists():
        raise StillError(f"{shown(module)} was not built")
    session.check(["insmod", module], "/")


def up(session, *arguments):
    """Boots an instance; returns the lines that ihkosctl tells about it."""
    result = session.run(["ihkosctl", "up", *arguments], "/")
    if result.status != 0:
        raise StillError(f"ihkosctl up failed with status {result.status}", shown(session.console), result.stderr)
    return [line.removeprefix("ihkosctl: ") for line in result.stderr.splitlines()]


def down(session):
    session.check(["ihkosctl", "down"], "/")


def unload_module(session):
    session.check(["rmmod", "stillcore"], "/")
