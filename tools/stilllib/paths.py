# SPDX-License-Identifier: BSD-2-Clause
"""Where things are."""
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
GCC = BUILD / "gcc"
CACHE = Path(os.environ.get("STILLCORE_CACHE") or BUILD / "cache")
RUNS = BUILD / "vm"
LOGS = BUILD / "logs"

KERNEL_IMAGE = GCC / "kernel" / "stillcore.elf"
MODULE = GCC / "linux-module" / "stillcore.ko"
IHKOSCTL = GCC / "ihk" / "ihkosctl"
MCEXEC = GCC / "mcexec" / "mcexec"
GUEST_INIT = GCC / "tools" / "guest-init"
LATENCY = GCC / "tools" / "latency"
NULL_OFFLOAD = GCC / "tests" / "guest" / "null_offload"

# In front of PATH in the guest.
TOOL_DIRS = (IHKOSCTL.parent, MCEXEC.parent)


def shown(path):
    """The path as a user would type it here."""
    path = Path(path)
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
