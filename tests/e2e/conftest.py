# SPDX-License-Identifier: BSD-2-Clause
"""One boot of the guest serves all tests; a guest that died is booted anew for the next test."""
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from stilllib.guestlib import Guest  # noqa: E402
from stilllib.qemu import Machine  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "numa: needs the guest with two NUMA nodes")
    config.addinivalue_line("markers", "long: only in the suite of that name")


def pytest_addoption(parser):
    parser.addoption("--kernel", help="the guest's kernel, as of still vm")
    parser.addoption("--x2apic", action="store_true", help="CPUs in x2APIC mode, interrupts remapped")


class Boots:
    """Keeps one guest alive for the session."""

    def __init__(self, machine):
        self._machine, self._guest = machine, None

    def get(self):
        if self._guest is None or not self._guest.is_alive():
            self._guest = Guest(self._machine).start()
        return self._guest

    def stop(self):
        if self._guest and self._guest.is_alive():
            self._guest.stop()


@pytest.fixture(scope="session")
def boots(request):
    is_numa = request.config.getoption("-m") == "numa"
    boots = Boots(Machine(numa=is_numa, kernel=request.config.getoption("--kernel"),
                          x2apic=request.config.getoption("--x2apic")))
    yield boots
    boots.stop()


@pytest.fixture
def guest(boots):
    """The guest, with the module loaded. A test that leaves a complaint in Linux's log has failed."""
    guest = boots.get()
    guest.load_module()
    yield guest
    assert guest.is_alive(), f"the guest died: {guest.death('').tail}"
    assert guest.complaints() == []


@pytest.fixture
def lwk(guest):
    """The guest with an instance that runs and no process on it."""
    guest.ensure_up()
    return guest


@pytest.fixture
def no_lwk(guest):
    guest.ensure_down()
    return guest


@pytest.fixture(scope="session")
def big_file(boots):
    """64 MiB of text and noise on the guest's tmpfs."""
    path = "/tmp/big"

    def make(guest):
        guest.check(["python3", "-c", f"""
import os, random
if not os.path.exists({path!r}):
    noise = random.Random(1).randbytes(1 << 20)
    with open({path!r}, "wb") as file:
        for i in range(64):
            file.write(noise[i:] + noise[:i])
"""])
        return path
    return make
