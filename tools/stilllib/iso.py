# SPDX-License-Identifier: BSD-2-Clause
"""still iso: the LWK image on a GRUB multiboot2 ISO that boots alone, from BIOS and from UEFI."""
import shutil

from . import alone, closure, packages
from .alone_line import command_line, environment
from .build import build
from .cpio import Archive
from .paths import BUILD, KERNEL_IMAGE, shown
from .progress import StillError, step
from .shell_out import run_logged

ISO = BUILD / "stillcore.iso"
FIRMWARE = "/usr/share/OVMF/OVMF_CODE.fd"

# On UEFI the screen is what its firmware set up; on BIOS it stays in text mode.
GRUB_CFG = """\
set timeout=0
serial --unit=0 --speed=115200
if [ "$grub_platform" = efi ]; then
    insmod all_video
    set gfxpayload=keep
else
    set gfxpayload=text
fi
menuentry "Stillcore" {{
    multiboot2 /boot/stillcore.elf {line}
{module}    boot
}}
"""


def make(line="tests", archive=None, path=ISO):
    """archive: bytes of a cpio archive."""
    packages.need("iso", "vm")
    build("gcc")
    alone.require_image()
    with step("Make the ISO") as told:
        tree = BUILD / "iso"
        shutil.rmtree(tree, ignore_errors=True)
        (tree / "boot" / "grub").mkdir(parents=True)
        shutil.copy(KERNEL_IMAGE, tree / "boot" / "stillcore.elf")
        run_logged(["strip", "--strip-debug", tree / "boot" / "stillcore.elf"], "iso-strip", "strip")
        if archive is not None:
            (tree / "boot" / "archive.cpio").write_bytes(archive)
        module = "" if archive is None else "    module2 /boot/archive.cpio\n"
        (tree / "boot" / "grub" / "grub.cfg").write_text(GRUB_CFG.format(line=line, module=module))
        run_logged(["grub-mkrescue", "-o", path, tree], "grub-mkrescue", "grub-mkrescue")
        told(shown(path))
    return path


def boot_arguments(path=ISO, uefi=False):
    return ["-cdrom", str(path), "-boot", "d", *(["-bios", FIRMWARE] if uefi else [])]


def boot(smp=4, uefi=False):
    return alone.run("lwk-iso-uefi" if uefi else "lwk-iso", smp, boot_arguments(uefi=uefi))


def _wanted(arguments):
    """The command line and the archive that the options ask for."""
    words = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    options = environment([name_value.partition("=")[::2] for name_value in arguments.env]) + arguments.option
    archive = Archive()
    if arguments.initramfs:
        archive.put_tree(arguments.initramfs)
        return command_line(options, arguments.init or "/init", words), archive.to_bytes()
    if arguments.init:
        program = closure.find(arguments.init)
        closure.fill(archive, program, arguments.more)
        return command_line(options, program, words), archive.to_bytes()
    if words:
        raise StillError("arguments, but no --init and no --initramfs that they could be for", status=2)
    return command_line(options), None


def main(arguments):
    if arguments.boot:
        make()
        with step("Boot the ISO") as told:
            tap, wrong, log = boot()
            alone.raise_if_bad(tap, wrong, log)
            told(f"{len(tap.passed)} tests passed")
        return 0
    make(*_wanted(arguments))
    return 0
