# SPDX-License-Identifier: BSD-2-Clause
"""make_archive.py ARCHIVE FILE=NAME...: a cpio archive of programs."""
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from stilllib.cpio import Archive  # noqa: E402

archive = Archive()
archive.put("tmp", 0o041777)
for argument in sys.argv[2:]:
    path, _, name = argument.partition("=")
    archive.put(name, 0o100755, Path(path).read_bytes())
Path(sys.argv[1]).write_bytes(archive.to_bytes())
