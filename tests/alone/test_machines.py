# SPDX-License-Identifier: BSD-2-Clause
"""Numbers of CPUs, shapes of nodes, sizes of memory: the built-in initial task shows them and passes its tests."""
import re

import pytest
from machines import assert_passed, machine, node, pvh, run
from served import archive_with

from stilllib import closure


@pytest.mark.parametrize("smp", [1, 2, 4, 16, 64])
def test_cpus(smp):
    ran = run([*machine(smp), *pvh()], timeout=120)
    assert_passed(ran)
    assert f"\n{smp} CPUs, 1 nodes, " in ran.console
    assert f"threads: {smp} started, {smp} of them each on its own CPU" in ran.console
    assert len(re.findall(r"FWQ on CPU", ran.console)) == smp


def test_a_cpu_that_does_not_start_is_left_out():
    ran = run([*machine(4), *pvh("no-start=2 -- /init tasks")])
    assert_passed(ran, ["task management"])
    assert ran.log("the CPU with APIC id 2 does not start: it is left out")
    assert "\n3 CPUs, 1 nodes, " in ran.console
    assert "threads: 3 started, 3 of them each on its own CPU" in ran.console


def test_four_nodes():
    shape = [word for n in range(4) for word in node(n, "128M", f"{n}")]
    far = [(0, 1, 21), (0, 2, 31), (0, 3, 41), (1, 2, 21), (1, 3, 31), (2, 3, 21)]
    shape += [word for a, b, d in far for word in ("-numa", f"dist,src={a},dst={b},val={d}")]
    ran = run([*machine(4, "512M", memory=shape), *pvh("-- /init tasks memory")])
    assert_passed(ran, ["task management", "memory"])
    for n in range(4):
        assert f"\nnode {n}: CPUs {n}, memory" in ran.console
        assert f"\n  4 KiB page on node {n}: in use" in ran.console
        assert f"\n  2 MiB page on node {n}: in use" in ran.console


def test_a_process_is_told_its_cpus_and_nodes(tmp_path):
    (tmp_path / "archive").write_bytes(archive_with("grep").to_bytes())
    shape = [word for n in range(3) for word in node(n, "128M", f"{n}")]
    line = f"quiet -- {closure.find('grep')} -E allowed_list /proc/self/status"
    ran = run([*machine(3, "384M", memory=shape), *pvh(line), "-initrd", str(tmp_path / "archive")])
    assert ran.console == "Cpus_allowed_list:\t0-2\nMems_allowed_list:\t0-2\n", ran


def test_a_node_without_memory_and_one_without_cpus():
    shape = [*node(0, "256M", "0-1"), *node(1, None, "2-3"), *node(2, "256M")]
    ran = run([*machine(4, "512M", memory=shape), *pvh("-- /init tasks memory")])
    assert_passed(ran, ["task management", "memory"])
    assert "\nnode 0: CPUs 0,1, memory" in ran.console
    assert "\nnode 1: CPUs 2,3, no memory" in ran.console
    assert "\nnode 2: CPUs none, memory" in ran.console
    assert "page on node 1" not in ran.console
    assert "\n  2 MiB page on node 2: in use" in ran.console


@pytest.mark.parametrize("mem, mib, page", [("128M", 126, "2 MiB"), ("64G", 65534, "1 GiB")])
def test_memory(mem, mib, page):
    ran = run([*machine(2, mem), *pvh("-- /init memory")], timeout=120)
    assert_passed(ran, ["memory"])
    assert f" {mib} MiB of memory, " in ran.console
    assert f"\n  {page} page on node 0: in use" in ran.console
