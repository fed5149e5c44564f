# SPDX-License-Identifier: BSD-2-Clause
"""A short run of what `still fuzz` and `still soak` do for long: nothing breaks, and no page is missing."""
from stilllib import fuzz, soak


def test_random_system_calls_break_nothing(lwk):
    _, wrong = fuzz.run(lwk, seed=1, seconds=15, calls=3000)
    assert not wrong, wrong


def test_programs_that_come_and_go_leave_nothing(lwk):
    said, wrong = soak.run(lwk, seed=1, seconds=15)
    assert not wrong, wrong
    assert int(said.split()[-2]) > 3
