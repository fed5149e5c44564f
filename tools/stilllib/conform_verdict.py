# SPDX-License-Identifier: BSD-2-Clause
"""What still conform says of two runs of a program, as the driver (tools/guest/conform.py) tells of them."""
import difflib
import signal
from dataclasses import dataclass

from .paths import ROOT

DRIVER = ROOT / "tools" / "guest" / "conform.py"
CANNOT = 99  # how a program ends that could not do what its test needs
SAME, KNOWN, AGREES, DIFFERS = "same", "known to differ", "agrees, though listed", "DIFFERS"


@dataclass
class Verdict:
    case: object
    verdict: str
    reason: str = ""
    diff: str = ""
    seconds: tuple = (0, 0)

    @property
    def is_good(self):
        return self.verdict != DIFFERS


def _ending(result):
    status = result["status"]
    if isinstance(status, int) and status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return f"status {status}" if isinstance(status, int) else str(status)


def _text_of(result):
    """All that is compared of a run, as lines."""
    lines = result["stdout"].splitlines()
    lines += [f"[{result['bytes']} bytes of output, {result['sha256'][:16]}]", f"[{_ending(result)}]"]
    return lines + [f"[left: {path}]" for path in result["files"]]


def difference(native, lwk):
    """A unified diff of two runs, empty if they agree."""
    ours, theirs = _text_of(lwk), _text_of(native)
    if lwk["stuck"]:
        ours.append(f"[{lwk['stuck']} processes would not end]")
    if ours == theirs:
        return ""
    lines = list(difflib.unified_diff(theirs, ours, "native", "LWK", lineterm="", n=2))
    if len(lines) > 60:
        lines = [*lines[:60], f"... {len(lines) - 60} more lines"]
    said = [f"stderr: {line}" for line in lwk["stderr"].splitlines()[-8:]]
    return "\n".join(lines + said)


def judge(case, native, lwk, known):
    diff = difference(native, lwk)
    if native["status"] in ("timeout", CANNOT):  # a case that can't tell anything
        diff += f"\nnatively {_ending(native)}: {native['stdout'][-500:]}"
    seconds = (native["seconds"], lwk["seconds"])
    reason = known.get(case.name, "")
    if diff:
        return Verdict(case, KNOWN if reason else DIFFERS, reason, diff, seconds)
    return Verdict(case, AGREES if reason else SAME, reason, "", seconds)


# What a run may take beyond its own time: ending what it left behind, and looking at its files.
GRACE = 30
