# SPDX-License-Identifier: BSD-2-Clause
"""Where a TSC tick is an instruction everything is the same each time, and nothing comes between a program's."""
import re

from machines import assert_passed, machine, pvh, run


def test_consoles_are_the_same_to_the_bit_and_no_cpu_has_noise():
    first, second = (run([*machine(4, icount=True), *pvh()], timeout=120) for _ in range(2))
    assert_passed(first)
    assert first.console == second.console
    quanta = re.findall(r"FWQ on CPU (\d+): best (\d+), worst (\d+) ticks", first.console)
    assert [cpu for cpu, _, _ in quanta] == ["0", "1", "2", "3"]
    assert all(best == worst for _, best, worst in quanta), quanta
