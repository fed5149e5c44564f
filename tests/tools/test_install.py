# SPDX-License-Identifier: BSD-2-Clause
"""What the build installs is what the Debian packages take: each file in one of them."""
import fnmatch
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("stillcore", "stillcore-dkms", "libihk0", "libihk-dev", "libxpmem-stillcore0",
            "libxpmem-stillcore-dev")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    target = tmp_path_factory.mktemp("installed")
    subprocess.run(["cmake", "--install", str(ROOT / "build" / "gcc"), "--prefix", "/usr"], check=True,
                   stdout=subprocess.DEVNULL, env={**os.environ, "DESTDIR": str(target)})
    return sorted(str(Path(directory, name).relative_to(target)) for directory, _, names in os.walk(target)
                  for name in names)


def _patterns(package):
    lines = (ROOT / "debian" / f"{package}.install").read_text().splitlines()
    return [line for line in lines if not line.startswith("debian/")]


def _takes(pattern, path):
    return fnmatch.fnmatch(path, pattern) or fnmatch.fnmatch(path, f"{pattern}/*")


def test_each_file_is_in_one_package(installed):
    takers = {path: [package for package in PACKAGES if any(_takes(pattern, path) for pattern in _patterns(package))]
              for path in installed}
    assert {path: names for path, names in takers.items() if len(names) != 1} == {}


def test_each_pattern_takes_something(installed):
    assert [(package, pattern) for package in PACKAGES for pattern in _patterns(package)
            if not any(_takes(pattern, path) for path in installed)] == []


def test_programs_image_library_and_pages_are_there(installed):
    wanted = {"usr/bin/ihkosctl", "usr/bin/ihkconfig", "usr/bin/mcexec", "usr/sbin/ihkmond",
              "usr/lib/stillcore/stillcore.elf", "usr/include/ihk.h", "usr/share/man/man8/ihkmond.8",
              "usr/share/man/man1/ihkconfig.1", "usr/share/man/man4/ihk.4", "usr/share/man/man3/xpmem.3",
              "usr/include/xpmem.h", "usr/include/stillcore/smartmap.h",
              "usr/src/stillcore-0.1/linux-module/Kbuild", "usr/src/stillcore-0.1/include/stillcore/types.h"}
    assert wanted - set(installed) == set()


def test_the_version_is_one(installed):
    version = (ROOT / "debian" / "changelog").read_text().split("(")[1].split(")")[0]
    assert f"VERSION {version} " in (ROOT / "CMakeLists.txt").read_text()
    assert any(path.startswith(f"usr/src/stillcore-{version}/") for path in installed)
