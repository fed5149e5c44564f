# SPDX-License-Identifier: BSD-2-Clause
"""still package --check: the packages in a Debian 12 of their own. It is made by mmdebstrap, gets the packages by
apt, boots with systemd in QEMU, runs a job, loses and regains an LWK, and at last has nothing left of them."""
import os
import shutil
from pathlib import Path

from . import demo, kernels, packages
from .guestlib import Guest
from .paths import BUILD
from .progress import StillError, step
from .qemu import Machine
from .session import Session
from .shell_out import run_logged, wait_until

ROOTFS = BUILD / "package-check"
SOURCES = "/etc/apt/sources.list.d/debian.sources"
INCLUDED = "systemd,systemd-sysv,udev,dbus,kmod,python3,procps,gcc,libc6-dev,pkg-config,gawk,perl,xz-utils"
AGENT_UNIT = """\
[Unit]
Description=Runs the commands of the test
[Service]
ExecStart=/usr/bin/python3 -I -S -B /run/still/agent.py
[Install]
WantedBy=multi-user.target
"""
CONFIG = "cpus = 2-3\nmem = 512m@0\non_panic = reboot\n"
STATE_C = """\
#include <ihk.h>
#include <stdio.h>
int main(void)
{
    int os = ihk_os_open(0, NULL);
    printf("%d\\n", os < 0 ? os : ihk_os_state(os, NULL));
}
"""
# What apt and dpkg write for themselves.
BOOKS = ("var/lib/dpkg", "var/lib/apt", "var/cache", "var/log", "var/lib/systemd",
         "tmp", "root", "proc", "run", "dev", "sys")


def _in_root(what, *argv):
    in_proc = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'  # in a mount namespace: it goes by itself
    run_logged(["unshare", "--mount", "sh", "-c", in_proc, ROOTFS, *argv], "package-check", what,
               env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", "PATH":
                    "/usr/sbin:/usr/bin:/sbin:/bin"})


def _files():
    """The paths of all that is in the root but for what apt and dpkg keep."""
    found = set()
    for directory, inner, names in os.walk(ROOTFS):
        here = Path(directory).relative_to(ROOTFS)
        inner[:] = [name for name in inner if str(here / name) not in BOOKS]
        found.update(str(here / name) for name in names)
        if not inner and not names:
            found.add(f"{here}/")
    return found


def _make_root(kernel):
    shutil.rmtree(ROOTFS, ignore_errors=True)
    with step("Make a Debian 12 (mmdebstrap)"):
        # dkms and what it wants stay when the packages go.
        run_logged(["mmdebstrap", "--variant=minbase", f"--include={INCLUDED},dkms,linux-headers-{kernel.release}",
                    "bookworm", ROOTFS, *([SOURCES] if os.path.exists(SOURCES) else [])],
                   "package-check-root", "mmdebstrap")
        (ROOTFS / "etc" / "systemd" / "system" / "agent.service").write_text(AGENT_UNIT)
        _in_root("systemctl", "systemctl", "enable", "agent.service")
        shutil.copytree(kernel.modules, ROOTFS / "lib" / "modules" / kernel.release, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("build", "source"))
        _in_root("depmod", "depmod", kernel.release)


def _debs(found):
    target = ROOTFS / "root" / "packages"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for package in found:
        if "-dbgsym_" not in package.name:
            shutil.copy(package, target)
    return [f"/root/packages/{path.name}" for path in sorted(target.iterdir())]


def _newer(found):
    """The same packages once more as version 0.2: what an upgrade does depends on their scripts alone."""
    work = BUILD / "package-newer"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    made = []
    for package in found:
        if "-dbgsym_" in package.name:
            continue
        tree = work / package.stem
        run_logged(["dpkg-deb", "-R", package, tree], "package-newer", "dpkg-deb")
        control = tree / "DEBIAN" / "control"
        control.write_text(control.read_text().replace("Version: 0.1", "Version: 0.2").replace("(= 0.1)", "(= 0.2)"))
        made.append(work / package.name.replace("_0.1_", "_0.2_"))
        run_logged(["dpkg-deb", "--root-owner-group", "-b", tree, made[-1]], "package-newer", "dpkg-deb")
    return made


class _Node:
    """The Debian, booted."""

    def __init__(self, guest):
        self.guest = guest

    def run(self, script):
        return self.guest.run(["bash", "-c", script], cwd="/", timeout=120)

    def must(self, script, expected=None):
        result = self.run(script)
        if result.status != 0 or expected is not None and result.stdout.strip() != expected:
            journal = self.run("journalctl -b --no-pager | tail -60").stdout
            raise StillError(f"on the node: {script}: {result!r}\n{journal}")
        return result.stdout

    def wait_for(self, script, seconds=60):
        if not wait_until(lambda: self.run(script).status == 0, seconds, 1):
            self.must(script)


def _job(node):
    node.must("systemctl is-active ihkmond", "active")
    node.must("systemctl is-active stillcore || true", "inactive")
    before = node.must("cat /sys/devices/system/cpu/online")
    node.must("systemctl start stillcore && cat /sys/devices/system/cpu/online", "0-1")
    node.must("useradd -m -G stillcore user && useradd -m stranger")
    node.must("runuser -u user -- mcexec nproc", "2")
    refused = node.run("runuser -u stranger -- mcexec true")
    if refused.status == 0 or "ermission" not in refused.stderr:
        raise StillError(f"one who is not in the group stillcore is not refused: {refused!r}")
    node.must(f"echo '{STATE_C}' > /tmp/a.c && cc /tmp/a.c -o /tmp/a $(pkg-config --cflags --libs libihk)")
    node.must("/tmp/a", "2")
    node.wait_for("journalctl -t lwk STILLCORE_OS=0 | grep -q 'Stillcore: 2 CPUs'")
    return before


def _panic(node):
    node.must("ihkosctl 0 inject panic")
    node.wait_for("journalctl -t ihkmond -p crit | grep -q PANIC")
    node.wait_for("[ \"$(ihkosctl 0 get status)\" = RUNNING ]")
    node.must("runuser -u user -- mcexec echo again", "again")


def _watchdog(node):
    """A monitor that stands still is started anew."""
    old = node.must("systemctl show -P MainPID ihkmond")
    node.must("kill -STOP " + old)
    node.wait_for(f"[ \"$(systemctl show -P MainPID ihkmond)\" != {old.strip()} ] && systemctl is-active ihkmond", 90)


class _DemoGuest(Guest):
    """Its module and tools are those of the packages."""

    def load_module(self):
        self.session.check(["modprobe", "stillcore"])


def _machine():
    return Machine(root=str(ROOTFS), kernel_args="-- /sbin/init")


def _demo():
    guest = _DemoGuest(_machine())
    try:
        with step("Boot it"):
            guest.start()
        # What it writes to the journal would count as memory that did not come back.
        guest.check(["systemctl", "stop", "ihkmond"])
        demo.run_in(guest)
        guest.stop()
    finally:
        guest.kill()


def _install(found):
    with step("Install the packages"):
        _in_root("apt-get update", "apt-get", "update")
        _in_root("apt-get install", "apt-get", "-y", "--no-install-recommends", "install", *_debs(found))
        (ROOTFS / "etc" / "stillcore.conf").write_text(CONFIG)


def _found():
    packages.need("vm", "package-check")
    return sorted((BUILD / "packages").glob("*.deb"))


def run_demo():
    """still demo --packages."""
    found = _found()
    _make_root(kernels.get())
    _install(found)
    _demo()
    shutil.rmtree(ROOTFS)


def run():
    found = _found()
    _make_root(kernels.get())
    before = _files()
    _install(found)
    newer = _newer(found)
    names = [path.name.split("_")[0] for path in newer]
    new_debs = _debs(newer)
    # In the emulated machine DKMS would compile for minutes: that package is upgraded below.
    quick_debs = " ".join(path for path in new_debs if "-dkms_" not in path)
    with Session(_machine()) as guest:
        node = _Node(guest)
        with step("Boot it, and run a job"):
            online = _job(node)
        with step("A panic, and a monitor that hangs"):
            _panic(node)
            _watchdog(node)
        with step("Upgrade under a job, then remove"):
            node.must(f"mcexec sleep 1000 & apt-get -y install {quick_debs} > /dev/null && ihkosctl 0 get status",
                      "RUNNING")
            node.must("pgrep -x sleep && apt-get -y remove stillcore > /dev/null")  # named like its program
            node.must("cat /sys/devices/system/cpu/online", online.strip())
            node.must("test -e /etc/stillcore.conf && ! test -e /usr/bin/mcexec && rmmod stillcore")
    with step("Upgrade, remove and purge"):
        # The guest's changes went with it: here all is as it was installed above.
        _in_root("apt-get install", "apt-get", "-y", "--no-install-recommends", "install", *new_debs)
        _in_root("apt-get purge", "apt-get", "-y", "purge", *names)
        after = _files()
        left, gone = sorted(after - before), sorted(before - after)
        if left or gone:
            raise StillError(f"after the purge: left {left}, gone {gone}")
    shutil.rmtree(ROOTFS)
