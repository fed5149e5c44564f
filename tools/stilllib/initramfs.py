# SPDX-License-Identifier: BSD-2-Clause
"""The guest's initramfs: guest-init, the modules for virtio, 9p and overlay, and the agent. Nothing else."""
import lzma

from . import kernel_image
from .cpio import Archive
from .paths import GUEST_INIT, ROOT

MODULES = ("virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay")


def write(kernel, path):
    entries = [("dev", 0o040755, b""), ("modules", 0o040755, b""), ("init", 0o100755, GUEST_INIT.read_bytes()),
               ("agent.py", 0o100644, (ROOT / "tools" / "guest" / "agent.py").read_bytes())]
    for number, module in enumerate(kernel_image.module_closure(kernel, MODULES)):
        data = module.read_bytes()
        if module.suffix == ".xz":
            data = lzma.decompress(data)
        entries.append((f"modules/{number:02}-{module.name.removesuffix('.xz')}", 0o100644, data))
    archive = Archive()
    for name, mode, data in entries:
        archive.put(name, mode, data)
    path.write_bytes(archive.to_bytes())
