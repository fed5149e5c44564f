# SPDX-License-Identifier: BSD-2-Clause
"""still iso: the LWK image on a GRUB multiboot2 ISO that boots alone and runs the in-LWK tests."""
import shutil

from . import alone, packages
from .build import build
from .paths import BUILD, KERNEL_IMAGE, shown
from .progress import step
from .shell_out import run_logged

ISO = BUILD / "stillcore.iso"

GRUB_CFG = """\
set timeout=0
serial --unit=0 --speed=115200
menuentry "Stillcore" {
    multiboot2 /boot/stillcore.elf tests
    boot
}
"""


def make():
    packages.need("iso", "vm")
    build("gcc")
    alone.require_image()
    with step("Make the ISO") as told:
        tree = BUILD / "iso"
        shutil.rmtree(tree, ignore_errors=True)
        (tree / "boot" / "grub").mkdir(parents=True)
        shutil.copy(KERNEL_IMAGE, tree / "boot" / "stillcore.elf")
        (tree / "boot" / "grub" / "grub.cfg").write_text(GRUB_CFG)
        run_logged(["grub-mkrescue", "-o", ISO, tree], "grub-mkrescue", "grub-mkrescue")
        told(shown(ISO))
    return ISO


def boot(smp=4):
    return alone.run("lwk-iso", smp, ["-cdrom", str(ISO), "-boot", "d"])


def main(arguments):
    make()
    if arguments.boot:
        with step("Boot the ISO") as told:
            tap, wrong, log = boot()
            alone.raise_if_bad(tap, wrong, log)
            told(f"{len(tap.passed)} tests passed")
    return 0
