# SPDX-License-Identifier: BSD-2-Clause
"""gdb on a live LWK or a core file of one (ihkosctl N dump): still-log (its log), still-cpus (who runs where),
still-threads (all threads), still-bt TID (where one waits), still-runq (run queues), still-vmas PID, still-rings, and
printers for addresses, ranges and threads."""
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
        for cpu in cpus():
            numbers = f"CPU {int(cpu['arch']['id']['value'])} (Linux's {int(cpu['arch']['linux_cpu'])})"
            print(f"{numbers}: {cpu['current'].dereference()}")

def cpus():
    table = gdb.parse_and_eval("still::cpu_table")
    return [table["of"][number].dereference() for number in range(int(table["count"]["_M_i"]))]

def processes():
    table = anonymous("table")
    return [table[i].dereference() for i in range(int(anonymous("table_end"))) if int(table[i])]

def tasks(process):
    """Of a process and of those that share its memory (vfork)."""
    task = process["tasks"]
    while int(task):
        yield task.dereference()
        task = task["next_task"]
    guest = process["guests"]
    while int(guest):
        yield from tasks(guest.dereference())
        guest = guest["next_guest"]

def threads():
    """Threads of processes, then each CPU's own."""
    for process in processes():
        for task in tasks(process):
            yield task.cast(gdb.lookup_type("still::Thread"))
    for cpu in cpus():
        yield cpu["idle"]
        if int(cpu["service"]):
            yield cpu["service"].dereference()

def word_at(address):
    return int.from_bytes(bytes(gdb.selected_inferior().read_memory(address, 8)), "little")

def name_of(address):
    return gdb.execute(f"info symbol {address:#x}", to_string=True).split(" in section")[0].strip()

def where(thread):
    """Return addresses of a thread that does not run, by its frame pointers (still_switch_stack pushed six registers,
    RBP above the others)."""
    stack = int(thread["stack"])
    at = int(thread["saved_sp"])
    frame, address = word_at(at + 40), word_at(at + 48)
    while address:
        yield address
        if not stack <= frame < stack + 0x4000:
            return
        frame, address = word_at(frame), word_at(frame + 8)

def runs(thread):
    return str(thread["state"]).endswith("running")

def call_of(thread):
    """The system call that Linux has not answered yet, or nothing."""
    if not int(thread["process"]):
        return ""
    slot = thread.cast(gdb.lookup_type("still::Task"))["slot"]["slot_"]
    try:
        if int(slot) and int(slot["seq"]) != int(slot["answer_seq"]):
            return f", Linux serves call {int(slot['nr']) & 0x3fffffff}"
    except gdb.MemoryError:
        pass
    return ""

def one_line(thread):
    cpu = int(thread["cpu"]["arch"]["id"]["value"]) if int(thread["cpu"]) else -1
    state = str(thread["state"]).rsplit("::", maxsplit=1)[-1]
    place = ""
    if not runs(thread) and int(thread["saved_sp"]):
        names = [name_of(address) for address in where(thread)]
        place = " in " + next((n for n in names if "park" not in n and "switch" not in n and "wait_a" not in n), "?")
    return (f"pid {int(thread['pid'])} tid {int(thread['tid'])} '{thread['name'].string()}' CPU {cpu} "
            f"{state}{place}{call_of(thread)}")

class StillThreads(gdb.Command):
    """Prints all threads: those of processes, then each CPU's idle and service thread."""

    def __init__(self):
        super().__init__("still-threads", gdb.COMMAND_DATA)

    def invoke(self, _argument, _from_tty):
        for thread in threads():
            print(one_line(thread))

class StillBacktrace(gdb.Command):
    """still-bt TID: the kernel stack of a thread that waits. Running ones are the CPUs of 'info threads'."""

    def __init__(self):
        super().__init__("still-bt", gdb.COMMAND_STACK)

    def invoke(self, argument, _from_tty):
        for thread in threads():
            if int(thread["tid"]) != int(argument):
                continue
            print(one_line(thread))
            if not runs(thread):
                for address in where(thread):
                    line = gdb.find_pc_line(address - 1)
                    print(f"  {address:#x} {name_of(address)} {line.symtab or ''}:{line.line}")

class StillRunQueues(gdb.Command):
    """Prints the threads that are ready to run, by CPU."""

    def __init__(self):
        super().__init__("still-runq", gdb.COMMAND_DATA)

    def invoke(self, _argument, _from_tty):
        thread = gdb.lookup_type("still::Thread").pointer()
        for cpu in cpus():
            root = cpu["ready"]["data_"]["root_plus_size_"]
            print(f"CPU {int(cpu['arch']['id']['value'])}: {int(root['size_'])} ready")
            header = root["m_header"].address
            node = root["m_header"]["next_"]
            for _ in range(int(root["size_"])):
                if int(node) == int(header):
                    break
                print("  " + one_line(node.cast(thread).dereference()))
                node = node["next_"]

def in_order(node):
    """Addresses of the nodes below one of a boost::intrusive tree (parent and colour, left, right)."""
    if node:
        yield from in_order(word_at(node + 8))
        yield node
        yield from in_order(word_at(node + 16))

class StillVmas(gdb.Command):
    """still-vmas PID: the memory areas of a process."""

    def __init__(self):
        super().__init__("still-vmas", gdb.COMMAND_DATA)

    def invoke(self, argument, _from_tty):
        vma = gdb.lookup_type("still::Vma").pointer()
        for process in processes():
            if argument and int(process["pid"]) != int(argument):
                continue
            tree = process["space"]["areas_"]["tree_"]
            header = int(tree.address) + tree.type.sizeof - 24
            print(f"pid {int(process['pid'])}: {int(process['space']['areas_']['count_'])} areas")
            for node in in_order(word_at(header) & ~1):
                print(f"  {gdb.Value(node).cast(vma).dereference()}")

class StillRings(gdb.Command):
    """Prints each CPU's rings: cells that the consumer has not taken, and whether it sleeps."""

    def __init__(self):
        super().__init__("still-rings", gdb.COMMAND_DATA)

    def invoke(self, _argument, _from_tty):
        for cpu in cpus():
            for name in ("from_linux", "to_linux"):
                ring = cpu[name]["ring"]
                if not int(ring):
                    continue
                head, tail = int(ring["head"]), int(ring["tail"])
                kinds = [int(ring["cells"][i % 128]["word"][0]) & 0xffffffff for i in range(head, min(tail, head + 8))]
                print(f"CPU {int(cpu['arch']['id']['value'])} {name}: {head} taken, {tail - head} wait {kinds or ''} "
                      f"{'asleep' if int(ring['asleep']) else 'awake'}")

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
for command in (StillLog, StillCpus, StillThreads, StillBacktrace, StillRunQueues, StillVmas, StillRings):
    command()
