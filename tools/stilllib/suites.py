# SPDX-License-Identifier: BSD-2-Clause
"""still test: all suites, each with its counts."""
import os
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field

from . import alone, conform, fuzz_host, lint, packages
from .build import build
from .paths import BUILD, LOGS, ROOT, shown
from .progress import StillError, paint
from .shell_out import tail_of


@dataclass
class Outcome:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: list = field(default_factory=list)  # (name, log path or None, tail)

    def add(self, name, is_good, log=None, tail=None):
        if is_good:
            self.passed += 1
        else:
            self.failed += 1
            self.failures.append((name, log, tail))

    def add_junit(self, path):
        """Counts of a JUnit file as GoogleTest and pytest write it."""
        for case in ElementTree.parse(path).getroot().iter("testcase"):
            wrong = case.find("failure") if case.find("failure") is not None else case.find("error")
            name = f"{case.get('classname')}.{case.get('name')}"
            if wrong is not None:
                self.add(name, False, None, (wrong.text or wrong.get("message") or "")[-4000:])
            elif case.find("skipped") is not None or case.get("status") == "notrun":
                self.skipped += 1
            else:
                self.passed += 1


def _build_suite(preset):
    def suite(_):
        outcome = Outcome()
        try:
            build(preset)
            outcome.add(f"build {preset}", True)
        except StillError as error:
            outcome.add(f"build {preset}: {error}", False, error.log, error.tail)
        return outcome
    return suite


def _ctest(preset, *selection):
    """ctest of a preset. GoogleTest programs count by their cases, all else by the ctest test."""
    def suite(_):
        build(preset)
        results = BUILD / preset / "gtest"
        results.mkdir(exist_ok=True)
        for old in results.glob("*.xml"):
            old.unlink()
        junit = BUILD / preset / "ctest.xml"
        junit.unlink(missing_ok=True)
        log = LOGS / f"ctest-{preset}.log"
        env = {**os.environ, "GTEST_OUTPUT": f"xml:{results}/",
               "ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1"}
        with log.open("wb") as output:
            subprocess.run(["ctest", "--test-dir", BUILD / preset, "--output-on-failure", "--output-junit", junit,
                            "-j", str(os.cpu_count() or 2), *selection], stdin=subprocess.DEVNULL, stdout=output,
                           stderr=subprocess.STDOUT, env=env, check=False)
        outcome = Outcome()
        if not junit.exists():
            outcome.add("ctest", False, log, tail_of(log))
            return outcome
        for case in ElementTree.parse(junit).getroot().iter("testcase"):
            name = case.get("name")
            is_good = case.get("status") == "run"
            cases = results / f"{name}.xml"
            if cases.exists():
                before = outcome.failed
                outcome.add_junit(cases)
                if not is_good and outcome.failed == before:  # a sanitizer or a crash after the last case
                    outcome.add(name, False, log, (case.findtext("system-out") or "")[-4000:])
            else:
                outcome.add(name, is_good, log, (case.findtext("system-out") or "")[-4000:])
        if not outcome.passed + outcome.failed:
            outcome.add(f"{preset}: no test was found", False, log)
        return outcome
    return suite


def _lint(_):
    packages.need("lint")
    outcome = Outcome()
    for name in lint.CHECKS:
        is_good, log = lint.run_check(name)
        outcome.add(name, is_good, log, tail_of(log))
    return outcome


def _fuzz(_):
    packages.need("clang", "fuzz")
    outcome = Outcome()
    for name in fuzz_host.harnesses():
        try:
            fuzz_host.run_corpus(name)
            outcome.add(name, True)
        except StillError as error:
            outcome.add(f"{name}: {error}", False, error.log, error.tail)
    return outcome


def _count_tap(outcome, name, run):
    tap, wrong, log = run
    outcome.passed += len(tap.passed)
    outcome.skipped += len(tap.skipped)
    for failed in tap.failed:
        outcome.add(f"{name}: {failed}", False, log, tail_of(log))
    if wrong:
        outcome.add(f"{name}: {wrong}", False, log, tail_of(log))


def _lwk(_):
    packages.need("vm")
    build("gcc")
    outcome = Outcome()
    for smp in (1, 4):
        _count_tap(outcome, f"smp {smp}", alone.run(f"lwk-smp{smp}", smp, alone.pvh()))
    return outcome


def _pytest(directory, *selection):
    def suite(arguments):
        packages.need("e2e", "vm")
        options = []
        if directory == "tests/alone":
            packages.need("iso", "menuconfig")
            build("gcc")
        if directory == "tests/e2e":
            build("gcc", arguments.kernel)
            options += [f"--kernel={arguments.kernel}"] if arguments.kernel else []
            options += ["--x2apic"] if arguments.x2apic else []
        name = "-".join([directory.rsplit("/", maxsplit=1)[-1], *(word for word in selection if word.isalnum())])
        junit, log = LOGS / f"{name}.xml", LOGS / f"{name}.log"
        junit.unlink(missing_ok=True)
        LOGS.mkdir(parents=True, exist_ok=True)
        env = {**os.environ, "PYTHONPATH": str(ROOT / "tools"), "PYTHONDONTWRITEBYTECODE": "1"}
        with log.open("wb") as output:
            subprocess.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-v", "--tb=short",
                            f"--junitxml={junit}", directory, *selection, *options],
                           stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                           cwd=ROOT, env=env, check=False)
        outcome = Outcome()
        if not junit.exists():
            outcome.add("pytest", False, log, tail_of(log))
            return outcome
        outcome.add_junit(junit)
        if not outcome.passed + outcome.failed:
            outcome.add(f"{name}: no test was found", False, log)
        outcome.failures = [(what, place or log, tail) for what, place, tail in outcome.failures]
        return outcome
    return suite


def _conform(_):
    packages.need("vm", "e2e")
    build("gcc")
    outcome = Outcome()
    log = LOGS / "conform.log"
    with log.open("w") as output:
        def tell(verdict):
            output.write(f"{verdict.verdict}  {verdict.case.name}\n{verdict.diff}\n")
            output.flush()

        for verdict in conform.run_cases(conform.quick_cases(), tell):
            outcome.add(f"{verdict.case.name}: {verdict.verdict}", verdict.is_good, log, verdict.diff)
    return outcome


def _clang(arguments):
    """What clang makes, with another choice than menuconfig's defaults, boots."""
    outcome = _build_suite("clang")(arguments)
    if not outcome.failed:
        ran = _pytest("tests/alone", "-m", "clang")(arguments)
        outcome = Outcome(outcome.passed + ran.passed, ran.failed, ran.skipped, ran.failures)
    return outcome


SUITES = {
    "build": _build_suite("gcc"),
    "tools": _pytest("tests/tools"),
    "checks": _ctest("gcc", "-LE", "unit"),
    "unit": _ctest("asan", "-L", "unit"),
    "tsan": _ctest("tsan", "-L", "tsan"),
    "lwk": _lwk,
    "alone": _pytest("tests/alone", "-m", "not clang"),
    "e2e": _pytest("tests/e2e", "-m", "not numa and not long"),
    "conform": _conform,
    "numa": _pytest("tests/e2e", "-m", "numa"),
    "clang": _clang,
    "fuzz": _fuzz,
    "lint": _lint,
    "long": _pytest("tests/e2e", "-m", "long"),
}
ONLY_BY_NAME = ("long",)
# These compile and compute, but for the last, which boots the LWK without Linux. A whole run does them beside the
# guests, which mostly wait, at the lowest priority.
BESIDE = ("unit", "tsan", "clang", "fuzz", "lint", "alone")
GUESTS_FROM = "lwk"


def _show(name, outcome, seconds):
    counts = f"{outcome.passed} passed, {outcome.failed} failed, {outcome.skipped} skipped"
    mark = paint("red", "FAILED") if outcome.failed else paint("green", "ok    ")
    print(f"{mark} {name:8} {counts} ({seconds:.0f} s)", flush=True)
    for what, log, tail in outcome.failures:
        print(f"   {what}")
        for line in (tail or "").rstrip().splitlines()[-25:]:
            print(f"   | {line}")
        if log:
            print(f"   log: {shown(log)}", flush=True)


def _run(name, arguments):
    started = time.monotonic()
    try:
        outcome = SUITES[name](arguments)
    except StillError as error:
        outcome = Outcome()
        outcome.add(f"{name}: {error}", False, error.log, error.tail)
    _show(name, outcome, time.monotonic() - started)
    return outcome


def _run_beside(names, arguments, outcomes):
    # Linux has a priority for each thread; its children inherit it.
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
    for name in names:
        outcomes.append(_run(name, arguments))


def main(arguments):
    if arguments.list:
        print("\n".join(SUITES))
        return 0
    unknown = [name for name in arguments.names if name not in SUITES]
    if unknown:
        raise StillError(f"no suite '{unknown[0]}': there are {', '.join(SUITES)}", status=2)
    LOGS.mkdir(parents=True, exist_ok=True)
    names = arguments.names or [name for name in SUITES if name not in ONLY_BY_NAME]
    # Beside guests only when nothing was chosen: who names suites wants them one after the other.
    beside = [] if arguments.names else list(BESIDE)
    outcomes = []
    if beside:
        # Nobody installs anything while others run.
        packages.need("build", "unit", "clang", "fuzz", "lint", "vm", "e2e", "iso", "menuconfig")
    worker = threading.Thread(target=_run_beside, args=(beside, arguments, outcomes), daemon=True)
    for name in names:
        if beside and name == GUESTS_FROM:
            worker.start()
        if name not in beside:
            outcomes.append(_run(name, arguments))
    if beside:
        worker.join()
        if len(outcomes) != len(names):
            raise StillError(f"{len(outcomes)} of {len(names)} suites ran")
    passed, failed, skipped = (sum(getattr(outcome, what) for outcome in outcomes)
                               for what in ("passed", "failed", "skipped"))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0
