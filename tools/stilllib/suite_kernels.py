# SPDX-License-Identifier: BSD-2-Clause
"""Kernels of newer Debians, unpacked with the compilers that made them; the module is built inside that tree."""
from .kernel_image import Kernel, extract_vmlinux
from .paths import BUILD, ROOT
from .progress import StillError, step
from .shell_out import run_logged
from .suite_tree import SuiteTree

SUITES = ("trixie", "sid")
# What Kbuild calls, besides what the headers depend on: an unpacked tree holds no essential package by itself.
PACKAGES = ["linux-image-amd64", "linux-headers-amd64", "make", "dash", "bash", "coreutils", "sed", "grep", "gawk",
            "findutils", "diffutils", "perl", "python3"]


def get(suite):
    """The suite's kernel; on the first call it is fetched and unpacked."""
    tree = SuiteTree(suite, "kernel", PACKAGES).get().root
    try:
        (modules,) = (tree / "usr/lib/modules").iterdir()
    except ValueError:
        raise StillError(f"{tree}/usr/lib/modules does not hold one kernel: remove {tree} and try again") from None
    kernel = Kernel(modules.name, suite, tree)
    if not kernel.vmlinux.exists():
        awk = tree / "usr/bin/awk"
        if not awk.is_symlink():
            awk.symlink_to("gawk")
        # depmod names modules by the directory that modprobe of the guest sees.
        run_logged(["depmod", "-b", tree, kernel.release], "kernel-depmod", "depmod")
        kernel.vmlinux.write_bytes(extract_vmlinux(kernel.vmlinuz))
    return kernel


# As root, in a mount namespace of its own: the tree's programs see the tree as /, and our files under their names.
IN_TREE = """
tree=$1; shift
mkdir -p "$tree/proc" "$tree/dev"
mount -t proc proc "$tree/proc"
mount --bind /dev "$tree/dev"
for seen in "$1" "$2"; do mkdir -p "$tree$seen"; mount --bind "$seen" "$tree$seen"; done
shift 2
exec chroot "$tree" /usr/bin/env -i PATH=/usr/bin:/usr/sbin HOME=/root LC_ALL=C "$@"
"""


def in_tree(kernel, argv):
    """The command that runs argv among the programs of a kernel of get()."""
    return ["unshare", "--mount", "sh", "-ec", IN_TREE, "sh", kernel.tree, ROOT, BUILD, *argv]


def build_module(kernel):
    """Builds stillcore.ko for a kernel of get(), what is stale of it."""
    place = kernel.module.parent
    with step(f"Build the module for {kernel.release}", quiet_below=5):
        place.mkdir(parents=True, exist_ok=True)
        run_logged(["cmake", f"-DSOURCE={ROOT}", f"-DBUILD={place.parent}", "-P",
                    ROOT / "cmake/LinkModuleSources.cmake"], "module-links", "linking the module's sources")
        make = ["make", "--no-print-directory", "-j2", "-C", f"/usr/src/linux-headers-{kernel.release}", f"M={place}",
                "W=1", "CONFIG_DEBUG_INFO_BTF_MODULES=", "KCFLAGS=-Werror", "modules"]
        run_logged(in_tree(kernel, make), f"module-{kernel.version}", f"the build of the module for {kernel.release}")
