# SPDX-License-Identifier: BSD-2-Clause
"""The console as a terminal: lines are edited, Ctrl-C and Ctrl-D do what they do, input that comes early is there."""
import hashlib

from served import archive_with, boot


def test_a_line_is_edited_and_ctrl_d_ends_the_input():
    ended = boot(archive_with("bash", "cat"), ["/bin/bash", "-c", "echo ready; cat; echo end"],
                 typed=[("ready", "abX\x7fc foo\x17bar\n"), ("abc bar", "gone\x15kept\n\x04")], options=["quiet"])
    assert ended.status == 0
    assert ended.text.count("abc bar\n") == 1 and "\nkept\n" in ended.text and "end" in ended.text


def test_a_line_of_the_log_begins_and_ends_a_line():
    script = "for i in 1 2 3 4 5 6 7 8; do printf 'word %s without an end ' $i; /nothing; done 2> /dev/null; exit 3"
    ended = boot(archive_with("bash"), ["/bin/bash", "-c", f"{script}"], smp=2)
    assert ended.status == 3
    assert ended.log.endswith("the initial task ended with status 3"), ended
    assert ended.text.split("\n")[0] == "".join(f"word {i} without an end " for i in range(1, 9)), ended


def test_what_is_piped_in_comes_as_it_is():
    data = bytes(range(256)) * 200 + b"no end of a line" * 500
    ended = boot(archive_with("bash", "sleep", "md5sum"), ["/bin/bash", "-c", "sleep 1; md5sum"],
                 options=["quiet"], piped=data)
    assert hashlib.md5(data).hexdigest() in ended.text, ended
    ended = boot(archive_with("bash", "cat"), ["/bin/bash", "-c", "read x; echo \"<$x>\"; cat"], options=["quiet"],
                 piped=b"one\ntwo\nthree")
    assert ended.status == 0 and ended.text.strip().split("\n") == ["<one>", "two", "three"], ended


# What is typed must find the program waiting for it: the word comes a second after that.
SOON = "(sleep 1; echo ready)& "


def test_ctrl_c_ends_the_foreground_and_not_the_shell():
    script = f"trap 'echo caught' INT; {SOON} sleep 60; echo $?; exit 4"
    ended = boot(archive_with("bash", "sleep"), ["/bin/bash", "-c", script], typed=[("ready", "\x03")],
                 options=["quiet"])
    assert ended.status == 4
    assert "^C" in ended.text and "caught" in ended.text and "130" in ended.text


def test_what_is_typed_while_it_boots_is_read():
    ended = boot(archive_with("bash"), ["/bin/bash", "-c", "read x; echo \"got $x\""], typed=[("", "early\n")],
                 options=["quiet"])
    assert ended.status == 0 and "got early" in ended.text


def test_raw_mode_gives_single_bytes():
    script = f"{SOON} read -rsn3 x; printf '<%s>\\n' \"$x\""
    ended = boot(archive_with("bash", "sleep"), ["/bin/bash", "-c", script], typed=[("ready", "a\x7fb")],
                 options=["quiet"])
    assert ended.status == 0 and "<a\x7fb>" in ended.text
