# SPDX-License-Identifier: BSD-2-Clause
import layers
import pytest


def write(root, files):
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


@pytest.mark.parametrize("files, problem", [
    ({"kernel/base/a.hpp": '#include "mm/b.hpp"', "kernel/mm/b.hpp": ""}, "base must not include kernel/mm/b.hpp"),
    ({"kernel/exec/a.cpp": '#include "syscall/b.hpp"', "kernel/syscall/b.hpp": ""}, "exec must not include"),
    ({"linux-module/a.c": "#include <base/b.hpp>", "kernel/base/b.hpp": ""}, "linux-module must not include"),
    ({"mcexec/a.cpp": '#include "cli/b.hpp"', "ihk/cli/b.hpp": ""}, "mcexec must not include ihk/cli/b.hpp"),
    ({"include/stillcore/a.h": '#include "../../kernel/base/b.hpp"', "kernel/base/b.hpp": ""}, "include must not"),
    ({"arch/x86_64/cpu/a.cpp": '#include "sched/b.hpp"', "kernel/sched/b.hpp": ""}, "arch must not include"),
    ({"kernel/mm/a.cpp": '#include "nosuch.hpp"'}, "is not in the tree"),
])
def test_a_look_up_is_refused(tmp_path, files, problem):
    write(tmp_path, files)
    assert any(problem in line for line in layers.check(tmp_path.resolve())), layers.check(tmp_path.resolve())


def test_a_look_down_is_allowed(tmp_path):
    write(tmp_path, {
        "include/stillcore/ring.h": "#include <stdint.h>",
        "kernel/base/a.hpp": "#include <stillcore/ring.h>\n#include <atomic>",
        "arch/x86_64/include/arch/cpu.hpp": '#include "base/a.hpp"',
        "kernel/mm/b.cpp": "#include <arch/cpu.hpp>",
        "kernel/main.cpp": '#include "syscall/c.hpp"',
        "kernel/syscall/c.hpp": "",
        "mcexec/d.cpp": '#include "ihk.h"',
        "ihk/lib/ihk.h": "#include <stillcore/ring.h>",
    })
    assert layers.check(tmp_path.resolve()) == []


def test_a_cycle_is_found(tmp_path):
    write(tmp_path, {"kernel/mm/a.hpp": '#include "b.hpp"', "kernel/mm/b.hpp": '#include "mm/a.hpp"'})
    assert any("cycle" in line for line in layers.check(tmp_path.resolve()))
