# SPDX-License-Identifier: BSD-2-Clause
"""On a guest with two nodes: what is taken, is taken where it was asked for."""
from pathlib import Path

import pytest

pytestmark = pytest.mark.numa

PROGRAMS = Path(__file__).resolve().parents[2] / "build/gcc/tests/guest"


def test_default_partition_is_near_its_cpus(no_lwk):
    no_lwk.up()
    status = no_lwk.status()
    assert [cpu["linux_cpu"] for cpu in status["cpus"]] == [2, 3]
    assert {cpu["node"] for cpu in status["cpus"]} == {1}
    assert [node["node"] for node in status["nodes"]] == [1]
    assert no_lwk.mcexec("echo", "fine").stdout == "fine\n"


def test_memory_of_both_nodes(no_lwk):
    no_lwk.up("--cpus=1,3", "--mem=256m@0,512m@1")
    nodes = {node["node"]: node["total_bytes"] >> 20 for node in no_lwk.status()["nodes"]}
    assert nodes == {0: 256, 1: 512}
    assert no_lwk.mcexec("python3", "-c", "print(len(bytearray(300 << 20)))").stdout == f"{300 << 20}\n"
    assert no_lwk.online_cpus() == "0,2"


def test_more_than_a_node_has(no_lwk):
    result = no_lwk.run(["ihkosctl", "up", "--mem=3g@1"])
    assert result.status != 0 and "node 1" in result.stderr, result
    assert no_lwk.accounts()["pages_held"] == 0


def test_memory_lies_where_policies_want_it(no_lwk):
    no_lwk.up("--cpus=1,3", "--mem=256m@0,512m@1")
    result = no_lwk.mcexec(str(PROGRAMS / "numa"))
    assert result.stdout == "ok numa\n", result
    for how in ["--membind=1", "--membind=0", "--interleave=0,1", "--preferred=1"]:
        result = no_lwk.sh(f"mcexec numactl {how} numactl --show")
        assert result.status == 0, result
        assert how.split("=")[1].replace(",", " ") in result.stdout, result


def test_a_program_sees_nodes_from_zero(no_lwk):
    no_lwk.up("--cpus=3", "--mem=256m@1")
    assert no_lwk.mcexec("cat", "/sys/devices/system/node/online").stdout == "0\n"
    assert no_lwk.mcexec("cat", "/sys/devices/system/node/node0/cpulist").stdout == "0\n"
    assert "Mems_allowed_list:\t0\n" in no_lwk.mcexec("cat", "/proc/self/status").stdout
    no_lwk.down()
    no_lwk.up("--cpus=1,3", "--mem=256m@0,512m@1")
    program = 'for n in 0, 1: print(open(f"/sys/devices/system/node/node{n}/meminfo").readline().split()[3])'
    assert no_lwk.mcexec("python3", "-c", program).stdout == f"{256 << 10}\n{512 << 10}\n"
    distance = no_lwk.mcexec("cat", "/sys/devices/system/node/node1/distance").stdout.split()
    assert distance[1] == "10" and int(distance[0]) > 10
