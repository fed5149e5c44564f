# SPDX-License-Identifier: BSD-2-Clause
"""Archives that are truncated, hostile or large: what is wrong is left out with a message, the rest runs."""
import pytest
from served import archive_with, boot

SHOW = "cd /; cat good; ls -R evil up 2>&1; echo end; exit 4\n"


def member(name, data=b"", mode=0o100644, ino=1, links=1, size=None, header=None):
    """One member as it is; size and header: what its header says instead."""
    name = name.encode() + b"\0"
    fields = (ino, mode, 0, 0, links, 0, len(data) if size is None else size, 0, 0, 0, 0, len(name), 0)
    text = b"070701" + b"".join(b"%08x" % field for field in fields) if header is None else header
    text += name
    return text + b"\0" * (-len(text) % 4) + data + b"\0" * (-len(data) % 4)


def with_shell(*members):
    archive = archive_with("bash", "cat", "ls", files=[("show", 0o100755, SHOW), ("good", 0o100644, "good\n")])
    return archive.to_bytes() + b"".join(members)


# Each of these is left out, and the next one is read.
LEFT_OUT = {
    "../evil": member("../evil", b"x"),
    "a/../../evil": member("a/../../evil", b"x"),
    "good/evil": member("good/evil", b"x"),
    "usr": member("usr", b"x"),
    "evil": member("evil", b"x", mode=0o644),
    "evil2": member("evil2", b"", mode=0o120777),
}
# Behind these nothing is read.
ENDS = {
    "4 GiB": (member("evil", b"x", size=0xffffffff), "it is truncated (contents)"),
    "no number": (member("evil", header=b"070701" + b"zz" * 52), "a field of its header is no number"),
    "truncated": (member("evil", b"x" * 100)[:90], "it is truncated (header)"),
}


def _still_runs(ended):
    assert ended.status == 4, ended.text + ended.log
    assert "good\n" in ended.text and "end" in ended.text
    assert "ls: cannot access 'evil'" in ended.text


def test_hostile_members_are_left_out():
    ended = boot(with_shell(*LEFT_OUT.values()), ["/usr/bin/bash", "/show"])
    _still_runs(ended)
    for name in LEFT_OUT:
        assert f"archive: {name} is left out: " in ended.log


@pytest.mark.parametrize("what", ENDS)
def test_malformed_end(what):
    data, said = ENDS[what]
    ended = boot(with_shell(data), ["/usr/bin/bash", "/show"])
    _still_runs(ended)
    assert said in ended.log


def test_later_members_count():
    twice = member("good", b"better\n", ino=77), member("good", b"best\n", ino=78)
    ended = boot(with_shell(*twice), ["/usr/bin/bash", "/show"])
    assert ended.status == 4 and ended.text.startswith("best\n"), ended.text


def test_absolute_names_and_links_stay_inside():
    members = (member("/evil/inside", b"", mode=0o100644), member("evil/link", b"/good", mode=0o120777, ino=5))
    script = "cat /evil/link; ls /evil; exit 4\n"
    archive = archive_with("bash", "cat", "ls", files=[("show", 0o100755, script), ("good", 0o100644, "good\n")])
    ended = boot(archive.to_bytes() + b"".join(members), ["/usr/bin/bash", "/show"])
    assert (ended.status, ended.text.split()) == (4, ["good", "inside", "link"])


def test_hard_links_are_one_file():
    members = (member("up/a", b"", ino=9, links=2), member("up/b", b"shared\n", ino=9, links=2))
    script = "cat /up/a; echo more >> /up/b; cat /up/a; exit 4\n"
    archive = archive_with("bash", "cat", files=[("show", 0o100755, script)])
    ended = boot(archive.to_bytes() + b"".join(members), ["/usr/bin/bash", "/show"])
    assert (ended.status, ended.text.split()) == (4, ["shared", "shared", "more"])


def test_no_such_program():
    assert boot(archive_with("cat"), ["/none"]).status == 127
    assert boot(archive_with("cat", files=[("data", 0o100644, "x")]), ["/data"]).status == 126


FULL = """
dd if=/dev/zero of=/big bs=1M 2>&1 | head -1
rm /big
dd if=/dev/zero of=/big bs=1M count=20 2> /dev/null && echo again
"""


def test_memory_is_the_only_limit_of_files():
    ended = boot(archive_with("bash", "dd", "head", "rm", files=[("full", 0o100755, FULL)]), ["/usr/bin/bash", "/full"],
                 mem="128M")
    assert "No space left on device" in ended.text and "again" in ended.text, ended.text + ended.log


# Twice the same: what the second round leaves in use, it leaks. (Pages for small objects are kept after the first.)
LEAKS = """
free() { while read a b c; do [ $a = MemFree: ] && echo $b; done < /proc/meminfo; }
work() {
    for i in 1 2 3 4 5 6 7 8; do
        seq 1 2000 | sort -r | uniq | tail -1 > /tmp/f$i; cat /tmp/f$i | md5sum > /dev/null; mkfifo /tmp/p
        (echo x > /tmp/p) & cat /tmp/p > /dev/null; wait
        mkdir -p /tmp/d/e; mv /tmp/f$i /tmp/d/e; ln /tmp/d/e/f$i /tmp/l; rm -r /tmp/d /tmp/l /tmp/p
        cat none 2> /dev/null
        timeout 0.05 sleep 5
    done
}
work; work; sleep 0.2; a=$(free); work; sleep 0.2; b=$(free); work; sleep 0.2; c=$(free)
echo $((a - b)) $((b - c))
"""


def test_nothing_leaks():
    tools = ("bash", "seq", "sort", "uniq", "tail", "cat", "md5sum", "mkfifo", "mkdir", "mv", "ln", "rm", "timeout",
             "sleep")
    ended = boot(archive_with(*tools, files=[("leaks", 0o100755, LEAKS)]), ["/usr/bin/bash", "/leaks"], timeout=90)
    first, second = map(int, ended.text.split()[-2:])
    assert min(first, second) <= 64, ended.text + ended.log
