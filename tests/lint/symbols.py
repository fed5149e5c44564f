#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""symbols.py TREE MODULE...: every symbol of Linux that a module asks for stands in
linux-module/symbols.txt, with what it is for. With the modules of all kernels, none stands there for nothing."""
import fnmatch
import subprocess
import sys
from pathlib import Path

KERNELS = 3


def patterns_of(text):
    lines = (line for line in text.splitlines() if not line.startswith(("#", "[")))
    return sorted({pattern for line in lines for pattern in line.split()})


def check(text, modules):
    """modules: for each, the symbols that it asks for."""
    patterns = patterns_of(text)
    used = set().union(*modules)
    problems = [f"{symbol}: symbols.txt does not say what for" for symbol in sorted(used)
                if not any(fnmatch.fnmatchcase(symbol, pattern) for pattern in patterns)]
    if len(modules) == KERNELS:
        problems += [f"{pattern}: no module asks for it" for pattern in patterns
                     if not fnmatch.filter(used, pattern)]
    return problems


def asked_for(module):
    out = subprocess.run(["nm", "-u", module], stdout=subprocess.PIPE, text=True, check=True).stdout
    return {line.split()[-1] for line in out.splitlines()}


def main(root, *modules):
    problems = check((Path(root) / "linux-module/symbols.txt").read_text(), [asked_for(module) for module in modules])
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
