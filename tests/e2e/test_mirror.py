# SPDX-License-Identifier: BSD-2-Clause
"""Memory whose home is Linux: programs on the LWK share it with programs on Linux."""
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).resolve().parents[2] / "build" / "gcc" / "tests" / "guest"
STORM = PROGRAMS / "mirror_storm"

EXT4 = """
set -e
truncate -s 64M /tmp/storm.disk
mkfs.ext4 -q -F /tmp/storm.disk
modprobe loop
mkdir -p /tmp/storm
mount -o loop /tmp/storm.disk /tmp/storm
"""


@pytest.mark.parametrize("first, second", [("mcexec", ""), ("", "mcexec"), ("mcexec", "mcexec")],
                         ids=["lwk-linux", "linux-lwk", "lwk-lwk"])
def test_locks_futexes_and_segments_work_between_processes(lwk, first, second):
    """The last of it: the second is killed while it holds a robust mutex."""
    result = lwk.sh(f"""
        rm -f /dev/shm/partners
        {first} {PROGRAMS}/partners /dev/shm/partners 0 killed & FIRST=$!
        {second} {PROGRAMS}/partners /dev/shm/partners 1 killed
        echo second $?
        wait $FIRST
        echo first $?
    """, timeout=60)
    assert result.stdout.split("\n")[:3] == ["second 137", "ok partners 0", "first 0"] or \
        result.stdout.split("\n")[:3] == ["ok partners 0", "second 137", "first 0"], result


@pytest.fixture
def ext4(lwk):
    lwk.check(["bash", "-c", EXT4])
    yield "/tmp/storm"
    lwk.check(["umount", "/tmp/storm"])


def storm(lwk, path, seconds):
    result = lwk.sh(f"""
        mcexec {STORM} touch {path} {seconds} 3 & TOUCH=$!
        sleep 0.5
        {STORM} disturb {path} {seconds} || echo disturb failed
        wait $TOUCH || echo touch failed
        {STORM} verify {path}
    """, timeout=60 + 4 * seconds)
    assert result.stdout.rstrip().endswith("ok mirror_storm"), result
    assert "failed" not in result.stdout, result


def test_a_file_under_attack_holds_what_was_stored(lwk, ext4):
    storm(lwk, f"{ext4}/file", 8)


def test_what_was_stored_is_on_the_disk_after_fsync(lwk, ext4):
    result = lwk.mcexec(str(STORM), "sync", f"{ext4}/synced")
    assert result.stdout == "ok mirror_storm\n", result


def test_shared_memory_under_attack_holds_what_was_stored(lwk):
    storm(lwk, "/dev/shm/storm", 8)


@pytest.mark.numa
def test_pages_that_linux_moves_between_nodes_are_followed(lwk):
    def moved():
        return int(lwk.sh("gawk '$1 == \"pgmigrate_success\" { print $2 }' /proc/vmstat").stdout)
    before = moved()
    storm(lwk, "/dev/shm/storm", 8)
    assert moved() > before + 100
