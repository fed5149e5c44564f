# SPDX-License-Identifier: BSD-2-Clause
"""Who serves which CPU, who has which memory, and how much one process may have."""
import json

import pytest
from stilllib.shell_out import wait_until

MIB = 1 << 20


def ihk(lwk, *words):
    return lwk.run(["ihkosctl", "0", *words])


def ikc_map(lwk):
    return json.loads(lwk.check(["ihkosctl", "0", "get", "ikc_map", "--json"]))


def rings(lwk):
    """How many doorbells each CPU of Linux has taken, all of the instance's together."""
    head, *lines = lwk.check(["cat", "/proc/interrupts"]).splitlines()
    columns = [int(name[3:]) for name in head.split()]
    counts = dict.fromkeys(columns, 0)
    for line in lines:
        if "doorbell" in line:
            for cpu, text in zip(columns, line.split()[1:]):
                counts[cpu] += int(text)
    return counts


CALLS = "import os\nfor _ in range(300): os.stat('/')\n"  # polled or not, some ring


def test_the_ikc_map_says_who_takes_doorbells(lwk):
    assert ihk(lwk, "get", "ikc_map").stdout == "2-3:any\n"
    assert ihk(lwk, "set", "ikc_map", "2:0+3:1").status == 0
    assert ihk(lwk, "get", "ikc_map").stdout == "2:0+3:1\n"
    assert [(e["linux_cpu"], e["server"], e["now"]) for e in ikc_map(lwk)] == [(2, 0, 0), (3, 1, 1)]
    for lwk_cpu, server in (("0", 0), ("1", 1)):
        before = rings(lwk)
        assert lwk.mcexec("-c", lwk_cpu, "--poll-us", "0", "python3", "-c", CALLS).status == 0
        after = rings(lwk)
        grown = {cpu: after[cpu] - before[cpu] for cpu in after}
        assert grown[server] > 300 > 10 * grown[1 - server], (lwk_cpu, grown)


def test_the_proxy_stays_on_its_servers(lwk):
    assert ihk(lwk, "set", "ikc_map", "2-3:1").status == 0
    command = lwk.spawn(["mcexec", "python3", "-c", "print('go', flush=True); input()"])
    assert wait_until(lambda: "go" in command.stdout, 30)
    pid = lwk.check(["pgrep", "-f", "-x", "python3.*input.*"]).split()[0]
    assert "list:\t1\n" in lwk.check(["grep", "Cpus_allowed_list", f"/proc/{pid}/status"])
    command.write(b"\n")
    assert command.wait(20).status == 0
    assert ihk(lwk, "set", "ikc_map", "2-3:any").status == 0
    assert lwk.mcexec("echo", "fine").stdout == "fine\n"


def test_a_server_goes_offline_and_comes_back(lwk):
    assert ihk(lwk, "set", "ikc_map", "2-3:1").status == 0
    lwk.check(["chcpu", "-d", "1"])
    try:
        assert lwk.mcexec("--poll-us", "0", "python3", "-c", CALLS).status == 0
        assert [(e["server"], e["now"]) for e in ikc_map(lwk)] == [(1, 0), (1, 0)]
    finally:
        lwk.check(["chcpu", "-e", "1"])
    assert lwk.mcexec("--poll-us", "0", "python3", "-c", CALLS).status == 0
    assert wait_until(lambda: [e["now"] for e in ikc_map(lwk)] == [1, 1], 30)
    before = rings(lwk)
    assert lwk.mcexec("--poll-us", "0", "python3", "-c", CALLS).status == 0
    assert rings(lwk)[1] - before[1] > 300


def test_the_map_stays_over_a_reboot_and_is_refused_where_it_makes_no_sense(lwk):
    assert ihk(lwk, "set", "ikc_map", "2:any+3:1").status == 0
    lwk.check(["ihkosctl", "reboot"])
    assert ihk(lwk, "get", "ikc_map").stdout == "2:any+3:1\n"
    assert ikc_map(lwk)[1]["now"] == 1
    for text, word in (("2:7", "no such CPU"), ("2:3", "not Linux's"), ("0:1", "does not belong"),
                       ("2", "names no CPU"), ("2:0+2:1", "twice"), ("x:1", "not a number")):
        result = ihk(lwk, "set", "ikc_map", text)
        assert result.status == 1 and word in result.stderr, result
    assert ihk(lwk, "get", "ikc_map").stdout == "2:any+3:1\n"
    lwk.down()
    lwk.up("--ikc-map", "2:1")
    assert ihk(lwk, "get", "ikc_map").stdout == "2:1+3:any\n"
    lwk.down()


def usage(lwk):
    return json.loads(lwk.check(["ihkosctl", "0", "get", "usage", "--json"]))


def test_usage_by_node_and_size_of_page(lwk):
    before = usage(lwk)
    assert before["processes"] == [] and before["nodes"][0]["programs"]["bytes_2m"] == 0
    program = """
import mmap, sys
private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
area = mmap.mmap(-1, 64 << 20, flags=private)
print("go", flush=True)
sys.stdin.readline()"""
    command = lwk.spawn(["mcexec", "python3", "-c", program])
    assert wait_until(lambda: "go" in command.stdout, 30)
    now = usage(lwk)
    [process] = now["processes"]
    [node] = process["nodes"]
    assert node["node"] == 0 and 64 * MIB <= node["bytes_2m"] + node["bytes_1g"] < 200 * MIB, node
    assert 0 < node["bytes_4k"] < 64 * MIB and now["nodes"][0]["programs"]["bytes_2m"] == node["bytes_2m"], now
    taken = before["nodes"][0]["free_bytes"] - now["nodes"][0]["free_bytes"]
    assert taken + now["cached_bytes"] >= 64 * MIB
    table = ihk(lwk, "get", "usage").stdout
    assert "2 MiB pages" in table and str(process["pid"]) in table, table
    command.write(b"\n")
    assert command.wait(20).status == 0
    assert usage(lwk)["processes"] == []


EAT = """
import mmap, sys
private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
kept = []
if sys.argv[1] == "touch":
    for _ in range(100):
        kept.append(mmap.mmap(-1, 4 << 20, flags=private | 0x4000))  # NORESERVE: filled when it is touched
        for at in range(0, 4 << 20, 4096): kept[-1][at] = 1
        print(len(kept) * 4, flush=True)
else:
    try:
        kept.append(mmap.mmap(-1, 96 << 20, flags=private))
        print("has it")
    except OSError as error:
        print(error.errno)
"""


@pytest.mark.parametrize("how", ["option", "instance"])
def test_what_one_process_may_take(lwk, how):
    words = ["--memory", "100m"] if how == "option" else []
    if how == "instance":
        lwk.down()
        lwk.up("--kargs", "process-memory=100m")
    before = lwk.status()
    result = lwk.mcexec(*words, "python3", "-c", EAT, "touch")
    assert result.status == 137 and 60 <= int(result.stdout.split()[-1]) < 100, result
    assert "more memory than its limit, 102400 KiB" in lwk.kmsg()
    assert lwk.mcexec(*words, "python3", "-c", EAT, "map").stdout == "12\n"  # ENOMEM
    # Each has its own: two of half the size run at once, and a shell's children.
    two = lwk.mcexec(*words, "sh", "-c", "for i in 1 2; do python3 -c 'bytearray(50 << 20); print(1)' & done; wait")
    assert two.stdout == "1\n1\n"
    assert lwk.mcexec("--memory", "1000g", "echo", "fine").stdout == "fine\n"
    after = lwk.status()
    assert after["oom_kills"] == before["oom_kills"] and lwk.check(["ihkosctl", "0", "get", "health"]) == "healthy\n"
    if how == "instance":
        lwk.down()
    else:
        assert lwk.mcexec("python3", "-c", EAT, "map").stdout == "has it\n"
        assert lwk.mcexec("--memory", "much", "true").status != 0
