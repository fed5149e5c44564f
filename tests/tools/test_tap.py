# SPDX-License-Identifier: BSD-2-Clause
from stilllib.alone import parse_tap


def test_a_plan_that_is_not_completed_is_seen():
    assert not parse_tap("1..3\nok 1 - a\nok 2 - b\n").is_complete
    assert not parse_tap("ok 1 - a\n").is_complete
    assert parse_tap("ok 1 - a\n1..1\n").is_complete


def test_results_are_told_apart_among_other_lines():
    tap = parse_tap("hello\r\n1..3\r\nok 1 - a\r\n[0.1] noise ok 7\r\nnot ok 2 - b\r\nok 3 - c # SKIP one CPU\r\n")
    assert (tap.passed, tap.failed, len(tap.skipped)) == (["a"], ["b"], 1)
    assert tap.is_complete
