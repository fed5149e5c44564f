#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""symbols.py TREE MODULE...: every symbol of Linux that a module asks for stands in
linux-module/symbols.txt, with what it is for. With the modules of all kernels, none stands there for nothing.
And files of the module call each other in one direction only: no circle, by the object files beside it."""
import fnmatch
import graphlib
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


def circle(defined, undefined):
    """The problem that files call each other in a circle, in a list. Both: the symbols of each file."""
    home = {symbol: file for file, symbols in defined.items() for symbol in symbols}
    calls = {file: {home[symbol] for symbol in symbols if symbol in home} for file, symbols in undefined.items()}
    try:
        graphlib.TopologicalSorter(calls).prepare()
    except graphlib.CycleError as error:
        return [f"in a circle: {' <- '.join(error.args[1])}"]
    return []


def parts_of(module):
    """Symbols that each object file of the module defines for others, and that it asks for."""
    module = Path(module)
    objects = [module.parent / Path(name).name for name in module.with_suffix(".mod").read_text().split()]
    defined = {}
    for file in objects:
        out = subprocess.run(["nm", "-g", "--defined-only", file], stdout=subprocess.PIPE, text=True, check=True).stdout
        defined[file.stem] = {line.split()[-1] for line in out.splitlines()}
    return defined, {file.stem: asked_for(file) for file in objects}


def main(root, *modules):
    problems = check((Path(root) / "linux-module/symbols.txt").read_text(), [asked_for(module) for module in modules])
    problems += circle(*parts_of(modules[0]))
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
