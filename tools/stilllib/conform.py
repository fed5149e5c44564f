# SPDX-License-Identifier: BSD-2-Clause
"""still conform: the same program natively and under mcexec in one guest; what it prints, how it ends and which
files it leaves must be the same. The guest's side is tools/guest/conform.py."""
import json
import queue
import signal
import time

from . import conform_alone, conform_cases, packages
from .build import build
from .conform_verdict import AGREES, DIFFERS, DRIVER, GRACE, KNOWN, SAME, Verdict, judge
from .guestlib import Guest
from .paths import ROOT, shown
from .progress import StillError, note, paint, step
from .qemu import Machine

TABLE = ROOT / "docs" / "compatibility.md"


class Runner:
    """Runs cases in a guest that has an instance, and makes both anew when a case broke one of them."""

    def __init__(self, boots, tell=lambda verdict: None):
        self._boots, self._tell = boots, tell
        self._known = conform_cases.known_differences()

    def run(self, cases, ways=("native", "lwk")):
        verdicts, left = [], list(cases)
        while left:
            done = self._run_until_broken(self._boots.ready(), left, ways)
            verdicts += done
            left = left[len(done):]
        return verdicts

    def _run_until_broken(self, guest, cases, ways):
        """The verdicts up to the first case after which guest or instance do not live."""
        arrived, verdicts = queue.Queue(), []
        buffer = bytearray()

        def on_stdout(data):
            nonlocal buffer
            buffer += data
            *lines, buffer = buffer.split(b"\n")
            for line in lines:
                arrived.put(json.loads(line))

        command = guest.spawn(["python3", DRIVER], cwd="/", on_stdout=on_stdout)
        command.write(json.dumps([case.for_guest(ways) for case in cases]).encode())
        command.close_stdin()
        for case in cases:
            runs = [_next_run(guest, command, arrived, case, way) for way in ways]
            if runs[-1] is None:
                way = ways[runs.index(None)]
                verdict = Verdict(case, DIFFERS, self._known.get(case.name, ""), _no_result(guest, command, way))
                self._boots.discard()
            else:
                verdict = judge(case, *runs, self._known)
            broken = runs[-1] and verdict.diff and self._what_broke(guest)
            if broken:
                verdict.diff += f"\n{broken}"
            verdicts.append(verdict)
            self._tell(verdict)
            if broken or runs[-1] is None:
                command.kill(signal.SIGKILL)
                return verdicts
        command.wait(GRACE)
        return verdicts

    def _what_broke(self, guest):
        """What a case did to the instance, if it lives no more."""
        try:
            if guest.state() == "RUNNING":
                return ""
            return "the LWK is " + str(guest.state()) + ":\n" + "\n".join(guest.kmsg().splitlines()[-25:])
        except (StillError, TimeoutError) as error:
            self._boots.discard()
            return f"the guest does not answer: {error}"


def _next_run(guest, command, arrived, case, way):
    """The driver's next line; None if there will be none."""
    deadline = time.monotonic() + case.timeout + GRACE
    while time.monotonic() < deadline:
        try:
            run = arrived.get(timeout=0.2)
        except queue.Empty:
            if guest.is_alive() and command.is_running:
                continue
            if arrived.empty():
                return None
            continue
        assert (run["name"], run["way"]) == (case.name, way), run
        return run
    return None


def _no_result(guest, command, way):
    if not guest.is_alive():
        return f"no result ({way}): the guest ended\n{guest.death().tail}"
    if not command.is_running:
        return f"no result ({way}): the driver ended: {command.wait(0).status} {command.stderr[-2000:]}"
    try:
        log = guest.run(["ihkosctl", "0", "kmsg"], "/", timeout=10).stdout
    except TimeoutError:
        log = ""
    return f"no result ({way}): the driver is silent\n{guest.death().tail}\n{log[-2000:]}"


class Boots:
    """One guest at a time, booted when it is asked for."""

    def __init__(self, machine):
        self._machine, self._guest = machine, None

    def ready(self):
        """A guest with an instance that runs."""
        if self._guest and self._guest.is_alive():
            try:
                self._guest.ensure_up()
                return self._guest
            except (StillError, TimeoutError) as error:
                note(f"the guest is booted anew: {error}")
        self.discard()
        self._guest = Guest(self._machine)
        with step(f"Boot Debian {self._guest.kernel.release}"):
            self._guest.start()
        self._guest.ensure_up()
        return self._guest

    def stop(self):
        if self._guest and self._guest.is_alive():
            self._guest.ensure_down()
            self._guest.stop()

    def discard(self):
        if self._guest:
            self._guest.kill()
            self._guest = None


def run_cases(cases, tell=lambda verdict: None, machine=None, ways=("native", "lwk")):
    boots = Boots(machine or Machine())
    try:
        verdicts = Runner(boots, tell).run(cases, ways)
        boots.stop()
        return verdicts
    finally:
        boots.discard()


def all_cases():
    return conform_cases.programs() + conform_cases.commands()


def quick_cases():
    return [case for case in all_cases() if not case.is_slow]


def _show(verdict):
    colour = {SAME: "green", KNOWN: "yellow", AGREES: "cyan", DIFFERS: "red"}[verdict.verdict]
    native, lwk = verdict.seconds
    reason = f": {verdict.reason}" if verdict.reason else ""
    print(f"{paint(colour, verdict.verdict)}  {verdict.case.name}{reason} "
          f"{paint('dim', f'({native:.1f} s, {lwk:.1f} s)')}", flush=True)
    if verdict.verdict == DIFFERS:
        for line in verdict.diff.splitlines():
            print(f"   | {line}", flush=True)


def _row(verdict):
    note_text = verdict.reason if verdict.verdict == KNOWN else verdict.case.what
    return f"| {verdict.case.name} | {verdict.verdict} | {note_text} |"


HEAD = """# Compatibility

Written by `still conform --write`: each case runs natively and under mcexec in one guest, and what it prints, how it
ends and which files it leaves are compared. The programs are `tests/conform/*.c`, the commands
`tests/conform/cases.toml`, real programs (`app`, with `--apps`) `tests/conform/apps.toml`, the known differences
`tests/conform/differs.toml`. `stress` (with `--stress`) is stress-ng, of which the exit status is compared.
"""


def _rows_of(path):
    """The rows of a table that was written, by area."""
    areas = path.read_text().split("\n## ")[1:] if path.exists() else []
    return {area.partition("\n")[0]: area.splitlines()[3:] for area in areas}


def write_table(verdicts, path=TABLE):
    """Writes the areas of these verdicts; those that were not run (real programs, stressors) stay as they were."""
    fresh = {}
    for verdict in sorted(verdicts, key=lambda verdict: verdict.case.name):
        fresh.setdefault(verdict.case.area, []).append(_row(verdict))
    areas = {**_rows_of(path), **fresh}
    all_rows = [row for rows in areas.values() for row in rows]
    counts = ", ".join(f"{sum(f'| {kind} |' in row for row in all_rows)} {kind}" for kind in (SAME, KNOWN, DIFFERS))
    text = HEAD + f"\n{len(all_rows)} cases: {counts}.\n"
    for area in sorted(areas):
        rows = "\n".join(areas[area])
        text += f"\n## {area}\n| case | verdict | note |\n|---|---|---|\n{rows}\n"
    path.write_text(text)


def _wanted(arguments):
    """The cases that are asked for, with the packages that they need."""
    groups, cases = ["vm", "e2e"], []
    if arguments.apps:
        groups.append("apps")
        cases += conform_cases.apps()
    if arguments.stress:
        packages.need("stress")
        cases += conform_cases.stressors()
    if not arguments.apps and not arguments.stress or arguments.write:
        cases = all_cases() + cases
    if arguments.alone:
        cases = conform_cases.programs()
    if arguments.quick:
        cases = [case for case in cases if not case.is_slow]
    if not arguments.list:
        packages.need(*groups)
    return conform_cases.select(cases, arguments.names)


def _run_all(cases, arguments):
    if arguments.alone:
        return conform_alone.run_cases(cases, _show)
    ways = ("native", "native again") if arguments.native else ("native", "lwk")
    return run_cases(cases, _show, Machine.of(arguments), ways)


def main(arguments):
    cases = _wanted(arguments)
    if arguments.list:
        for case in cases:
            print(f"{case.name:32} {case.what}")
        return 0
    if arguments.write and (arguments.names or arguments.quick or arguments.native or arguments.alone):
        raise StillError("--write makes the whole table: give no names with it", status=2)
    build("gcc", arguments.kernel)
    verdicts = _run_all(cases * arguments.repeat, arguments)
    if arguments.write:
        write_table(verdicts)
        note(f"wrote {shown(TABLE)}")
    failed = [verdict for verdict in verdicts if not verdict.is_good]
    agreeing = sorted({verdict.case.name for verdict in verdicts if verdict.verdict == AGREES})
    if agreeing:
        name = "differs_alone.toml" if arguments.alone else "differs.toml"
        note(f"take out of tests/conform/{name}: {', '.join(agreeing)}")
    print(f"{len(verdicts)} cases, {len(failed)} differ")
    return 1 if failed else 0
