# SPDX-License-Identifier: BSD-2-Clause
"""A short run of still cycles: tools and programs are killed in the middle of things, and nothing stays behind."""
import pytest
from stilllib import cycles


@pytest.mark.long
def test_nothing_stays_behind(no_lwk):
    counted, wrong = cycles.traces_of(no_lwk, 7, 8)
    assert not wrong, (counted, wrong)
    no_lwk.up()
    assert no_lwk.mcexec("echo", "fine").stdout == "fine\n"
