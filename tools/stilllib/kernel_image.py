# SPDX-License-Identifier: BSD-2-Clause
"""A kernel of the guest's, unpacked: where its parts are, and what its image and its modules hold."""
import lzma
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import packages
from .paths import BUILD, CACHE, MODULE
from .progress import StillError

KERNELS = CACHE / "kernels"


@dataclass(frozen=True)
class Kernel:
    release: str  # 6.1.0-56-amd64
    version: str  # 6.1.192-2: the Debian package's; of a newer Debian, the suite's name
    tree: Path | None = None  # of a newer Debian: the root of its unpacked packages

    @property
    def root(self):
        return self.tree or KERNELS / f"{self.release}_{self.version}"

    @property
    def vmlinux(self):
        return self.root / "vmlinux"

    @property
    def vmlinuz(self):
        """As Debian packs it."""
        images = [self.modules / "vmlinuz", self.root / "boot" / f"vmlinuz-{self.release}"]
        found = next((path for path in images if path.exists()), None)
        if not found:
            raise StillError(f"Debian's kernel package holds no vmlinuz where it was looked for: "
                             f"{', '.join(map(str, images))}")
        return found

    @property
    def modules(self):
        return self.root / "lib" / "modules" / self.release  # in a tree, lib leads to usr/lib

    @property
    def headers(self):
        return Path("/usr/src") / f"linux-headers-{self.release}"

    @property
    def module(self):
        """stillcore.ko for this kernel."""
        return BUILD / self.version / "linux-module" / MODULE.name if self.tree else MODULE


def extract_vmlinux(vmlinuz):
    """The ELF kernel inside a bzImage: QEMU boots it by its PVH note, without the time of the decompressor."""
    data = Path(vmlinuz).read_bytes()
    # Documentation/arch/x86/boot.rst: setup_sects, payload_offset, payload_length (whose last 4 bytes are its size).
    offset, length = struct.unpack_from("<II", data, 0x248)
    start = (data[0x1f1] + 1) * 512 + offset
    payload = data[start:start + length - 4]
    if payload.startswith(b"\xfd7zXZ\x00"):
        elf = lzma.LZMADecompressor(format=lzma.FORMAT_XZ).decompress(payload)
    elif payload.startswith(b"\x28\xb5\x2f\xfd"):
        packages.need("suites")
        elf = subprocess.run(["zstd", "-dcq"], input=payload, stdout=subprocess.PIPE, check=False).stdout
    else:
        raise StillError(f"{vmlinuz} holds neither xz nor zstd: Debian changed how it compresses its kernels")
    if not elf.startswith(b"\x7fELF"):
        raise StillError(f"{vmlinuz}: what was unpacked is no ELF file")
    return elf


def module_closure(kernel, names):
    """Paths of the modules and of all that they need, in the order to load them."""
    builtin = {Path(line).stem for line in (kernel.modules / "modules.builtin").read_text().splitlines()}
    needs = {}
    for line in (kernel.modules / "modules.dep").read_text().splitlines():
        module, _, dependencies = line.partition(":")
        needs[Path(module).name.partition(".")[0]] = (module, dependencies.split())
    ordered = []
    for name in names:
        if name in builtin:
            continue
        if name not in needs:
            raise StillError(f"the kernel {kernel.release} has no module {name}")
        module, dependencies = needs[name]
        # modules.dep names the nearest dependency first.
        for path in [*reversed(dependencies), module]:
            if kernel.modules / path not in ordered:
                ordered.append(kernel.modules / path)
    return ordered
