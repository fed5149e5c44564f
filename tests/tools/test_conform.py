# SPDX-License-Identifier: BSD-2-Clause
import pytest
from stilllib import conform, conform_cases


def run(**changed):
    return {"status": 0, "stdout": "a\nb\n", "bytes": 4, "sha256": "0" * 64, "stderr": "", "files": ["f -rw------- 1"],
            "seconds": 0, "stuck": 0, **changed}


CASE = conform_cases.Case("area_name", ["true"])


@pytest.mark.parametrize("changed", [
    {"status": 1}, {"status": -11}, {"status": "timeout"}, {"stdout": "a\n"}, {"bytes": 5}, {"sha256": "1" * 64},
    {"files": []}, {"stuck": 1},
])
def test_whatever_differs_is_told(changed):
    assert conform.judge(CASE, run(), run(**changed), {}).verdict == conform.DIFFERS
    assert conform.judge(CASE, run(), run(**changed), {"area_name": "why"}).verdict == conform.KNOWN


def test_the_same_is_the_same():
    assert conform.judge(CASE, run(seconds=1), run(stderr="x"), {}).verdict == conform.SAME
    assert conform.judge(CASE, run(), run(), {"area_name": "why"}).verdict == conform.AGREES


def test_the_head_of_a_program_is_read(tmp_path):
    path = tmp_path / "sched_yield.c"
    path.write_text("// SPDX\n// Two threads\n// take turns.\n// covers: sched_yield, getcpu\n// timeout: 90\n// slow\n"
                    "int x;\n")
    case = conform_cases.read_program(path)
    assert (case.area, case.what, case.timeout, case.is_slow) == ("sched", "Two threads take turns.", 90, True)
    assert case.covers == ("sched_yield", "getcpu")


def test_each_known_difference_is_a_case():
    assert set(conform_cases.known_differences()) <= {case.name for case in conform.all_cases()}
