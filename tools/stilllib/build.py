# SPDX-License-Identifier: BSD-2-Clause
"""Builds what is stale."""
import os

from . import kernels, packages, suite_kernels
from .paths import BUILD, ROOT, shown
from .progress import StillError, step
from .shell_out import run_logged

PACKAGES = {"gcc": ("build", "unit"), "clang": ("build", "clang"), "asan": ("build", "unit", "clang", "fuzz"),
            "tsan": ("build", "unit")}


def _is_configured(preset, kdir):
    cache = BUILD / preset / "CMakeCache.txt"
    if not (BUILD / preset / "build.ninja").exists():
        return False
    text = cache.read_text()
    return f"CMAKE_HOME_DIRECTORY:INTERNAL={ROOT}\n" in text and (not kdir or f"STILL_KDIR:PATH={kdir}\n" in text)


def build(preset="gcc", kernel_name=None, targets=(), quiet=True):
    """Configures if need be and builds; quiet says nothing when it was quick."""
    if preset not in PACKAGES:
        raise StillError(f"no preset '{preset}': there are {', '.join(PACKAGES)}", status=2)
    packages.need(*PACKAGES[preset])
    # The module is built for exactly the kernel that is booted.
    kernel = kernels.get(kernel_name) if preset == "gcc" else None
    kdir = kernel.headers if kernel and not kernel.tree else None
    with step(f"Build {preset}", quiet_below=1.5 if quiet else 0) as told:
        if not _is_configured(preset, kdir):
            extra = [f"-DSTILL_KDIR={kdir}"] if kdir else []
            run_logged(["cmake", "--preset", preset, *extra], f"configure-{preset}", f"cmake --preset {preset}",
                       cwd=ROOT)
        goals = ["--target", *targets] if targets else []
        run_logged(["cmake", "--build", BUILD / preset, *goals, "-j", str(os.cpu_count() or 2)],
                   f"build-{preset}", f"the build of {preset}", cwd=ROOT)
        if not quiet:
            told(shown(BUILD / preset))
    if kernel and kernel.tree and not targets:
        suite_kernels.build_module(kernel)
