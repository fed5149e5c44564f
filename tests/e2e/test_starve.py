# SPDX-License-Identifier: BSD-2-Clause
"""Linux refuses the module what it asks for, one thing after the other, while a program starts: tests/starve. The rest
of what is refused so, `still starve` tries."""
import pytest
from stilllib import starve


@pytest.mark.long
def test_a_program_that_linux_is_too_short_of_memory_for(lwk):
    told = []
    starve.starve(lwk, ["true"], lambda name, calls, failures: told.append((name, calls, failures)))
    (_, calls, failures), = told
    assert calls >= 8 and len(failures) >= 6, told  # what a compiler has inlined is not seen
    assert all(status == 125 and words.startswith("mcexec: ") for _, status, words in failures), told
