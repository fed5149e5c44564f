# SPDX-License-Identifier: BSD-2-Clause
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))


def pytest_configure(config):
    config.addinivalue_line("markers", "clang: boots what the preset clang built")
