# SPDX-License-Identifier: BSD-2-Clause
"""Linux crashes beside an LWK that computes, and kdump's kernel starts: it finds the LWK's memory with Linux's."""
import re

import pytest
from stilllib import qemu
from stilllib.cpio import Archive
from stilllib.guestlib import Guest
from stilllib.paths import GUEST_INIT
from stilllib.progress import StillError
from stilllib.shell_out import wait_until

WORD = "the-lwk-was-here"
PAGES = 3000
# The word lies nowhere but where it is looked for: at the start of each page, as only the program itself has it.
PROGRAM = f"""
import mmap
word = bytes(b ^ 1 for b in {bytes(b ^ 1 for b in WORD.encode())!r})
area = mmap.mmap(-1, {PAGES} * 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)  # what is shared is Linux's
for page in range({PAGES}): area[page * 4096:page * 4096 + {len(WORD)}] = word
print("go", flush=True)
while True: pass"""
LOAD = """
import ctypes, os, sys
image, initrd = (os.open(path, os.O_RDONLY) for path in sys.argv[1:3])
line = sys.argv[3].encode() + b"\\0"
kexec_file_load, on_crash = 320, 2
libc = ctypes.CDLL(None, use_errno=True)
if libc.syscall(kexec_file_load, image, initrd, ctypes.c_ulong(len(line)), line, ctypes.c_ulong(on_crash)):
    sys.exit(os.strerror(ctypes.get_errno()))"""


@pytest.fixture
def node(request):
    """A guest with memory set aside for kdump, whose kernel is loaded there, and an instance."""
    machine = qemu.Machine(mem="2G", kernel=request.config.getoption("--kernel"), kernel_args="crashkernel=256M")
    guest = Guest(machine).start()
    archive = Archive()
    archive.put("init", 0o100755, GUEST_INIT.with_name("crash-init").read_bytes())
    archive.put("dev", 0o040755)
    initrd = guest.session.directory / "crash.cpio"
    initrd.write_bytes(archive.to_bytes())
    guest.check(["python3", "-c", LOAD, guest.kernel.vmlinuz, initrd,
                 f"{qemu.KERNEL_ARGS} nr_cpus=1 reset_devices word={WORD}"], "/")
    guest.up()
    yield guest
    guest.kill()


@pytest.mark.long
@pytest.mark.parametrize("first", ["Y", "N"])
def test_kdump_has_the_memory_of_both(node, first):
    """Y: the LWK's CPUs are stopped first, as the service wants it. N: they go on while the dump is made."""
    node.check(["sh", "-c", f"echo {first} > /sys/module/kernel/parameters/crash_kexec_post_notifiers"], "/")
    command = node.spawn(["mcexec", "python3", "-c", PROGRAM])
    assert wait_until(lambda: "go" in command.stdout, 30)
    with pytest.raises((StillError, TimeoutError)):
        node.run(["sh", "-c", "echo 8 > /proc/sys/kernel/printk; echo c > /proc/sysrq-trigger"], timeout=5)
    console = node.session.console
    assert wait_until(lambda: not node.is_alive(), 240, 1), console.read_text(errors="replace")[-3000:]
    _, crashed, after = console.read_text(errors="replace").partition("sysrq triggered crash")
    stopped, _, _ = after.partition("Linux version")
    assert crashed and ("the CPUs of instance 0 are stopped" in stopped) == (first == "Y"), after[:5000]
    found = re.search(r"crash-init: \d+ MiB, (\d+) pages with the word", after)
    assert found and int(found[1]) >= PAGES, after[-3000:]  # or more: a page that was copied keeps what it held
