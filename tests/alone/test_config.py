# SPDX-License-Identifier: BSD-2-Clause
"""Another choice than the defaults of still menuconfig, built and booted."""
import re
import subprocess

import pytest
from machines import ROOT, machine, run
from served import archive_with

from stilllib import packages
from stilllib.alone_line import command_line

PLACE = ROOT / "build" / "configured"
CHOICE = {"QUIET": "y", "SCREEN": "n", "LOG_KIB": "128", "SLICE_MS": "3", "END_RESTART": "y", "BUILT_IN": "n"}


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    packages.need("menuconfig")
    import kconfiglib
    choice = tmp_path_factory.mktemp("config") / "still.config"
    menu = kconfiglib.Kconfig(str(ROOT / "Kconfig"))
    for name, value in CHOICE.items():
        assert menu.syms[name].set_value(value)
    menu.write_config(str(choice))
    only = [f"-DSTILL_{part}=OFF" for part in ("MODULE", "TOOLS", "TESTS")]
    for argv in (["cmake", "-S", ROOT, "-B", PLACE, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
                  f"-DSTILL_CHOICE={choice}", *only], ["cmake", "--build", PLACE, "--target", "stillcore_final"]):
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:]
    return PLACE / "kernel" / "stillcore.elf"


def test_what_was_chosen_is_built(image, tmp_path):
    archive = tmp_path / "archive"
    archive.write_bytes(archive_with("bash").to_bytes())
    boot = ["-kernel", str(image), "-initrd", str(archive), "-append",
            command_line([], "/bin/bash", ["-c", "echo here it is; exit 4"])]
    ran = run([*machine(), *boot], until="here it is\nStillcore: the initial task starts again\nhere it is")
    assert "here it is\nStillcore: the initial task starts again\nhere it is" in ran.console, ran.console
    assert not re.search(r"^\[\d+\.\d+\]", ran.console, re.MULTILINE), "the log is on the console"


def test_what_the_command_line_says_goes_first(image):
    ran = run([*machine(), "-kernel", str(image), "-append", "verbose end=off"])
    assert ran.status == 127 and ran.log("the initial task /init can't be started"), ran
