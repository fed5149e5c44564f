#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Names in the docs are true: `paths` exist, and what `looks_like_code` occurs in the tree."""
import re
import subprocess
import sys
from pathlib import Path

TOPS = ("arch/", "docs/", "ihk/", "include/", "kernel/", "linux-module/", "mcexec/", "tests/", "tools/", "cmake/",
        "smartmap/")
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9]*_[A-Za-z0-9_]*")


def is_ours(word):
    """Names in capitals are Linux's unless they begin like ours."""
    return not word.isupper() or word.startswith("STILL_")


def problems_of(root, page, occurs):
    for number, line in enumerate((root / page).read_text().splitlines(), 1):
        for token in re.findall(r"`([^`]+)`", line):
            path = token.split(":")[0].split("#")[0]
            if path.startswith(TOPS) and " " not in token and "*" not in token:
                if not (root / path).exists():
                    yield f"{page}:{number}: {path} does not exist"
            elif IDENTIFIER.fullmatch(token) and is_ours(token) and not occurs(token):
                yield f"{page}:{number}: {token} occurs nowhere in the code"


def main(root):
    def occurs(word):
        folders = [top for top in TOPS if top != "docs/" and (root / top).exists()]
        return subprocess.run(["grep", "-rqwF", "-e", word, *folders], cwd=root, check=False).returncode == 0

    pages = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
    found = [problem for page in pages for problem in problems_of(root, str(page.relative_to(root)), occurs)]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
