# SPDX-License-Identifier: BSD-2-Clause
import covers
import pytest

TABLE = 'STILL_LOCAL(9, mmap)\nSTILL_FORWARD(11, munmap)\nSTILL_OFFLOAD(0, read)\nSTILL_UNSUPPORTED(57, fork, "why")\n'


def problems_of(tmp_path, program, listed):
    for folder in ("include/stillcore", "tests/lint", "tests/conform"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "include/stillcore/syscalls.def").write_text(TABLE)
    (tmp_path / "tests/lint/uncovered-calls.txt").write_text(listed)
    (tmp_path / "tests/conform/a.c").write_text(program)
    return covers.check(tmp_path)


@pytest.mark.parametrize("program, listed, problem", [
    ("// covers: mmap\n", "", "munmap: served by the LWK"),
    ("// covers: mmap\n", "mmap\nmunmap\n", "mmap is covered"),
    ("// covers: mmap, munmap\n", "read\n", "read is covered, or not served"),
    ("// covers: mmap, munmap, mmop\n", "", "mmop, which is no system call"),
])
def test_a_gap_is_seen(tmp_path, program, listed, problem):
    assert any(problem in line for line in problems_of(tmp_path, program, listed))


def test_what_is_covered_or_listed_passes(tmp_path):
    assert problems_of(tmp_path, "// covers: mmap, read\n", "# why\nmunmap\n") == []
