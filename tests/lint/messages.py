#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every error message of the module and the tools stands in docs/trouble.md, with what to do."""
import re
import sys
from pathlib import Path

SOURCES = {"linux-module/*.c": r"still_fail\(", "ihk/*/*.cpp": r"\bfail\(", "ihk/*/*/*.cpp": r"\bfail\(",
           "mcexec/*.cpp": r"\bfail\("}
PLACEHOLDER = re.compile(r"%[-#0]*\d*(?:\.\*|\.\d+)?(?:ll|l|z)?[a-z]|\{[^}]*\}")
STRINGS = re.compile(r'"((?:[^"\\]|\\.)*)"')


def arguments(text, start):
    """The text from start to the parenthesis that closes there."""
    depth, at, is_quoted = 1, start, False
    while depth:
        char = text[at]
        if is_quoted and char == "\\":
            at += 1
        elif char == '"':
            is_quoted = not is_quoted
        elif not is_quoted:
            depth += (char == "(") - (char == ")")
        at += 1
    return text[start:at - 1]


def message_of(call):
    """The first string of a call, neighbours joined, with … for what differs; None if there is none."""
    joined = re.sub(r'"\s+"', "", call)
    found = STRINGS.search(joined)
    return PLACEHOLDER.sub("…", found[1]) if found and found[1] else None


def messages(root):
    for pattern, function in SOURCES.items():
        for path in sorted(root.glob(pattern)):
            text = path.read_text()
            for match in re.finditer(function, text):
                message = message_of(arguments(text, match.end()))
                if message:
                    yield path.relative_to(root), message


def main(root):
    page = (root / "docs" / "trouble.md").read_text()
    missing = sorted({f"{path}: '{message}' is not in docs/trouble.md" for path, message in messages(root)
                      if message not in page})
    print("\n".join(missing))
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
