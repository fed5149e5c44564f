# SPDX-License-Identifier: BSD-2-Clause
"""What the console of an LWK alone becomes when it is not shown on a terminal."""
import pytest
from stilllib.run_alone import as_typed, copy_lines


class Source:
    def __init__(self, *parts):
        self.parts = list(parts)

    def read1(self, _):
        return self.parts.pop(0) if self.parts else b""


@pytest.mark.parametrize("parts, told", [
    ([b"a\r\nb\r\n"], b"a\nb\n"),
    ([b"a\r", b"\nb"], b"a\nb"),          # cut in the middle of a line's end
    ([b"50%\r100%\r", b"\r\n"], b"50%\r100%\r\n"),
    ([b"a\r"], b"a\r"),
    ([], b""),
])
def test_lines_end_as_in_a_file(parts, told):
    out = bytearray()
    copy_lines(Source(*parts), out.extend)
    assert bytes(out) == told


def test_what_a_terminal_would_obey_is_typed_as_it_is():
    assert as_typed(b"plain\ntext\n") == b"plain\ntext\n"
    assert as_typed(b"\x03 \x04\r\n") == b"\x16\x03 \x16\x04\x16\r\n"
    assert as_typed(b"no end") == b"no end\x04"
    assert as_typed(b"x" * 1500 + b"\n") == b"x" * 1000 + b"\x04" + b"x" * 500 + b"\n"
