# SPDX-License-Identifier: BSD-2-Clause
"""A CPU with one thread that computes takes no interrupt; and those that come are counted."""
import pytest
from stilllib import quiet
from stilllib.shell_out import wait_until


@pytest.fixture
def three_to_one(no_lwk):
    """Three CPUs for Linux: it broadcasts when there are two others of its own."""
    no_lwk.up("--cpus=3")
    yield no_lwk
    no_lwk.ensure_down()


def test_it_hears_nothing_of_linux(three_to_one):
    """Longer than the time after which the module would ask a CPU for a sign of life."""
    came, shakes = quiet.measure(three_to_one, 12)
    assert came == dict.fromkeys(quiet.KINDS, 0)
    assert shakes > 100


def test_what_comes_is_counted(three_to_one):
    program = quiet.start_computing(three_to_one)
    before = quiet.counts(three_to_one)
    three_to_one.check(["pkill", "-CONT", "-x", "fwq"])
    other = three_to_one.spawn(["mcexec", quiet.FWQ, *quiet.FOR_EVER])
    wait_until(lambda: quiet.counts(three_to_one)["timers"] > before["timers"], 20, 0.5)
    after = quiet.counts(three_to_one)
    assert after["doorbells"] > before["doorbells"] and after["timers"] > before["timers"]
    for one in (program, other):
        quiet.end(one)


def test_a_hang_under_a_program_is_found(three_to_one):
    """The CPU is in the kernel and does not come out of it; nobody waits for it."""
    program = quiet.start_computing(three_to_one)
    three_to_one.run(["ihkosctl", "0", "inject", "hang"])
    wait_until(lambda: three_to_one.state() == "HUNGUP", 40, 0.5)
    assert three_to_one.state() == "HUNGUP"
    assert program.wait(30).status != 0
