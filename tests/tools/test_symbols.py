# SPDX-License-Identifier: BSD-2-Clause
import symbols

TEXT = "# remark\n[CPUs]\nadd_cpu irq_*\n"


def test_a_symbol_without_a_reason_is_seen():
    assert symbols.check(TEXT, [{"add_cpu", "remove_cpu"}]) == ["remove_cpu: symbols.txt does not say what for"]


def test_what_nobody_asks_for_is_seen_when_all_kernels_are_there():
    assert symbols.check(TEXT, [{"add_cpu"}]) == []
    problem = "irq_*: no module asks for it"
    assert symbols.check(TEXT, [{"add_cpu"}] * symbols.KERNELS) == [problem]


def test_patterns_match_whole_names():
    assert symbols.check(TEXT, [{"irq_set", "irq_x"}, {"add_cpu"}]) == []
    assert symbols.check(TEXT, [{"my_irq_set"}]) != []


def test_files_call_in_one_direction():
    defined = {"boot": {"up"}, "os": {"find"}, "ring": {"push"}}
    assert symbols.circle(defined, {"boot": {"find", "push", "memcpy"}, "os": {"push"}, "ring": set()}) == []
    (problem,) = symbols.circle(defined, {"boot": {"find"}, "os": {"push"}, "ring": {"up"}})
    assert problem.startswith("in a circle: ") and all(name in problem for name in defined)
