#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Rooms look down only: who may include whom, checked over the whole tree, with cycles.

The order is include < base < arch contract < debug < mm < sched < offload < exec < syscall < services
< main. What arch/ implements may use the rooms below mm, and reaches up through one header of upcalls.
linux-module sees the ABI and Linux only, ihk the ABI, mcexec the ABI and ihk/lib.
This list may only get stricter.
"""
import re
import sys
from pathlib import Path

RANKS = ["include", "base", "contract", "debug", "mm", "sched", "offload", "exec", "syscall", "services", "main"]
KERNEL_ROOMS = ("base", "debug", "mm", "sched", "offload", "exec", "services", "syscall")
UPCALLS = "upcalls.hpp"

# Worlds outside the LWK: the rooms that each may include, itself aside.
WORLDS = {
    "linux-module": {"include"},
    "ihk": {"include", "ihk-lib"},
    "ihk-lib": {"include"},
    "mcexec": {"include", "ihk-lib"},
    "arch": {"include", "base", "contract", "debug"},
}
SUFFIXES = {".c", ".h", ".cpp", ".hpp", ".S"}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def room_of(path):
    """The room of a file, by its path in the tree; None for what is not checked (tests, tools)."""
    parts = Path(path).parts
    if parts[0] == "kernel":
        return parts[1] if len(parts) > 2 and parts[1] in KERNEL_ROOMS else "main"
    if parts[0] == "arch":
        return "contract" if "include" in parts[2:-1] else "arch"
    if parts[0] == "ihk":
        return "ihk-lib" if parts[1] == "lib" else "ihk"
    return parts[0] if parts[0] in ("include", "linux-module", "mcexec") else None


def search_path(root, path):
    """Where an include of this file can lead to, nearest first. Wider than any target's own path, on purpose."""
    arches = sorted((root / "arch").glob("*"))
    return [(root / path).parent, root / "kernel", root / "include", *(arch / "include" for arch in arches), *arches,
            root / "ihk" / "lib" / "include", root / "ihk" / "lib", root / "ihk", root / "mcexec",
            root / "linux-module", root]


def resolve(root, path, name):
    for directory in search_path(root, path):
        target = directory / name
        if target.is_file():
            return str(target.resolve().relative_to(root))
    return None


def may_include(room, target_room, target):
    if target_room is None:
        return False
    if room == target_room:
        return True
    if room in WORLDS:
        return target_room in WORLDS[room] or (room == "arch" and Path(target).name == UPCALLS)
    if target_room not in RANKS:
        return False
    return RANKS.index(target_room) < RANKS.index(room)


def includes(root):
    """(file, line number, quote, name, file that it leads to or None) for each include of the tree."""
    for top in ("kernel", "arch", "include", "linux-module", "ihk", "mcexec"):
        for file in sorted((root / top).rglob("*")):
            if file.suffix not in SUFFIXES:
                continue
            path = str(file.relative_to(root))
            text = file.read_text(errors="replace")
            for match in INCLUDE.finditer(text):
                line = text.count("\n", 0, match.start()) + 1
                yield path, line, match[1], match[2], resolve(root, path, match[2])


def find_cycle(graph):
    """A list of nodes that include each other in a ring, or None."""
    state, stack = {}, []

    def visit(node):
        state[node] = "open"
        stack.append(node)
        for target in sorted(graph.get(node, ())):
            if state.get(target) == "open":
                return stack[stack.index(target):] + [target]
            if target not in state and (found := visit(target)):
                return found
        stack.pop()
        state[node] = "done"
        return None

    for node in sorted(graph):
        if node not in state and (found := visit(node)):
            return found
    return None


def check(root):
    """All violations, as lines to print."""
    problems, graph = [], {}
    for path, line, quote, name, target in includes(root):
        if target is None:
            if quote == '"' and room_of(path) != "linux-module":
                problems.append(f'{path}:{line}: "{name}" is not in the tree')
            continue
        graph.setdefault(path, set()).add(target)
        room, target_room = room_of(path), room_of(target)
        if not may_include(room, target_room, target):
            problems.append(f"{path}:{line}: {room} must not include {target} ({target_room or 'no room'})")
    if cycle := find_cycle(graph):
        problems.append(f"include cycle: {' -> '.join(cycle)}")
    return problems


if __name__ == "__main__":
    found = check(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve())
    print("\n".join(found))
    sys.exit(1 if found else 0)
