# SPDX-License-Identifier: BSD-2-Clause
"""The words of the command lines are those of the man pages and of bash completion."""
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "build" / "gcc"
PAGES = {"ihkosctl": "ihk/man/ihkosctl.1", "ihkconfig": "ihk/man/ihkosctl.1", "ihkmond": "ihk/man/ihkmond.8",
         "mcexec": "mcexec/man/mcexec.1"}
TOOLS = {name: BUILT / ("mcexec" if name == "mcexec" else "ihk") / name for name in PAGES}
# Of each tool the help texts that name its words: its own, and its subcommands'.
HELPS = {"ihkosctl": [[], *([sub] for sub in ("up", "down", "reboot", "status", "top", "metrics")), ["0"],
                      *(["0", sub] for sub in ("assign", "release", "query", "load", "kargs", "boot", "shutdown", "get",
                                               "set", "kmsg", "clear_kmsg", "drop_cache", "freeze", "thaw", "dump",
                                               "inject"))],
         "ihkconfig": [["0"], *(["0", sub] for sub in ("create", "destroy", "reserve", "release", "query", "get"))],
         "ihkmond": [[]], "mcexec": [[]]}


def _help(tool, words):
    done = subprocess.run([TOOLS[tool], *words, "--help"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


def _options(tool):
    return {option for words in HELPS[tool] for option in re.findall(r"(?<![-\w])--[a-z][-a-z]*", _help(tool, words))
            } - {"--help", "--core"}  # that is still gdb's


def _page(tool):
    return re.sub(r"\\f[BIRP]", "", (ROOT / PAGES[tool]).read_text()).replace("\\-", "-")


def _offered(*words):
    """What bash offers for the last of the words."""
    script = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _$1; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", script, "bash", ROOT / "ihk/completion/ihkosctl.bash", *words],
                          stdout=subprocess.PIPE, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("tool", PAGES)
def test_the_page_has_each_option(tool):
    page = _page(tool)
    assert [option for option in sorted(_options(tool)) if option not in page] == []


def test_each_command_has_a_page():
    for tool in PAGES:
        found = [path for path in ROOT.glob(f"*/man/{tool}.[18]")]
        assert len(found) == 1, tool
        assert found[0].read_text() and (found[0] == ROOT / PAGES[tool] or
                                         found[0].read_text() == f".so man1/{Path(PAGES[tool]).name}\n")


def _offered_everywhere(tool):
    if tool == "mcexec":
        return _offered(tool, "-")
    found = _offered(tool, "")
    for words in HELPS[tool]:
        found |= _offered(tool, *words, "-") | _offered(tool, *words, "")
    return found


@pytest.mark.parametrize("tool", PAGES)
def test_bash_offers_each_option(tool):
    offered = _offered_everywhere(tool)
    assert [option for option in sorted(_options(tool)) if option not in offered] == []


def test_bash_offers_what_can_be_asked_for_and_each_fault():
    whats = {"ihkosctl": "status health calls usage ikc_map", "ihkconfig": "os_instances accounts"}
    for tool, known in whats.items():
        text = _help(tool, ["0", "get"])
        assert all(what in text and what in _page(tool) for what in known.split())
        assert set(known.split()) <= _offered(tool, "0", "get", "")
    faults = re.search(r"FAULT TEXT REQUIRED\s+(.*?)\n\n", _help("ihkosctl", ["0", "inject"]), re.S)[1]
    faults = re.split(r",\s*|\s+or\s+", faults.strip())
    assert set(faults) == _offered("ihkosctl", "0", "inject", "") and len(faults) >= 10
    assert [fault for fault in faults if fault not in _page("ihkosctl")] == []


def test_bash_offers_what_is_typed():
    assert _offered("ihkosctl", "re") == {"reboot"}
    assert _offered("ihkosctl", "0", "query", "c") == {"cpu"}
    assert _offered("ihkosctl", "0", "dump", "--level", "") == {"kernel", "full"}
    assert "ls" in _offered("mcexec", "-n", "2", "l")
