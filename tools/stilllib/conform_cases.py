# SPDX-License-Identifier: BSD-2-Clause
"""The cases of still conform: the programs of tests/conform, and the commands of its cases.toml."""
import fnmatch
import re
import tomllib
from dataclasses import dataclass, field

from .paths import GCC, ROOT
from .progress import StillError
from .shell_out import output_of

FOLDER = ROOT / "tests" / "conform"
# What the shell of a case finds in its environment.
PLACES = {"CONFORM": str(FOLDER), "PROGRAMS": str(GCC / "tests" / "conform")}
KEYS = {"run", "mixed", "argv", "stdin", "what", "timeout", "slow", "sort", "env"}


@dataclass
class Case:
    name: str
    argv: list
    what: str = ""
    timeout: float = 30
    is_slow: bool = False
    covers: tuple = ()
    more: dict = field(default_factory=dict)

    @property
    def area(self):
        return self.name.split("_")[0]

    def for_guest(self, ways):
        more = {**self.more, "env": {**PLACES, **self.more.get("env", {})}}
        return {"name": self.name, "argv": self.argv, "timeout": self.timeout, "ways": ways, **more}


def _header(text):
    """The comment lines at the top of a program: what it shows, `covers:`, `timeout:` and `slow`."""
    lines = []
    for line in text.splitlines()[1:]:
        if not line.startswith("//"):
            break
        lines.append(line[2:].strip())
    return lines


def read_program(path):
    lines = _header(path.read_text())
    case = Case(path.stem, [str(GCC / "tests" / "conform" / path.stem)])
    said = []
    for line in lines:
        if match := re.fullmatch(r"covers: *(.*)", line):
            case.covers += tuple(re.split(r"[, ]+", match[1].strip()))
        elif match := re.fullmatch(r"timeout: *(\d+)", line):
            case.timeout = float(match[1])
        elif line == "slow":
            case.is_slow = True
        else:
            said.append(line)
    case.what = " ".join(said)
    return case


def programs():
    return [read_program(path) for path in sorted(FOLDER.glob("*.c"))]


def commands(path=FOLDER / "cases.toml"):
    found = []
    for area, cases in tomllib.loads(path.read_text()).items():
        for short, keys in cases.items():
            if unknown := set(keys) - KEYS:
                raise StillError(f"{path.name}: {area}.{short}: no such key: {', '.join(sorted(unknown))}")
            script = keys.get("run") or keys.get("mixed")
            argv = keys.get("argv") or ["bash", "-c", f"set -o pipefail; {script}"]
            more = {key: keys[key] for key in ("stdin", "sort", "env") if key in keys}
            if "mixed" in keys:
                more["is_mixed"] = True
            found.append(Case(f"{area}_{short}", argv, keys.get("what", ""), keys.get("timeout", 30),
                              keys.get("slow", False), (), more))
    return found


def apps():
    return commands(FOLDER / "apps.toml")


# What stress-ng's classes hold that is not for a guest that others use, or needs what it lacks.
NOT_STRESSED = {
    "clock": "sets the clock",
    "cpu-online": "takes CPUs from Linux while the module has some",
    "oom-pipe": "fills the guest's memory on purpose",
    "bigheap": "fills the guest's memory on purpose",
    "brk": "fills the guest's memory on purpose",
    "stack": "fills the guest's memory on purpose",
    "rlimit": "ends by the limits that it tries",
    "sysinval": "the fuzzer is ours",
    "watchdog": "may reset the machine",
    "reboot": "may reset the machine",
    "module": "loads modules",
    "apparmor": "the guest has none",
    "ramfs": "mounts",
    "umount": "mounts",
    "bind-mount": "mounts",
    "binderfs": "mounts",
    "smi": "writes to ports",
    "opcode": "random instructions: natively one of them took the guest's Linux down, in QEMU's emulation",
}
# Seconds for those that make 20,000 calls of Linux and more.
STRESS_TIMEOUTS = {"resources": 300}
STRESS_CLASSES = ("cpu", "memory", "vm", "scheduler", "interrupt", "pipe", "filesystem", "os")


def stressors(classes=STRESS_CLASSES):
    """A case for each stressor of stress-ng's classes: what is compared is its verdict, the exit status."""
    found = {}
    for name in classes:
        listed = output_of(["stress-ng", "--class", f"{name}?"]) or ""
        for stressor in listed.partition(":")[2].split():
            if stressor not in NOT_STRESSED and stressor not in found:
                script = (f"stress-ng --{stressor} 1 --{stressor}-ops 20 --timeout 2 --verify --quiet >/dev/null; "
                          "status=$?; rm -rf * ; exit $status")
                found[stressor] = Case(f"stress_{stressor}", ["bash", "-c", script], f"class {name}",
                                       STRESS_TIMEOUTS.get(stressor, 60))
    return list(found.values())


def known_differences():
    return tomllib.loads((FOLDER / "differs.toml").read_text())


def select(cases, patterns):
    """The cases of these names, patterns or areas; all without patterns."""
    if not patterns:
        return cases
    chosen = []
    for pattern in patterns:
        fitting = [case for case in cases if case.area == pattern or fnmatch.fnmatchcase(case.name, pattern)]
        if not fitting:
            raise StillError(f"no case '{pattern}': still conform --list tells them", status=2)
        chosen += [case for case in fitting if case not in chosen]
    return chosen
