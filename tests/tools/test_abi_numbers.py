# SPDX-License-Identifier: BSD-2-Clause
"""Kinds of messages, calls and states: no two of an enumeration have one number."""
import collections
import re
from pathlib import Path

import pytest

HEADERS = Path(__file__).resolve().parents[2] / "include" / "stillcore"
ENUM = re.compile(r"\benum\s+(\w+)?\s*\{(.*?)\}", re.DOTALL)
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
NUMBER = re.compile(r"(\w+)\s*=\s*(0x[0-9a-fA-F]+|\d+)\b\s*(?=,|$)")


def numbers_of(body):
    names = collections.defaultdict(list)
    for name, number in NUMBER.findall(body):
        names[int(number, 0)].append(name)
    return names


def enumerations():
    for header in sorted(HEADERS.glob("*.h")):
        for match in ENUM.finditer(COMMENT.sub("", header.read_text())):
            yield pytest.param(match[2], id=f"{header.name}:{match[1] or match[2].split()[0].rstrip(',')}")


@pytest.mark.parametrize("body", enumerations())
def test_numbers_differ(body):
    assert {number: names for number, names in numbers_of(body).items() if len(names) > 1} == {}


def test_the_messages_are_looked_at():
    body = next(match[2] for match in ENUM.finditer(COMMENT.sub("", (HEADERS / "ikc.h").read_text()))
                if "STILL_MSG_REPLY" in match[2])
    assert len(numbers_of(body)) > 30
