# SPDX-License-Identifier: BSD-2-Clause
import json

import pytest
from stilllib import conform, conform_cases, conform_verdict


def run(**changed):
    return {"status": 0, "stdout": "a\nb\n", "bytes": 4, "sha256": "0" * 64, "stderr": "", "files": ["f -rw------- 1"],
            "seconds": 0, "stuck": 0, **changed}


CASE = conform_cases.Case("area_name", ["true"])


@pytest.mark.parametrize("changed", [
    {"status": 1}, {"status": -11}, {"status": "timeout"}, {"stdout": "a\n"}, {"bytes": 5}, {"sha256": "1" * 64},
    {"files": []}, {"stuck": 1},
])
def test_whatever_differs_is_told(changed):
    assert conform_verdict.judge(CASE, run(), run(**changed), {}).verdict == conform_verdict.DIFFERS
    assert conform_verdict.judge(CASE, run(), run(**changed), {"area_name": "why"}).verdict == conform_verdict.KNOWN


def test_the_same_is_the_same():
    assert conform_verdict.judge(CASE, run(seconds=1), run(stderr="x"), {}).verdict == conform_verdict.SAME
    assert conform_verdict.judge(CASE, run(), run(), {"area_name": "why"}).verdict == conform_verdict.AGREES


def test_the_head_of_a_program_is_read(tmp_path):
    path = tmp_path / "sched_yield.c"
    path.write_text("// SPDX\n// Two threads\n// take turns.\n// covers: sched_yield, getcpu\n// timeout: 90\n// slow\n"
                    "int x;\n")
    case = conform_cases.read_program(path)
    assert (case.area, case.what, case.timeout, case.is_slow) == ("sched", "Two threads take turns.", 90, True)
    assert case.covers == ("sched_yield", "getcpu")


def test_each_known_difference_is_a_case():
    ours = {name for name in conform_cases.known_differences() if not name.startswith("stress_")}
    assert ours <= {case.name for case in conform.all_cases() + conform_cases.apps()}


def test_the_table_keeps_what_was_not_run(tmp_path):
    def verdicts(verdict, *names):
        return [conform_verdict.Verdict(conform_cases.Case(name, ["x"], "what it is"), verdict) for name in names]

    table = tmp_path / "table.md"
    conform.write_table(verdicts(conform_verdict.SAME, "b_two", "a_one", "b_one"), table)
    conform.write_table(verdicts(conform_verdict.DIFFERS, "b_three"), table)
    text = table.read_text()
    assert "\n2 cases: 1 same, 0 known to differ, 1 DIFFERS.\n" in text
    assert text.index("| a_one | same | what it is |") < text.index("| b_three | DIFFERS |")
    assert "b_two" not in text


class FakeGuest:
    """Runs each case at once, but never answers for one called area_silent, and dies at area_deadly."""

    def __init__(self):
        self.is_up, self.stderr, self.is_running = True, "", True

    def spawn(self, argv, cwd, on_stdout):
        self.on_stdout = on_stdout
        return self

    def write(self, data):
        for case in json.loads(data):
            for way in case["ways"]:
                if case["name"] == "area_silent" and way == "lwk":
                    return
                if case["name"] == "area_deadly":
                    self.is_up = False
                    return
                self.on_stdout(json.dumps({"name": case["name"], "way": way, **run()}).encode() + b"\n")

    def is_alive(self):
        return self.is_up

    def death(self):
        return conform.StillError("died", tail="its last words")

    def run(self, *_, **__):
        raise TimeoutError

    def close_stdin(self):
        pass

    def kill(self, signal):
        pass

    def wait(self, timeout):
        pass


class FakeBoots:
    def __init__(self):
        self.boots, self.guest = 0, None

    def ready(self):
        if not self.guest or not self.guest.is_alive():
            self.boots += 1
            self.guest = FakeGuest()
        return self.guest

    def discard(self):
        self.guest = None


def test_a_silent_or_dead_guest_is_booted_anew_and_the_run_goes_on(monkeypatch):
    monkeypatch.setattr(conform, "GRACE", 0)
    names = ["area_one", "area_silent", "area_two", "area_deadly", "area_three"]
    boots = FakeBoots()
    verdicts = conform.Runner(boots).run([conform_cases.Case(name, ["x"], timeout=0.3) for name in names])
    same, differs = conform_verdict.SAME, conform_verdict.DIFFERS
    assert [verdict.verdict for verdict in verdicts] == [same, differs] * 2 + [same]
    assert "(lwk): the driver is silent" in verdicts[1].diff
    assert "(native): the guest ended" in verdicts[3].diff and "its last words" in verdicts[3].diff
    assert boots.boots == 3
