#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Each system call that the LWK serves itself (Local or Forwarded) has a program in tests/conform that says
`// covers: name`, or stands in tests/lint/uncovered-calls.txt, which may only shrink."""
import re
import sys
from pathlib import Path


def served(text):
    return set(re.findall(r"^STILL_(?:LOCAL|FORWARD)\(\d+, (\w+)\)", text, re.MULTILINE))


def all_calls(text):
    return set(re.findall(r"^STILL_\w+\(\d+, (\w+)[,)]", text, re.MULTILINE))


def claims(folder):
    for path in sorted(folder.glob("*.c")):
        for line in re.findall(r"^// covers: *(.+)$", path.read_text(), re.MULTILINE):
            for name in re.split(r"[, ]+", line.strip()):
                yield path.name, name


def check(root):
    table = (root / "include/stillcore/syscalls.def").read_text()
    listed = {line.split()[0] for line in (root / "tests/lint/uncovered-calls.txt").read_text().splitlines()
              if line and not line.startswith("#")}
    claimed = list(claims(root / "tests/conform"))
    covered = {name for _, name in claimed}
    problems = [f"tests/conform/{path}: covers {name}, which is no system call" for path, name in claimed
                if name not in all_calls(table)]
    problems += [f"{name}: served by the LWK, but no program of tests/conform covers it"
                 for name in sorted(served(table) - covered - listed)]
    problems += [f"tests/lint/uncovered-calls.txt: {name} is covered, or not served by the LWK: drop its line"
                 for name in sorted(listed) if name in covered or name not in served(table)]
    return problems


if __name__ == "__main__":
    found = check(Path(sys.argv[1]).resolve())
    print("\n".join(found))
    sys.exit(1 if found else 0)
