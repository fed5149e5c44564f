#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Rules of the house that one regular expression each can see. The committed numbers may only improve."""
import re
import sys
from pathlib import Path

MAX_LINES = 400
MAX_COLUMNS = 120  # clang-format breaks code at 110; a comment may run on a little
CODE = {".c", ".h", ".cpp", ".hpp", ".S"}
SCRIPTS = {".py", ".sh", ".cmake"}

DUAL = "GPL-2.0-only OR BSD-2-Clause"
LICENCES = (("linux-module/", "GPL-2.0-only"), ("include/", DUAL), ("", "BSD-2-Clause"))

# (what it is, expression, folders, files that may, suffixes)
BANS = (
    ("a spin without PAUSE: call the arch's relax function in the loop",
     r"\b(while|for) *\([^;{}\n]*\) *;[ \t]*(//.*|/\*.*)?$", ("kernel/", "arch/", "include/"), (), CODE),
    ("not exported to modules on stock kernels", r"kallsyms_lookup_name", ("linux-module/",), (), CODE),
    ("VM_PFNMAP breaks O_DIRECT, ptrace and RDMA registration", r"\bVM_PFNMAP\b", ("linux-module/",),
     ("linux-module/mirror.c", "linux-module/vdso.c"), CODE),
    ("a kernel version outside compat.h", r"\bLINUX_VERSION_CODE\b", ("linux-module/",), ("linux-module/compat.h",),
     CODE),
    ("an architecture's #if outside arch/", r"^[ \t]*#[ \t]*(if|ifdef|elif).*__x86_64__", ("kernel/", "include/"), (),
     CODE),
    ("std::format is not in GCC 12", r"#include <format>", ("",), (), CODE),
)


def licence_of(path):
    return next(licence for prefix, licence in LICENCES if path.startswith(prefix))


def spdx_problem(path, text):
    head = text.splitlines()[:2]
    wanted = f"SPDX-License-Identifier: {licence_of(path)}"
    # A script's first line belongs to the shell.
    lines = head if head and head[0].startswith("#!") else head[:1]
    if any(re.search(re.escape(wanted) + r"( \*/| -->)?$", line.strip()) for line in lines):
        return None
    return f"{path}:1: the first line lacks '{wanted}'"


def long_file_problems(path, count, allowed):
    if path in allowed:
        if count > allowed[path]:
            return [f"{path}: {count} lines, {allowed[path]} allowed by tests/lint/long-files.txt: it may only shrink"]
        if count < allowed[path] - 20 or count <= MAX_LINES:
            return [f"{path}: shrank to {count} lines: lower or drop its line in tests/lint/long-files.txt"]
    elif count > MAX_LINES:
        return [f"{path}: {count} lines, over {MAX_LINES}: what two things is it?"]
    return []


def read_allowed(root):
    allowed = {}
    for line in (root / "tests" / "lint" / "long-files.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            count, path = line.split(maxsplit=1)
            allowed[path] = int(count)
    return allowed


def ban_problems(path, text):
    for what, expression, folders, exempt, suffixes in BANS:
        if path in exempt or Path(path).suffix not in suffixes or not path.startswith(tuple(folders)):
            continue
        for match in re.finditer(expression, text, re.MULTILINE):
            # The end of a do-while loop looks like an empty loop.
            before = text[:match.start()].rstrip(" \t")
            if what.startswith("a spin") and (before.endswith("}") or re.search(r"pause|relax", match[0])):
                continue
            yield f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {what}"


def check(root, paths):
    allowed = read_allowed(root)
    problems = [f"tests/lint/long-files.txt: {path} is gone" for path in allowed if path not in paths]
    for path in paths:
        suffix = Path(path).suffix
        if suffix not in CODE | SCRIPTS and Path(path).name not in ("CMakeLists.txt", "Kbuild"):
            continue
        text = (root / path).read_text(errors="replace")
        if problem := spdx_problem(path, text):
            problems.append(problem)
        lines = text.splitlines()
        if suffix in CODE | {".py"}:
            problems += long_file_problems(path, len(lines), allowed)
            problems += ban_problems(path, text)
        problems += [f"{path}:{number}: {len(line.expandtabs())} columns" for number, line in enumerate(lines, 1)
                     if len(line.expandtabs()) > MAX_COLUMNS]
    return problems


if __name__ == "__main__":
    found = check(Path(sys.argv[1]).resolve(), sys.stdin.read().split())
    print("\n".join(found))
    sys.exit(1 if found else 0)
