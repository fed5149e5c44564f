# SPDX-License-Identifier: BSD-2-Clause
"""QEMU's command line for the guest beside which the LWK runs."""
import re
from dataclasses import dataclass, field

from . import suite_tree
from .progress import StillError

KERNEL_ARGS = ("console=ttyS0 mitigations=off tsc=reliable no_timer_check panic=-1 lpj=10384424 init_on_alloc=0 "
               "oops=panic")
X2APIC = ("-device", "intel-iommu,intremap=on,eim=on")
AGENT_PORT = "org.stillcore.agent"


@dataclass
class Machine:
    smp: int = 4
    mem: str = "4G"
    numa: bool = False
    kernel: str | None = None
    kernel_args: str = ""
    root: str = "/"  # what of the host the guest sees as its root
    x2apic: bool = False  # and interrupts are remapped
    icount: bool = False  # the TSC counts instructions
    qemu: tuple = ("qemu-system-x86_64",)  # of Debian 12; it has no x2APIC, and no icount for several CPUs
    extra: list = field(default_factory=list)

    @classmethod
    def of(cls, arguments, **more):
        """The machine that the options of a command ask for."""
        return cls(smp=arguments.smp, mem=arguments.mem, numa=arguments.numa, kernel=arguments.kernel,
                   x2apic=arguments.x2apic, **more)

    def __post_init__(self):
        if self.x2apic or self.icount and self.smp > 1:
            self.qemu = tuple(suite_tree.qemu())

    def mem_bytes(self):
        match = re.fullmatch(r"(\d+)([MG])", self.mem, re.IGNORECASE)
        if not match:
            raise StillError(f"--mem {self.mem}: give a number with M or G, as 2G or 1536M", status=2)
        return int(match[1]) << {"M": 20, "G": 30}[match[2].upper()]

    def check(self):
        if not 1 <= self.smp <= 64:
            raise StillError(f"--smp {self.smp}: give 1 to 64", status=2)
        if self.mem_bytes() < 512 << 20:
            raise StillError(f"--mem {self.mem}: the guest needs at least 512M", status=2)
        if self.numa and self.smp % 2:
            raise StillError("--numa makes two nodes of equal size: give an even --smp", status=2)


def _accelerator(machine):
    if machine.icount:
        return ["-accel", "tcg", "-icount", "shift=0,sleep=off", "-seed", "1",
                "-rtc", "clock=vm,base=2037-01-01"]
    return ["-accel", "tcg,thread=multi"]


def _topology(machine):
    if not machine.numa:
        return ["-smp", str(machine.smp), "-m", f"{machine.mem_bytes() >> 20}M"]
    half_mem, half = machine.mem_bytes() // 2 >> 20, machine.smp // 2
    # Without sockets=2 Linux warns that cores of one package are on two nodes.
    arguments = ["-smp", f"{machine.smp},sockets=2,cores={half},threads=1", "-m", f"{half_mem * 2}M"]
    for node in range(2):
        arguments += ["-object", f"memory-backend-ram,id=node{node},size={half_mem}M",
                      "-numa", f"node,nodeid={node},cpus={node * half}-{node * half + half - 1},memdev=node{node}"]
    return [*arguments, "-numa", "dist,src=0,dst=1,val=20"]


# TCG interprets "rep stosb" byte by byte, and Linux clears pages by it where the CPU has ERMS.
# A newer QEMU stands still early in the boot of 6.1 without ERMS.
def _cpu(machine):
    return "max" if len(machine.qemu) > 1 else "max,-erms"


def command_line(machine, kernel, initramfs, agent_fd):
    return [
        *machine.qemu, *_accelerator(machine), "-M", "q35", "-cpu", _cpu(machine), *_topology(machine),
        "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-serial", "file:console.log", "-serial", "file:lwk-serial.log",
        "-kernel", str(kernel.vmlinux), "-initrd", str(initramfs),
        "-append", f"{KERNEL_ARGS} {machine.kernel_args}".strip(),
        "-virtfs", f"local,path={machine.root},mount_tag=host,security_model=none,readonly=on,multidevs=remap",
        "-device", "virtio-serial-pci",
        "-chardev", f"socket,id=agent,fd={agent_fd}",
        "-device", f"virtserialport,chardev=agent,name={AGENT_PORT}",
        *(X2APIC if machine.x2apic else ()), *machine.extra,
    ]
