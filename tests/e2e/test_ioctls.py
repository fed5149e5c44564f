# SPDX-License-Identifier: BSD-2-Clause
"""Random ioctls: the module lives on, an ordinary user changes nothing, and what root took is given back."""
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[2] / "build/gcc/tests/guest/ioctl_fuzz"
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
CALLS = 4000


def test_an_ordinary_user_changes_nothing(lwk):
    lwk.check(["chmod", "666", "/dev/ihk0"])
    before = lwk.status(), lwk.accounts(), lwk.check(["ihkosctl", "0", "get", "ikc_map"])
    for seed in range(1, 5):
        result = lwk.run([*NOBODY, PROGRAM, str(seed), str(CALLS), "/dev/ihk0", "/dev/ihk"], timeout=120)
        assert result.status == 0 and result.stdout == "ok ioctl_fuzz\n", (seed, result)
    after = lwk.status()
    lwk.check(["chmod", "660", "/dev/ihk0"])
    assert lwk.state() == "RUNNING" and after["processes"] == 0
    assert [cpu["linux_cpu"] for cpu in after["cpus"]] == [cpu["linux_cpu"] for cpu in before[0]["cpus"]]
    assert lwk.accounts() == before[1] and lwk.check(["ihkosctl", "0", "get", "ikc_map"]) == before[2]
    assert lwk.mcexec("echo", "fine").stdout == "fine\n"


def test_what_root_takes_is_given_back(lwk):
    cpus = None
    for seed in range(11, 14):
        lwk.ensure_up()
        result = lwk.run([PROGRAM, str(seed), "600", "/dev/ihk", "/dev/ihk0"], timeout=240)
        assert result.status == 0 and result.stdout == "ok ioctl_fuzz\n", (seed, result)
        for os in lwk.check(["ihkconfig", "0", "get", "os_instances"]).split():
            lwk.check(["ihkosctl", "down", os])
        for kind in ("cpu", "mem"):
            left = lwk.check(["ihkconfig", "0", "query", kind]).strip()
            if left:
                lwk.check(["ihkconfig", "0", "release", kind, left])
        accounts = lwk.accounts()
        assert accounts["pages_held"] == 0 and accounts["cpus_held"] == 0, (seed, accounts)
        assert cpus in (None, lwk.online_cpus())
        cpus = lwk.online_cpus()
    assert cpus == "0-3"


def test_cells_of_an_lwk_that_writes_anything(lwk):
    """What a broken LWK sends Linux: refused, counted; nothing else changes, in Linux and for other instances."""
    before = lwk.status()
    for _ in range(3):
        lwk.check(["ihkosctl", "0", "inject", "bad-cells"])
    assert lwk.mcexec("echo", "fine").stdout == "fine\n"
    after = lwk.status()
    assert lwk.state() == "RUNNING" and after["bad_messages"] - before["bad_messages"] > 500, after["bad_messages"]
    assert lwk.kmsg().count("injected bad cells") == 3
