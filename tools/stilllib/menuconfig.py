# SPDX-License-Identifier: BSD-2-Clause
"""still menuconfig: what can be chosen when the LWK is built, in Kconfig's menu."""
import os
import subprocess
import sys

from . import packages
from .paths import BUILD, ROOT, shown
from .progress import StillError, note
from .shell_out import run_logged

CHOICE = BUILD / "still.config"


def _write_defaults(chosen):
    """Without the menu: the defaults, changed by NAME=VALUE."""
    import kconfiglib
    menu = kconfiglib.Kconfig(str(ROOT / "Kconfig"))
    if CHOICE.exists():
        menu.load_config(str(CHOICE))
    for text in chosen:
        name, _, value = text.partition("=")
        if name not in menu.syms or not menu.syms[name].set_value(value):
            raise StillError(f"'{text}': not a choice of Kconfig, or not a value of it", status=2)
        if menu.syms[name].str_value != value:
            raise StillError(f"'{text}': out of its range, or something that it depends on is off", status=2)
    menu.write_config(str(CHOICE))


def main(arguments):
    packages.need("menuconfig")
    BUILD.mkdir(exist_ok=True)
    if arguments.set:
        _write_defaults(arguments.set)
    elif not sys.stdin.isatty():
        raise StillError("the menu needs a terminal; or: still menuconfig --set NAME=VALUE", status=2)
    else:
        subprocess.run([sys.executable, "-m", "menuconfig", str(ROOT / "Kconfig")], check=False,
                       env={**os.environ, "KCONFIG_CONFIG": str(CHOICE)})
    for preset in ("gcc", "clang"):  # those that build the image learn of a choice that is new
        if (BUILD / preset / "build.ninja").exists() and CHOICE.exists():
            run_logged(["cmake", BUILD / preset], f"configure-{preset}", f"cmake {preset}", cwd=ROOT)
    if CHOICE.exists():
        note(f"{shown(CHOICE)}; still build makes it so")
    return 0
