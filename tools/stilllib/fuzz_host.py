# SPDX-License-Identifier: BSD-2-Clause
"""still fuzz-host: libFuzzer on the code that reads what others wrote (tests/fuzz), with ASan and UBSan."""
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
FLAGS = ["-std=c++23", "-g", "-O1", "-D_GNU_SOURCE", "-DFMT_HEADER_ONLY", "-fsanitize=fuzzer,address,undefined",
         "-fno-sanitize-recover=all", f"-I{ROOT}/include", f"-I{ROOT}/ihk/lib/include", f"-I{ROOT}/ihk/lib/src",
         f"-I{ROOT}/kernel", f"-I{ROOT}/mcexec"]


def _build(name):
    program = PLACE / name
    run_logged(["clang++-19", *FLAGS, "-o", program, HARNESSES / f"{name}.cpp",
                *(ROOT / source for source in TARGETS[name])], f"fuzz-{name}", f"the build of {name}")
    return program


def _fuzz(name, seconds):
    """How many inputs were tried, and how many are worth keeping."""
    program, found = _build(name), PLACE / f"{name}.corpus"
    found.mkdir(exist_ok=True)
    done = subprocess.run([program, found, HARNESSES / "corpus" / name, f"-max_total_time={seconds}", "-max_len=8192",
                           "-print_final_stats=1", f"-artifact_prefix={PLACE}/{name}."],
                          cwd=PLACE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          check=False)
    (PLACE / f"{name}.log").write_text(done.stdout)
    if done.returncode != 0:
        raise StillError(f"{name}: an input breaks it", shown(PLACE / f"{name}.log"), done.stdout[-2500:])
    last = [line for line in done.stdout.splitlines() if " cov: " in line][-1].split()
    tried = next(line.split()[-1] for line in done.stdout.splitlines() if "number_of_executed_units" in line)
    return f"{tried} inputs, {last[last.index('cov:') + 1]} branches"


def main(arguments):
    packages.need("clang", "fuzz")
    if unknown := [name for name in arguments.names if name not in TARGETS]:
        raise StillError(f"no harness {unknown[0]}: there are {', '.join(TARGETS)}", status=2)
    PLACE.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or TARGETS:
        with step(f"Fuzz {name} for {arguments.seconds} s") as told:
            told(_fuzz(name, arguments.seconds))
    return 0
