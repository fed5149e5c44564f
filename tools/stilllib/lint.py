# SPDX-License-Identifier: BSD-2-Clause
"""still lint: one bundle, the same for CI and for a developer before a commit."""
import hashlib
import itertools
import json
import os
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from . import packages, suite_kernels
from .build import build
from .paths import BUILD, CACHE, GCC, LOGS, MODULE, ROOT, shown
from .progress import StillError, paint, say
from .shell_out import output_of, tail_of

CODE = (".c", ".h", ".cpp", ".hpp")


def tracked():
    """Files of the tree, those included that are not committed yet."""
    listed = output_of(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT) or ""
    files = sorted(path for path in set(listed.split("\n")) if path and (ROOT / path).is_file())
    if not files:
        raise StillError(f"git ls-files finds nothing in {ROOT}: lint needs a git checkout that this user may read")
    return files


def _run(argv, log, **options):
    with log.open("ab") as output:
        return subprocess.run([str(arg) for arg in argv], stdin=options.pop("stdin", subprocess.DEVNULL), stdout=output,
                              stderr=subprocess.STDOUT, cwd=options.pop("cwd", ROOT), check=False, **options).returncode


def check_format(log, fix=False):
    files = [path for path in tracked() if path.endswith(CODE)]
    mode = ["-i"] if fix else ["--dry-run", "-Werror"]
    return not files or _run(["clang-format-19", *mode, *files], log) == 0


def check_shell(log):
    scripts = []
    for path in tracked():
        with (ROOT / path).open("rb") as file:
            first = file.readline()
        if path.endswith(".sh") or (first.startswith(b"#!") and first.rstrip().endswith((b"bash", b"/sh"))):
            scripts.append(path)
    return not scripts or _run(["shellcheck", *scripts], log) == 0


def check_python(log):
    scripts = [path for path in tracked() if path.endswith(".py")] + ["tools/still"]
    return _run([sys.executable, "-m", "pyflakes", *scripts], log) == 0


def check_layers(log):
    return _run([sys.executable, "tests/lint/layers.py", "."], log) == 0


def check_docs(log):
    return _run([sys.executable, "tests/lint/docs.py", "."], log) == 0


def check_covers(log):
    return _run([sys.executable, "tests/lint/covers.py", "."], log) == 0


def check_messages(log):
    return _run([sys.executable, "tests/lint/messages.py", "."], log) == 0


def check_rules(log):
    with log.open("ab") as output:
        done = subprocess.run([sys.executable, "tests/lint/rules.py", "."], input="\n".join(tracked()).encode(),
                              stdout=output, stderr=subprocess.STDOUT, cwd=ROOT, check=False)
    return done.returncode == 0


def check_symbols(log):
    """Of the module as it is built for 6.1, and for the newer kernels that it was built for here."""
    build("gcc", targets=["linux-module"])
    newer = (BUILD / suite / "linux-module" / MODULE.name for suite in suite_kernels.SUITES)
    modules = [MODULE, *(module for module in newer if module.exists())]
    return _run([sys.executable, "tests/lint/symbols.py", ".", *modules], log) == 0


def check_sparse(_):
    """Of the module as it is built for 6.1; a word of sparse is an error (cmake/StillModule.cmake)."""
    build("gcc", targets=["sparse"])
    return True


def _tidy_digest(command, headers):
    digest = hashlib.sha256(headers)
    digest.update((ROOT / ".clang-tidy").read_bytes())
    digest.update(command["command"].encode())
    with open(command["file"], "rb") as source:
        digest.update(source.read())
    return digest.hexdigest()


def _in_company(commands, most=6):
    """Files of one folder that compile alike, some together: what they include is looked at once for all of them."""
    groups = {}
    for command in commands:
        # clang++ FLAGS -o OBJECT -c FILE
        flags = tuple(shlex.split(command["command"].split(" -o ")[0])[1:])
        groups.setdefault((os.path.dirname(command["file"]), flags), []).append(command["file"])
    for (_, flags), files in sorted(groups.items()):
        for first in range(0, len(files), most):
            yield flags, files[first:first + most]


def check_tidy(log):
    """clang-tidy over the LWK and mcexec, where a slip costs most (ihk/ is mostly headers of others, and slow).
    A file that passed is not looked at again until it, a header or the configuration changes."""
    build("clang")
    commands = json.loads((BUILD / "clang" / "compile_commands.json").read_text())
    ours = [command for command in commands if command["file"].endswith(".cpp")
            and command["file"].startswith(tuple(f"{ROOT}/{part}/" for part in ("kernel", "arch", "mcexec")))]
    headers = hashlib.sha256(b"".join((ROOT / path).read_bytes() for path in tracked()
                                      if path.endswith((".h", ".hpp", ".def")))).digest()
    passed = CACHE / "tidy"
    passed.mkdir(parents=True, exist_ok=True)
    markers = {command["file"]: passed / _tidy_digest(command, headers) for command in ours}
    todo = [command for command in ours if not markers[command["file"]].exists()]

    def run(flags, file):
        done = subprocess.run(["clang-tidy-19", "--quiet", f"--config-file={ROOT / '.clang-tidy'}", file, "--", *flags],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
                              text=True, check=False)
        return "" if done.returncode == 0 else f"{file}: status {done.returncode}\n{done.stdout}{done.stderr}"

    def tidy(company):
        flags, files = company
        with tempfile.NamedTemporaryFile("w", suffix=".cpp", prefix="tidy-") as together:
            together.writelines(f'#include "{file}" // NOLINT\n' for file in files)
            together.flush()
            # What is local to one file may hide or be what another names alike: then each is looked at alone.
            if len(files) > 1 and not run((*flags, "-Wno-shadow"), together.name):
                return [(file, "") for file in files]
        return [(file, run(flags, file)) for file in files]

    is_good = True
    with ThreadPoolExecutor(os.cpu_count()) as pool, log.open("a") as output:
        for file, said in itertools.chain.from_iterable(pool.map(tidy, _in_company(todo))):
            if said:
                is_good = False
                output.write(said)
            else:
                markers[file].touch()
    return is_good


CHECKS = {"format": check_format, "layers": check_layers, "rules": check_rules, "covers": check_covers,
          "messages": check_messages, "docs": check_docs, "symbols": check_symbols,
          "shell": check_shell, "python": check_python,
          "sparse": check_sparse, "tidy": check_tidy}


def run_check(name, fix=False):
    """(passed, log)"""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"lint-{name}.log"
    log.write_bytes(b"")
    try:
        return (CHECKS[name](log, fix) if name == "format" else CHECKS[name](log)), log
    except StillError as error:
        with log.open("a") as output:
            output.write(f"{error}\n{error.tail or ''}\n")
        return False, log


def main(arguments):
    unknown = [name for name in arguments.names if name not in CHECKS]
    if unknown:
        raise StillError(f"no check '{unknown[0]}': there are {', '.join(CHECKS)}", status=2)
    packages.need("lint", "build")
    if not GCC.exists():
        build("gcc")
    failed = 0
    for name in arguments.names or CHECKS:
        passed, log = run_check(name, arguments.fix)
        say(f"{paint('green', 'ok') if passed else paint('red', 'FAILED')}  {name}")
        if not passed:
            failed += 1
            for line in tail_of(log, 30).splitlines():
                say(f"   | {line}")
            say(f"   log: {shown(log)}")
    return 1 if failed else 0
