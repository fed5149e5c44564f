# SPDX-License-Identifier: BSD-2-Clause
"""The command line of tools/still."""
import argparse
import importlib
import os
import sys
from pathlib import Path

from .progress import StillError, report


def _kernel_options(parser):
    parser.add_argument("--kernel", metavar="NAME", help="Debian kernel: the newest of bookworm (default), trixie or "
                                                         "sid, or a release, as 6.1.0-56-amd64")
    parser.add_argument("--x2apic", action="store_true", help="CPUs in x2APIC mode, interrupts remapped")


def _machine_options(parser, smp=4, mem="4G"):
    parser.add_argument("--smp", type=int, default=smp, metavar="N", help=f"CPUs of the guest (default {smp})")
    parser.add_argument("--mem", default=mem, metavar="SIZE", help=f"memory of the guest (default {mem})")
    parser.add_argument("--numa", action="store_true", help="two NUMA nodes")
    _kernel_options(parser)


def _alone_options(parser):
    parser.add_argument("--with", dest="more", action="append", default=[], metavar="PATH",
                        help="a file or a directory of this machine that the program needs, too; several times")
    parser.add_argument("--env", action="append", default=[], metavar="NAME[=VALUE]",
                        help="in the initial task's environment; without a value: as it is here")
    parser.add_argument("--option", action="append", default=[], metavar="WORD",
                        help="an option for the kernel (docs/boot.md); several times")


def _build(arguments):
    from .build import build
    for preset in arguments.preset or ["gcc"]:
        build(preset, arguments.kernel, quiet=False)
    return 0


def _vm(arguments):
    from . import vm
    from .qemu import Machine
    command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    if not command:
        raise StillError("no command given: still vm [options] -- COMMAND", status=2)
    return vm.run(Machine.of(arguments), command, not arguments.no_lwk, timeout=arguments.timeout,
                  kernel_name=arguments.kernel)


def _shell(arguments):
    from . import vm
    from .qemu import Machine
    return vm.run(Machine.of(arguments), ["bash", "-i"], not arguments.no_lwk, use_tty=os.isatty(0),
                  kernel_name=arguments.kernel)


def _run_module(name):
    """A subcommand in a module of its own, loaded when it is asked for."""
    return lambda arguments: importlib.import_module(f".{name}", __package__).main(arguments)


def _parser():
    parser = argparse.ArgumentParser(prog="still", description="Builds, boots and tests Stillcore.")
    commands = parser.add_subparsers(dest="verb", metavar="COMMAND", required=True)

    def add(name, handler, text):
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(handler=handler)
        return sub

    sub = add("build", _build, "build what is stale")
    sub.add_argument("preset", nargs="*", help="gcc (default), clang, asan, tsan")
    sub.add_argument("--kernel", metavar="NAME", help="the kernel for the module, as of still vm")

    sub = add("vm", _vm, "run a command in the guest, with the LWK beside it")
    _machine_options(sub)
    sub.add_argument("--no-lwk", action="store_true", help="take nothing from the guest; do not load the module")
    sub.add_argument("--timeout", type=float, metavar="SECONDS", help="kill the command after so long (status 124)")
    sub.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")

    sub = add("shell", _shell, "an interactive shell in the guest")
    _machine_options(sub)
    sub.add_argument("--no-lwk", action="store_true", help="take nothing from the guest; do not load the module")

    sub = add("gdb", _run_module("gdb"), "gdb on the LWK, with symbols and printers")
    _machine_options(sub)
    sub.add_argument("--alone", action="store_true", help="boot the LWK alone, running its own tests")
    sub.add_argument("--core", metavar="FILE", help="look at what ihkosctl N dump wrote, from an LWK of this build")
    sub.add_argument("--batch", metavar="COMMANDS", help="run these gdb commands (separated by ;) and leave")
    sub.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="what to run in the guest")

    sub = add("alone", _run_module("run_alone"), "boot the LWK without Linux, with a program as its initial task")
    _alone_options(sub)
    sub.add_argument("--smp", type=int, default=4, metavar="N", help="CPUs (default 4)")
    sub.add_argument("--mem", default="512M", metavar="SIZE", help="memory, as 512M or 4G (default 512M)")
    sub.add_argument("--nodes", type=int, default=1, metavar="N", help="NUMA nodes (default 1)")
    sub.add_argument("--icount", action="store_true", help="a TSC tick is an instruction: the same each time")
    sub.add_argument("--timeout", type=float, metavar="SECONDS", help="end the machine after so long (status 124)")
    sub.add_argument("--verbose", action="store_true", help="show the kernel's log, too")
    sub.add_argument("command", nargs=argparse.REMAINDER, metavar="-- PROGRAM ARGUMENTS",
                     help="of this machine, with its libraries (default: the built-in initial task)")

    sub = add("iso", _run_module("iso"), "make the ISO that boots the LWK alone, from BIOS and from UEFI")
    _alone_options(sub)
    sub.add_argument("--init", metavar="PROGRAM", help="the initial task: a program of this machine")
    sub.add_argument("--initramfs", metavar="DIR", help="a directory that becomes the root; its /init runs, or --init "
                                                        "as a path in it")
    sub.add_argument("--boot", action="store_true", help="boot it, too: it runs the in-LWK tests")
    sub.add_argument("command", nargs=argparse.REMAINDER, metavar="-- ARGUMENTS", help="of the initial task")

    sub = add("menuconfig", _run_module("menuconfig"), "choose how the LWK is built, in a menu")
    sub.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="without the menu; several times")

    sub = add("package", _run_module("package"), "make the Debian packages, in build/packages")
    sub.add_argument("--check", action="store_true", help="then install them in a new Debian 12 with systemd, boot it, "
                     "run a job there, upgrade, remove and purge (downloads 300 MB)")

    sub = add("test", _run_module("suites"), "run all tests, or some suites")
    sub.add_argument("names", nargs="*", metavar="NAME", help="suites (default: all)")
    _kernel_options(sub)  # for e2e and numa
    sub.add_argument("--list", action="store_true", help="name the suites")

    sub = add("conform", _run_module("conform"), "compare programs natively and under mcexec")
    _machine_options(sub)
    sub.add_argument("names", nargs="*", metavar="NAME", help="cases, patterns or areas (default: all)")
    sub.add_argument("--list", action="store_true", help="name the cases")
    sub.add_argument("--apps", action="store_true", help="real programs, installed here if they are missing")
    sub.add_argument("--stress", action="store_true", help="the stressors of stress-ng")
    sub.add_argument("--quick", action="store_true", help="without the slow cases")
    sub.add_argument("--repeat", type=int, default=1, metavar="N", help="all of it N times")
    sub.add_argument("--native", action="store_true", help="natively twice: does a case agree with itself?")
    sub.add_argument("--alone", action="store_true", help="the programs on the LWK alone, without Linux")
    sub.add_argument("--write", action="store_true", help="write docs/compatibility.md")

    sub = add("fuzz", _run_module("fuzz"), "random system calls on the LWK, for a time")
    _machine_options(sub)
    sub.add_argument("--minutes", type=float, default=10, metavar="N", help="how long (default 10)")
    sub.add_argument("--seed", type=int, metavar="S", help="where to begin (default: by the clock)")
    sub.add_argument("--calls", type=int, default=3000, metavar="N", help="of each thread of a program (default 3000)")

    sub = add("fuzz-host", _run_module("fuzz_host"), "libFuzzer on parsers and rings, here, with sanitizers")
    sub.add_argument("names", nargs="*", metavar="NAME", help="harnesses of tests/fuzz (default: all)")
    sub.add_argument("--seconds", type=int, default=60, metavar="N", help="for each (default 60)")
    sub.add_argument("--until-still", action="store_true", help="again for so long, until that finds no new branch")
    sub.add_argument("--write", action="store_true", help="put the fewest inputs that take all branches seen into "
                     "tests/fuzz/corpus")

    sub = add("soak", _run_module("soak"), "programs started and killed at random on the LWK; then no page is missing")
    _machine_options(sub)
    sub.add_argument("--minutes", type=float, default=30, metavar="N", help="how long (default 30)")
    sub.add_argument("--seed", type=int, default=1, metavar="S", help="what is started and killed when (default 1)")

    sub = add("cycles", _run_module("cycles"), "reserve, boot, run, shut down, release, killed at random; all is back")
    _machine_options(sub)
    sub.add_argument("--count", type=int, default=500, metavar="N", help="how many (default 500)")
    sub.add_argument("--seed", type=int, default=1, metavar="S", help="what is killed when (default 1)")

    sub = add("storm", _run_module("storm"), "memory that changes under those who use it, for a time")
    _machine_options(sub)
    sub.add_argument("--minutes", type=float, default=30, metavar="N", help="how long (default 30)")
    sub.add_argument("--take", metavar="MEM", help="memory of the instance: 2g or more for entries of 1 GiB, with a "
                                                   "--mem of twice as much (default: a quarter)")

    sub = add("starve", _run_module("starve"), "what the module asks of Linux is refused, one by one; nothing is lost")
    _machine_options(sub)
    sub.add_argument("names", nargs="*", metavar="NAME", help="operations (default: all): up, reboot, memory, dump, "
                                                              "true, program")
    sub.add_argument("--verbose", action="store_true", help="tell what was said to each refusal")

    sub = add("cg", _run_module("cg"), "a conjugate-gradient program on Linux, beside it and alone: the same digits")
    sub.add_argument("size", nargs="?", default="A", choices=["S", "W", "A"], help="NAS's class (default A)")
    sub.add_argument("--threads", type=int, default=4, metavar="N", help="of OpenMP (default 4)")
    sub.add_argument("--pairs", type=int, default=1, metavar="N", help="run each N times, in turn (default 1)")

    sub = add("demo", _run_module("demo"), "unmodified Debian programs on cores that Linux gave up")
    sub.add_argument("--packages", action="store_true", help="with the packages, made and installed in a new Debian 12 "
                     "that boots with systemd, in place of this tree's build; a quarter of an hour")

    sub = add("lint", _run_module("lint"), "format, style, layers and static checks")
    sub.add_argument("names", nargs="*", metavar="NAME", help="checks (default: all)")
    sub.add_argument("--fix", action="store_true", help="let clang-format rewrite files")

    sub = add("bench", _run_module("bench"), "measure the LWK against Linux, and write docs/measurements.md")
    sub.add_argument("names", nargs="*", metavar="NAME", help="rows (default: all, and the page is written)")
    sub.add_argument("--list", action="store_true", help="name the rows")
    sub.add_argument("--pairs", type=int, default=5, metavar="N",
                     help="pairs of runs for times (default 5; 15 at least for whole programs); 0: instructions only")
    sub.add_argument("--json", type=Path, metavar="FILE", help="write the rows there, too")
    sub.add_argument("--renew", action="store_true", help="put the rows named into the page, in place of what it has")

    sub = add("ratchet", _run_module("ratchet"), "count the hot paths' instructions: they may only fall")
    sub.add_argument("names", nargs="*", metavar="NAME", help="paths (default: all of bench/ratchet.toml)")
    sub.add_argument("--write", action="store_true", help="write numbers that have fallen to bench/ratchet.toml")
    return parser


def main():
    arguments = _parser().parse_args()
    try:
        return arguments.handler(arguments)
    except StillError as error:
        report(error)
        return error.status
    except KeyboardInterrupt:
        print("still: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 141
