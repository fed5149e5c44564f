# SPDX-License-Identifier: BSD-2-Clause
"""Rows of docs/measurements.md that were measured anew take the place of those that stand there. Pure."""
import re

from .progress import StillError

ANEW = "Measured anew since then: "


def _with_reason(section, name, reason):
    """What is said of a row below the tables of its section."""
    line = f"- {name}: {reason}." if reason else None
    old = re.search(rf"^- {name}: .*\n?", section, re.M)
    if old:
        return section[:old.start()] + (f"{line}\n" if line else "") + section[old.end():]
    if not line:
        return section
    last = [*re.finditer(r"^(?:\||- ).*$", section, re.M)][-1]
    gap = "\n" if last[0].startswith("- ") else "\n\n"
    return section[:last.end()] + gap + line + section[last.end():]


def _with_day(text, names, day):
    old = re.search(rf"^{ANEW}(.*)\.$", text, re.M)
    days = dict(re.findall(r"(\w+) \(([\d-]+)\)", old[1])) if old else {}
    days |= dict.fromkeys(names, day)
    line = ANEW + ", ".join(f"{name} ({when})" for name, when in days.items()) + "."
    if old:
        return text.replace(old[0], line)
    return text.replace("\n\n## ", f"\n\n{line}\n\n## ", 1)


def renew(text, rows, day):
    """rows: name, its line of the table, and the reason that stands below or None."""
    for name, line, reason in rows:
        sections = re.split(r"(?m)^(?=## )", text)
        found = [i for i, section in enumerate(sections) if re.search(rf"^\| {name} \|", section, re.M)]
        if len(found) != 1:
            raise StillError(f"the page has no line of its own for {name}: still bench writes it whole", status=2)
        section = re.sub(rf"^\| {name} \|.*$", lambda _, line=line: line, sections[found[0]], flags=re.M)
        sections[found[0]] = _with_reason(section, name, reason)
        text = "".join(sections)
    return _with_day(text, [name for name, _, _ in rows], day)
