# SPDX-License-Identifier: BSD-2-Clause
import os
import stat

import pytest

from stilllib import closure
from stilllib.alone_line import command_line, quoted
from stilllib.cpio import Archive
from stilllib.progress import StillError


def _resolved(names, path):
    """Where the archive's own links lead from a path."""
    for _ in range(10):
        parts = path.split("/")
        heads = ("/".join(parts[:i]) for i in range(1, len(parts) + 1))
        link = next((head for head in heads if stat.S_ISLNK(names[head][0])), None)
        if link is None:
            return path
        target = os.path.join(os.path.dirname(link), names[link][1].decode())
        path = os.path.normpath(target + path[len(link):]).strip("/")
    raise AssertionError("links go round")


def test_words_survive_every_loader():
    assert quoted("a b") == "a%20b"
    assert quoted("") == "%"
    assert quoted("50%") == "50%25"
    assert quoted("ä'\"\\") == "%C3%A4%27%22%5C"
    assert command_line(["quiet"], "/bin/sh", ["-c", "echo hi"]) == "quiet -- /bin/sh -c echo%20hi"


def test_a_line_that_is_too_long_is_refused():
    with pytest.raises(StillError):
        command_line([], "/bin/echo", ["x" * 2000])


def test_a_program_comes_with_its_loader_its_libraries_and_the_links_that_lead_there():
    archive = Archive()
    closure.fill(archive, closure.find("bash"))
    names = archive.entries
    loader = os.path.realpath("/lib64/ld-linux-x86-64.so.2").strip("/")
    assert stat.S_ISREG(names[loader][0]) and names[loader][1][:4] == b"\x7fELF"
    for path in ("/lib64/ld-linux-x86-64.so.2", "/bin/bash"):  # as a program finds them, link by link
        here = _resolved(names, path.strip("/"))
        assert stat.S_ISREG(names[here][0])
    assert any("libc.so.6" in name for name in names)


def test_a_script_brings_its_interpreter(tmp_path):
    script = tmp_path / "hello"
    script.write_text("#!/usr/bin/env -S bash\necho hi\n")
    script.chmod(0o755)
    needed = closure.files_of(str(script))
    assert "/usr/bin/env" in needed and any(path.endswith("/bash") for path in needed)


def test_what_is_no_program_is_refused(tmp_path):
    text = tmp_path / "text"
    text.write_text("hello\n")
    with pytest.raises(StillError):
        closure.files_of(str(text))
    loop = tmp_path / "loop"
    loop.write_text(f"#!{loop}\n")
    with pytest.raises(StillError):
        closure.files_of(str(loop))


def test_an_archive_is_padded_as_newc_has_it(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_bytes(b"12345")
    (tmp_path / "l").symlink_to("d/f")
    archive = Archive()
    archive.put_tree(tmp_path)
    data = archive.to_bytes()
    assert len(data) % 4 == 0 and data.count(b"070701") == 4
    at, names = 0, []
    while True:
        size, length = int(data[at + 54:at + 62], 16), int(data[at + 94:at + 102], 16)
        name = data[at + 110:at + 110 + length - 1].decode()
        if name == "TRAILER!!!":
            break
        names.append(name)
        at = (at + 110 + length + 3) // 4 * 4
        at = (at + size + 3) // 4 * 4
    assert sorted(names) == ["d", "d/f", "l"]
