# SPDX-License-Identifier: BSD-2-Clause
"""gdb: still-log (the LWK's log), still-cpus (who runs where), and printers for addresses, ranges and threads."""
import re

import gdb

def anonymous(name):
    """A variable of an anonymous namespace of still."""
    return gdb.parse_and_eval(f"'still::(anonymous namespace)::{name}'")

class StillLog(gdb.Command):
    """Prints the log ring that the LWK shares with Linux."""

    def __init__(self):
        super().__init__("still-log", gdb.COMMAND_DATA)

    def invoke(self, _argument, _from_tty):
        data, capacity, head = (int(anonymous(name)) for name in ("ring_data", "ring_capacity", "ring_head"))
        if not data:
            print("no ring: this LWK runs alone, its log went to the serial console")
            return
        count = min(head, capacity)
        start = (head - count) % capacity
        first = min(count, capacity - start)
        memory = gdb.selected_inferior()
        text = bytes(memory.read_memory(data + start, first))
        if first < count:
            text += bytes(memory.read_memory(data, count - first))
        print(text.decode(errors="replace"), end="")

class StillCpus(gdb.Command):
    """Prints each CPU's current thread and run queue length."""

    def __init__(self):
        super().__init__("still-cpus", gdb.COMMAND_DATA)

    def invoke(self, _argument, _from_tty):
        table = anonymous("cpus")
        for number in range(int(anonymous("cpu_count"))):
            cpu = table[number].dereference()
            print(f"CPU {number} (Linux's {int(cpu['arch']['linux_cpu'])}): {cpu['current'].dereference()}")

class Plain:
    """Something that is one line of text."""

    def __init__(self, text):
        self._text = text

    def to_string(self):
        return self._text

def print_address(value):
    return Plain(f"{int(value['value_']):#x}")

def print_range(value):
    return Plain(f"[{int(value['start']['value_']):#x}, {int(value['end']['value_']):#x})")

def print_vma(value):
    prot = int(value["prot"])
    rights = "".join(letter if prot >> bit & 1 else "-" for bit, letter in enumerate("rwx"))
    return Plain(f"{print_range(value['range']).to_string()} {rights} {value['kind']}")

def print_thread(value):
    return Plain(f"tid {int(value['tid'])} '{value['name'].string()}' {value['state']}")

PRINTERS = ((r"still::Address<.*>", print_address), (r"still::UserRange", print_range), (r"still::Vma", print_vma),
            (r"still::Thread", print_thread))

def lookup(value):
    name = value.type.strip_typedefs().unqualified().name
    for pattern, printer in PRINTERS:
        if name and re.fullmatch(pattern, name):
            return printer(value)
    return None

gdb.pretty_printers.insert(0, lookup)
StillLog()
StillCpus()
