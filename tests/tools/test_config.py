# SPDX-License-Identifier: BSD-2-Clause
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
kconfiglib = pytest.importorskip("kconfiglib")


def test_kconfig_and_the_header_have_the_same_defaults():
    header = (ROOT / "kernel" / "base" / "config.hpp").read_text()
    in_header = dict(re.findall(r"#define STILL_CONFIG_(\w+) (\S+)", header))
    menu = kconfiglib.Kconfig(str(ROOT / "Kconfig"))
    in_menu = {name: {"y": "1", "n": "0"}.get(symbol.str_value, symbol.str_value)
               for name, symbol in menu.syms.items() if symbol.nodes}
    by_cmake = {"BUILT_IN", "ARCHIVE"}  # kernel/CMakeLists.txt
    assert in_menu.keys() - in_header.keys() == by_cmake
    assert in_header == {name: value for name, value in in_menu.items() if name not in by_cmake}
