# SPDX-License-Identifier: BSD-2-Clause
"""A whole run: some suites go on beside the guests, and none is lost."""
import argparse
import os
import threading

import pytest
from stilllib import packages, suites
from stilllib.progress import StillError


def suite_of(log, name, failures=0):
    def suite(_):
        log.append((name, os.getpriority(os.PRIO_PROCESS, threading.get_native_id())))
        outcome = suites.Outcome()
        for i in range(failures):
            outcome.add(f"{name} {i}", False)
        outcome.add(name, True)
        return outcome
    return suite


@pytest.fixture
def log(monkeypatch, tmp_path):
    log = []
    monkeypatch.setattr(packages, "need", lambda *_: None)
    monkeypatch.setattr(suites, "LOGS", tmp_path)
    names = ("build", "unit", "e2e", "lint", "long")
    monkeypatch.setattr(suites, "SUITES", {name: suite_of(log, name) for name in names})
    monkeypatch.setattr(suites, "GUESTS_FROM", "e2e")
    monkeypatch.setattr(suites, "BESIDE", ("unit", "lint"))
    return log


def run(*names):
    return suites.main(argparse.Namespace(list=False, names=list(names)))


def test_a_whole_run_runs_each_suite_once(log, capsys):
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    assert run() == 0
    assert dict(log) == {"build": mine, "e2e": mine, "unit": 19, "lint": 19} and len(log) == 4
    assert capsys.readouterr().out.splitlines()[-1] == "4 passed, 0 failed, 0 skipped"


def test_what_takes_long_runs_by_name(log):
    assert run("long") == 0
    assert [name for name, _ in log] == ["long"]


def test_suites_by_name_run_in_their_order(log):
    assert run("lint", "build") == 0
    assert [name for name, _ in log] == ["lint", "build"]


@pytest.mark.parametrize("name", ["e2e", "lint"])
def test_a_failure_is_one_wherever_it_runs(log, monkeypatch, name):
    monkeypatch.setitem(suites.SUITES, name, suite_of(log, name, failures=1))
    assert run() == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_suite_that_breaks_down_beside_is_not_lost(log, monkeypatch):
    def breaks(_):
        raise OSError("no such file")

    monkeypatch.setitem(suites.SUITES, "unit", breaks)
    with pytest.raises(StillError, match="2 of 4"):
        run()
