# SPDX-License-Identifier: BSD-2-Clause
"""still fuzz-host: libFuzzer on the code that reads what others wrote (tests/fuzz), with ASan and UBSan."""
import shutil
import subprocess

from . import packages
from .paths import ROOT, shown
from .progress import StillError, step
from .shell_out import run_logged

PLACE = ROOT / "build" / "fuzz"
HARNESSES = ROOT / "tests" / "fuzz"
# Each harness with the sources that it tries.
TARGETS = {
    "grammar": ["ihk/lib/src/parse.cpp"],
    "config": ["ihk/lib/src/config.cpp", "ihk/lib/src/parse.cpp"],
    "image": ["ihk/lib/src/image.cpp"],
    "ring": [],
    "boot_block": [],
    "slot": ["mcexec/slot_server.cpp"],
    "dump": ["ihk/lib/src/dump_pages.cpp"],
    "cpio": ["kernel/services/cpio.cpp"],
    "elf": ["kernel/services/elf.cpp"],
    "acpi": ["kernel/base/acpi.cpp", "kernel/base/acpi_nodes.cpp"],
}
FLAGS = ["-std=c++23", "-D_GNU_SOURCE", "-DFMT_HEADER_ONLY", "-fsanitize=fuzzer,address,undefined",
         "-fno-sanitize-recover=all", f"-I{ROOT}/include", f"-I{ROOT}/ihk/lib/include", f"-I{ROOT}/ihk/lib/src",
         f"-I{ROOT}/kernel", f"-I{ROOT}/mcexec"]


SEARCHING = ("-g", "-O1")
ONCE = ("-gline-tables-only", "-O0")  # half of the time to build, where little is run


def _build(name, how=SEARCHING):
    program = PLACE / name
    run_logged(["clang++-19", *FLAGS, *how, "-o", program, HARNESSES / f"{name}.cpp",
                *(ROOT / source for source in TARGETS[name])], f"fuzz-{name}", f"the build of {name}")
    return program


def _libfuzzer(name, program, *arguments):
    done = subprocess.run([program, *arguments], cwd=PLACE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", check=False)
    (PLACE / f"{name}.log").write_text(done.stdout)
    if done.returncode != 0:
        raise StillError(f"{name}: an input breaks it", shown(PLACE / f"{name}.log"), done.stdout[-2500:])
    return done.stdout


def _round(name, program, seconds):
    """How many inputs were tried, and how many branches all of them took."""
    found = PLACE / f"{name}.corpus"
    found.mkdir(exist_ok=True)
    said = _libfuzzer(name, program, found, HARNESSES / "corpus" / name, f"-max_total_time={seconds}", "-max_len=8192",
                      "-print_final_stats=1", f"-artifact_prefix={PLACE}/{name}.")
    last = [line for line in said.splitlines() if " cov: " in line][-1].split()
    tried = next(line.split()[-1] for line in said.splitlines() if "number_of_executed_units" in line)
    return int(tried), int(last[last.index("cov:") + 1])


def _fuzz(name, seconds, until_still):
    program = _build(name)
    rounds, tried, branches, before = 0, 0, 0, -1
    while rounds == 0 or until_still and branches > before:
        before = branches
        inputs, branches = _round(name, program, seconds)
        rounds, tried = rounds + 1, tried + inputs
    return f"{tried} inputs, {branches} branches" + (f", {rounds} rounds" if until_still else "")


def _keep(name):
    """The fewest inputs that take all branches seen become the corpus."""
    corpus, fewest = HARNESSES / "corpus" / name, PLACE / f"{name}.fewest"
    shutil.rmtree(fewest, ignore_errors=True)
    fewest.mkdir()
    _libfuzzer(name, PLACE / name, "-merge=1", fewest, corpus, PLACE / f"{name}.corpus")
    shutil.rmtree(corpus)
    shutil.copytree(fewest, corpus)
    files = list(corpus.iterdir())
    return f"{len(files)} files, {sum(file.stat().st_size for file in files)} bytes"


def harnesses():
    """Those that are there, and those that are said to be."""
    return sorted({*TARGETS, *(file.stem for file in HARNESSES.glob("*.cpp"))})


def run_corpus(name):
    """Builds a harness and runs it on each input of its corpus, once."""
    PLACE.mkdir(parents=True, exist_ok=True)
    if name not in TARGETS:
        raise StillError(f"tests/fuzz/{name}.cpp: tools/stilllib/fuzz_host.py does not name its sources")
    corpus = HARNESSES / "corpus" / name
    if not any(corpus.glob("*")):
        raise StillError(f"{shown(corpus)} has no input")
    _libfuzzer(name, _build(name, ONCE), corpus, "-runs=0")


def main(arguments):
    packages.need("clang", "fuzz")
    if unknown := [name for name in arguments.names if name not in TARGETS]:
        raise StillError(f"no harness {unknown[0]}: there are {', '.join(TARGETS)}", status=2)
    PLACE.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or TARGETS:
        with step(f"Fuzz {name} for {arguments.seconds} s") as told:
            told(_fuzz(name, arguments.seconds, arguments.until_still))
        if arguments.write:
            with step(f"Keep what {name} has found") as told:
                told(_keep(name))
    return 0
