#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the table of kernel/debug/symbols.cpp as assembly: make_symbols.py NM IMAGE OUTPUT (no IMAGE: empty)."""
import re
import subprocess
import sys

nm, image, output = sys.argv[1], sys.argv[2], sys.argv[3]
rows = []


def short(name):
    """still::(anonymous namespace)::f<int>(char) as f: neither arguments nor what a template returns."""
    name = name.replace("(anonymous namespace)::", "").replace("operator<", "operator less")
    while (bare := re.sub(r"<[^<>]*>", "", name)) != name:
        name = bare
    return re.sub(r'[\\"]', "", name.split("(")[0].split()[-1]).removeprefix("still::")


if image != "-":
    text = subprocess.run([nm, "-n", "-C", image], check=True, capture_output=True, text=True).stdout
    for line in text.splitlines():
        address, kind, name = line.split(" ", 2)
        if kind in "tTwW" and int(address, 16) >= 0xFFFFFFFF80000000:
            rows.append((int(address, 16), short(name)))
names = {}
offset = 0
for _, name in rows:
    if name not in names:
        names[name] = offset
        offset += len(name) + 1
with open(output, "w", encoding="ascii", errors="replace") as out:
    out.write(".section .rodata\n")
    out.write(".globl still_symbol_count, still_symbol_addresses, still_symbol_names, still_symbol_text\n")
    out.write(f".balign 8\nstill_symbol_count: .quad {len(rows)}\nstill_symbol_addresses:\n")
    out.writelines(f".quad {address:#x}\n" for address, _ in rows)
    out.write("still_symbol_names:\n")
    out.writelines(f".long {names[name]}\n" for _, name in rows)
    out.write("still_symbol_text:\n")
    out.writelines(f'.asciz "{name}"\n' for name in names)
    out.write('.byte 0\n.section .note.GNU-stack,"",@progbits\n')
