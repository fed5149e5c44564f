# SPDX-License-Identifier: BSD-2-Clause
"""Another choice than the defaults of still menuconfig, built by clang and booted."""
import re

import pytest
from machines import ROOT, machine, run
from served import archive_with

from stilllib.alone_line import command_line

CHOICE = ROOT / "tests/alone/choice.config"
IMAGE = ROOT / "build/clang/kernel/stillcore.elf"
pytestmark = pytest.mark.clang  # the preset clang is built with the choice


def test_the_choice_is_none_of_the_defaults(tmp_path):
    import kconfiglib
    menu = kconfiglib.Kconfig(str(ROOT / "Kconfig"))
    chosen = kconfiglib.Kconfig(str(ROOT / "Kconfig"))
    chosen.load_config(str(CHOICE))
    chosen.write_config(str(tmp_path / "again"))
    assert (tmp_path / "again").read_text() == CHOICE.read_text(), "still menuconfig would write it otherwise"
    changed = {name for name in menu.syms if menu.syms[name].str_value != chosen.syms[name].str_value}
    assert {"QUIET", "SCREEN", "LOG_KIB", "SLICE_MS", "END_RESTART", "BUILT_IN"} <= changed


def test_what_was_chosen_is_built(tmp_path):
    archive = tmp_path / "archive"
    archive.write_bytes(archive_with("bash").to_bytes())
    boot = ["-kernel", str(IMAGE), "-initrd", str(archive), "-append",
            command_line([], "/bin/bash", ["-c", "echo here it is; exit 4"])]
    ran = run([*machine(), *boot], until="here it is\nStillcore: the initial task starts again\nhere it is")
    assert "here it is\nStillcore: the initial task starts again\nhere it is" in ran.console, ran.console
    assert not re.search(r"^\[\d+\.\d+\]", ran.console, re.MULTILINE), "the log is on the console"


def test_what_the_command_line_says_goes_first():
    ran = run([*machine(), "-kernel", str(IMAGE), "-append", "verbose end=off"])
    assert ran.status == 127 and ran.log("the initial task /init can't be started"), ran
