# SPDX-License-Identifier: BSD-2-Clause
import pytest
import rules

BSD = "// SPDX-License-Identifier: BSD-2-Clause\n"


def problems_of(tmp_path, path, text, allowed=""):
    (tmp_path / "tests/lint").mkdir(parents=True, exist_ok=True)
    (tmp_path / "tests/lint/long-files.txt").write_text(allowed)
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(text)
    return rules.check(tmp_path, [path])


@pytest.mark.parametrize("path, text, problem", [
    ("kernel/a.cpp", BSD + "while (flag.load()) ;\n", "spin without PAUSE"),
    ("kernel/a.cpp", "int x;\n", "SPDX"),
    ("include/stillcore/a.h", "/* SPDX-License-Identifier: BSD-2-Clause */\n", "SPDX"),
    ("kernel/a.cpp", BSD + "int x;\n" * 400, "over 400"),
    ("kernel/a.cpp", BSD + "// " + "x" * 130 + "\n", "columns"),
])
def test_a_breach_is_seen(tmp_path, path, text, problem):
    assert any(problem in line for line in problems_of(tmp_path, path, text))


def test_a_good_file_passes(tmp_path):
    assert problems_of(tmp_path, "kernel/a.cpp", BSD + "do {\n    x();\n} while (y);\n") == []


def test_a_long_file_may_only_shrink(tmp_path):
    text = BSD + "int x;\n" * 449
    assert problems_of(tmp_path, "kernel/a.cpp", text, "450 kernel/a.cpp\n") == []
    assert any("only shrink" in line for line in problems_of(tmp_path, "kernel/a.cpp", text, "449 kernel/a.cpp\n"))
