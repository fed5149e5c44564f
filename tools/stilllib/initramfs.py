# SPDX-License-Identifier: BSD-2-Clause
"""The guest's initramfs: guest-init, the modules for virtio, 9p and overlay, and the agent. Nothing else."""
import lzma

from . import kernels
from .paths import GUEST_INIT, ROOT

MODULES = ("virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay")


def _entry(name, mode, data, inode):
    name = name.encode() + b"\0"
    fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
    header = b"070701" + b"".join(b"%08x" % field for field in fields) + name
    header += b"\0" * (-len(header) % 4)
    return header + data + b"\0" * (-len(data) % 4)


def write(kernel, path):
    entries = [("dev", 0o040755, b""), ("modules", 0o040755, b""), ("init", 0o100755, GUEST_INIT.read_bytes()),
               ("agent.py", 0o100644, (ROOT / "tools" / "guest" / "agent.py").read_bytes())]
    for number, module in enumerate(kernels.module_closure(kernel, MODULES)):
        data = module.read_bytes()
        if module.suffix == ".xz":
            data = lzma.decompress(data)
        entries.append((f"modules/{number:02}-{module.name.removesuffix('.xz')}", 0o100644, data))
    with open(path, "wb") as archive:
        for inode, (name, mode, data) in enumerate(entries, 1):
            archive.write(_entry(name, mode, data, inode))
        archive.write(_entry("TRAILER!!!", 0, b"", 0))
