# SPDX-License-Identifier: BSD-2-Clause
"""still starve: each thing that the module asks of Linux (memory, a thread, a mapping, a CPU) is refused once, one by
one, while the tools and programs need it (tests/starve/starve.c). What fails says so, and nothing is lost."""
import re
import shutil

from . import packages, suite_kernels
from .build import build
from .guestlib import Guest
from .paths import BUILD, ROOT, shown
from .progress import StillError, note, step
from .qemu import Machine
from .shell_out import run_logged, wait_until

SOURCE = ROOT / "tests" / "starve"
PARAMETERS = "/sys/module/starve/parameters"
REFUSED = "/tmp/refused"
MOST = 400  # refusals of one operation; more would be a loop

# Says which call is refused, runs the command, and notes which one it was.
ONE = f'echo $0 > {PARAMETERS}/nth; "$@"; s=$?; cat {PARAMETERS}/failed > {REFUSED}; echo 0 > {PARAMETERS}/nth; exit $s'

PROGRAM = """
import ctypes, mmap, os, signal, threading
f = open("/tmp/starved", "w+b"); f.truncate(1 << 16)
m = mmap.mmap(f.fileno(), 1 << 16); m[0] = 1
p = mmap.mmap(f.fileno(), 1 << 16, flags=mmap.MAP_PRIVATE); p[5000] = 1
f.truncate(4096)
threads = [threading.Thread(target=os.getppid) for i in range(3)]
[t.start() for t in threads], [t.join() for t in threads]
child = os.fork()
if child == 0:
    os.execv("/bin/true", ["true"])
assert os.waitpid(child, 0)[1] == 0
assert ctypes.CDLL(None).signalfd(-1, bytes(128), 0) >= 0
"""

# What is done, and whether an instance runs before.
OPERATIONS = {
    "up": (False, ["ihkosctl", "up", "--cpus=2-3", "--mem=256m"]),
    "reboot": (True, ["ihkosctl", "reboot"]),
    "memory": (True, ["ihkosctl", "0", "assign", "mem", "64m@0"]),
    "dump": (True, ["ihkosctl", "0", "dump", "--level", "kernel", "/tmp/starved.core"]),
    "true": (True, ["mcexec", "true"]),
    "program": (True, ["mcexec", "python3", "-c", PROGRAM]),
}


def build_module(kernel):
    """starve.ko for the guest's kernel."""
    place = BUILD / "starve"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(SOURCE, place)
    make = ["make", "-C", kernel.headers, f"M={place}", "W=1", "CONFIG_DEBUG_INFO_BTF_MODULES=", "modules"]
    run_logged(suite_kernels.in_tree(kernel, make) if kernel.tree else make, "starve", "the build of starve.ko")
    return place / "starve.ko"


def insert(guest, module):
    start = int(guest.check(["cat", "/sys/module/stillcore/sections/.text"]), 16)
    size = int(re.search(r"^stillcore (\d+)", guest.check(["cat", "/proc/modules"]), re.MULTILINE)[1])
    guest.check(["insmod", module, f"text_start={start}", f"text_end={start + size}"], "/")


class Starver:
    def __init__(self, guest):
        self.guest = guest
        self.free = None

    def before(self, name):
        is_up, _ = OPERATIONS[name]
        if is_up:
            self.guest.ensure_up()
        else:
            self.guest.ensure_down()
        if name == "memory":
            self.guest.run(["ihkosctl", "0", "release", "mem", "64m@0"], "/")
            self.guest.run(["ihkconfig", "0", "reserve", "mem", "64m@0"], "/")

    def refuse(self, name, nth):
        """Runs it with the nth call refused. Which call that was, empty: it makes fewer; and the result."""
        result = self.guest.run(["sh", "-c", ONE, str(nth), *OPERATIONS[name][1]], "/", timeout=120)
        return self.guest.check(["cat", REFUSED], "/").strip(), result

    def judge(self, name, result):
        """What is wrong after it, in words."""
        guest = self.guest
        if result.status != 0 and not result.stderr.strip():
            return f"status {result.status} without a word"
        if complaints := guest.complaints():
            return "Linux complains: " + "; ".join(complaints)
        accounts = guest.accounts()
        if accounts["pages_taken"] != accounts["pages_returned"] + accounts["pages_held"]:
            return f"the books do not balance: {accounts}"
        if name == "up" and result.status != 0:
            if accounts["pages_held"] or accounts["cpus_held"] or guest.online_cpus() != "0-3":
                return f"not all was undone: {accounts}, CPUs {guest.online_cpus()}"
        if name in ("true", "program"):
            if not wait_until(lambda: guest.status()["processes"] == 0, 10, 0.2):
                return "a process stays behind"
        return self._still_works()

    def _still_works(self):
        """Whatever state it is in, the next boot and the next program work."""
        guest = self.guest
        guest.ensure_up()
        said = guest.mcexec("echo", "fine")
        return "" if said.stdout == "fine\n" else f"a program does not run afterwards: {said!r}"

    def operation(self, name):
        """Refuses one call after the other. How many there were, and how many of them made it fail."""
        failures = []
        for nth in range(1, MOST):
            self.before(name)
            refused, result = self.refuse(name, nth)
            if wrong := self.judge(name, result):
                raise StillError(f"{name}, call {nth} refused ({refused or 'none'}): {wrong}",
                                 shown(self.guest.console), repr(result))
            if not refused:
                if result.status != 0:
                    raise StillError(f"{name} fails by itself", shown(self.guest.console), repr(result))
                return nth - 1, failures
            if result.status != 0:
                failures.append((refused, result.status, result.stderr.strip().splitlines()[-1].strip()))
        raise StillError(f"{name}: more than {MOST} calls")


def starve(guest, names, tell):
    insert(guest, build_module(guest.kernel))
    starver = Starver(guest)
    for name in names:
        calls, failures = starver.operation(name)
        if not calls:
            raise StillError(f"{name}: no call of the module was seen")
        tell(name, calls, failures)
    guest.ensure_down()
    guest.check(["rmmod", "starve"], "/")


def main(arguments):
    names = arguments.names or list(OPERATIONS)
    for name in names:
        if name not in OPERATIONS:
            raise StillError(f"no operation '{name}': there are {', '.join(OPERATIONS)}", status=2)
    packages.need("vm", "e2e", "build")
    build("gcc", arguments.kernel)
    guest = Guest(Machine.of(arguments))
    try:
        with step(f"Boot Debian {guest.kernel.release}"):
            guest.start()
            guest.load_module()

        def tell(name, calls, failures):
            note(f"{name}: {calls} calls refused, one at a time; it failed {len(failures)} times, and said so")
            for refused, status, words in failures if arguments.verbose else ():
                note(f"   {refused}: status {status}: {words}")

        with step("Refuse what the module asks for"):
            starve(guest, names, tell)
        guest.unload_module()
        guest.stop()
    finally:
        guest.kill()
    return 0
