# SPDX-License-Identifier: BSD-2-Clause
"""SMARTMAP and a conjugate-gradient program alone, with page tables of four levels and of five (docs/smartmap.md)."""
import os
import subprocess

import pytest
from machines import machine, pvh, run
from served import ROOT, archive_with, boot

PEERS = ROOT / "build" / "gcc" / "tests" / "guest" / "peers"
XPMEM = PEERS.with_name("xpmem")
RANKS = f"""
for rank in 0 1 2; do STILLCORE_SMARTMAP=$rank/3 {PEERS} 1 & ranks="$ranks $!"; done
for rank in $ranks; do wait $rank || exit 1; done
unset ranks
for rank in 0 1; do STILLCORE_SMARTMAP=$rank/2 {XPMEM} & ranks="$ranks $!"; done
for rank in $ranks; do wait $rank || exit 2; done
STILLCORE_SMARTMAP=3/3 {PEERS} && STILLCORE_SMARTMAP=x {PEERS} && {PEERS}
"""


@pytest.mark.parametrize("options", [(), ("la57",)], ids=["four_levels", "five_levels"])
def test_unmodified_programs_see_each_other(options):
    ended = boot(archive_with("bash", PEERS, XPMEM, "/bin/true"), ["/bin/bash", "-c", RANKS], smp=3, options=options)
    assert ended.status == 0, ended
    for rank in range(3):
        assert f"ok peers {rank}" in ended.text, ended
    assert ended.text.count("ok peers: alone") == 3, ended
    assert "ok xpmem 0" in ended.text and "ok xpmem 1" in ended.text, ended


@pytest.mark.parametrize("options", [(), ("la57",)], ids=["four_levels", "five_levels"])
def test_the_initial_tasks_own_test_of_peers(options):
    ended = boot(b"", ["/init", "peers"], smp=1 if options else 4, options=options)
    assert ended.status == 0 and "TEST END: SMARTMAP and XPMEM: PASSED" in ended.text, ended
    assert f"slots of {262144 if options else 512} GiB" in ended.text, ended


def test_five_levels_are_refused_where_the_cpus_have_four():
    argv = machine()
    argv[argv.index("-cpu") + 1] = "max,-la57"
    ran = run([*argv, *pvh("quiet la57 -- /init tasks")])
    assert not ran.timed_out and ran.status == 255
    assert "la57: these CPUs have no page tables of five levels" in ran.console


def test_conjugate_gradients_have_the_digits_of_linux(tmp_path):
    program = tmp_path / "cg"
    subprocess.run(["gfortran", "-O3", "-fopenmp", "-o", program, ROOT / "tests/conform/apps/cg.f90"], check=True,
                   cwd=tmp_path)
    variables = {"OMP_NUM_THREADS": "4", "OMP_WAIT_POLICY": "passive"}
    expected = subprocess.run([program, "S"], env={**os.environ, **variables}, stdout=subprocess.PIPE, text=True,
                              check=True).stdout.splitlines()
    ended = boot(archive_with(program), [str(program), "S"], smp=4, mem="1G",
                 options=[f"env.{name}={value}" for name, value in variables.items()])
    assert ended.status == 0, ended
    assert [line for line in expected if line not in ended.text] == [], ended
