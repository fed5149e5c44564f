# SPDX-License-Identifier: BSD-2-Clause
"""Rows that were measured anew, in the page of all."""
import pytest
from stilllib.bench_page import renew
from stilllib.progress import StillError

PAGE = """# Measurements

2026-11-26, host.

## One

| row | met |
|---|---|
| a | yes |
| ab | no |

- ab: so it is.

## Two

| row | met |
|---|---|
| c | yes |
"""


def test_a_row_and_its_reason_take_the_place_of_the_old():
    text = renew(PAGE, [("ab", "| ab | now |", "otherwise")], "2026-11-27")
    assert text == PAGE.replace("| ab | no |", "| ab | now |").replace("so it is", "otherwise").replace(
        "host.\n", "host.\n\nMeasured anew since then: ab (2026-11-27).\n")


def test_a_reason_goes_and_comes():
    text = renew(PAGE, [("ab", "| ab | yes |", None), ("c", "| c | no |", "dear")], "2026-11-27")
    assert "- ab" not in text and text.endswith("| c | no |\n\n- c: dear.\n")
    text = renew(text, [("ab", "| ab | no |", "again"), ("a", "| a | no |", "too")], "2026-11-28")
    assert "| a | no |\n| ab | no |\n\n- ab: again.\n- a: too.\n" in text
    assert text.count("Measured anew") == 1
    assert "then: ab (2026-11-28), c (2026-11-27), a (2026-11-28).\n" in text


def test_what_has_no_line_is_refused():
    with pytest.raises(StillError, match="no line of its own for d"):
        renew(PAGE, [("d", "| d | yes |", None)], "2026-11-27")
