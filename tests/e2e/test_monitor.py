# SPDX-License-Identifier: BSD-2-Clause
"""ihkmond: what it tells, and what it does about a panic."""
import time

import pytest

LISTEN = """
import os, socket, subprocess, sys
port = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
port.bind("/tmp/notify")
port.settimeout(20)
with subprocess.Popen(["ihkmond", "--interval-ms", "100"], env={**os.environ, "NOTIFY_SOCKET": "/tmp/notify"},
                      stdout=subprocess.DEVNULL) as monitor:
    told = port.recv(4096).decode().split("\\n") + port.recv(4096).decode().split("\\n")
    told += port.recv(4096).decode().split("\\n")
    monitor.terminate()
    while "STOPPING=1" not in told:
        told += port.recv(4096).decode().split("\\n")
print(*told, sep="\\n")
sys.exit(monitor.wait(20))
"""


class Monitor:
    def __init__(self, lwk, config):
        lwk.check(["sh", "-c", 'printf "$1" > /tmp/monitor.conf', "sh", config])
        self.lwk = lwk
        self.command = lwk.spawn(["ihkmond", "--config", "/tmp/monitor.conf", "--interval-ms", "50"])

    def wait_for(self, text):
        end = time.monotonic() + 40
        while text not in self.command.stdout:
            assert self.command.is_running and time.monotonic() < end, (text, self.command.stdout)
            time.sleep(0.1)

    def stop(self):
        self.command.kill(15)
        return self.command.wait(20)


@pytest.fixture
def monitor(lwk):
    running = []

    def start(config=""):
        running.append(Monitor(lwk, config))
        running[-1].wait_for("OS instance 0: RUNNING")
        return running[-1]
    yield start
    for one in running:
        if one.command.is_running:
            one.stop()


def test_the_log_and_the_state_are_told_once(lwk, monitor):
    lwk.check(["ihkosctl", "0", "clear_kmsg"])  # what earlier tests left there
    watch = monitor()
    lwk.check(["ihkosctl", "reboot", "0"])
    since_reboot = lwk.check(["ihkosctl", "0", "kmsg"]).splitlines()
    watch.wait_for(f"lwk0: {since_reboot[-1]}\n")
    time.sleep(0.5)
    result = watch.stop()
    assert result.status == 0, result
    told = [line.removeprefix("lwk0: ") for line in result.stdout.splitlines() if line.startswith("lwk0: ")]
    first = told.index(since_reboot[0])
    assert told[first:first + len(since_reboot)] == since_reboot, told
    assert sum("shutting down" in line for line in told) == 1 and len(set(told)) == len(told)


def test_a_panic_is_told_and_mended_by_a_reboot(lwk, monitor):
    watch = monitor("on_panic = reboot\\n")
    lwk.run(["ihkosctl", "0", "inject", "panic"])
    watch.wait_for("OS instance 0: PANIC: ")
    watch.wait_for("OS instance 0: is booted again")
    end = time.monotonic() + 30
    while lwk.status()["state"] != "RUNNING":
        assert time.monotonic() < end
        time.sleep(0.2)
    assert lwk.mcexec("echo", "again").stdout == "again\n"
    assert watch.stop().status == 0


def test_without_a_word_in_the_configuration_a_panic_is_left_as_it_is(lwk, monitor):
    watch = monitor("on_hang = reboot\\n")
    lwk.run(["ihkosctl", "0", "inject", "panic"])
    watch.wait_for("OS instance 0: PANIC: ")
    time.sleep(1)
    assert lwk.status()["state"] == "PANIC"
    assert "booted again" not in watch.stop().stdout


def test_a_wrong_configuration_is_refused_and_after_sighup_the_old_one_holds(lwk, monitor):
    watch = monitor("on_panic = reboot\\n")
    lwk.check(["sh", "-c", "echo on_panic = explode > /tmp/monitor.conf"])
    refused = lwk.run(["ihkmond", "--config", "/tmp/monitor.conf"])
    assert refused.status == 1 and "on_panic = explode: no such action" in refused.stderr
    watch.command.kill(1)
    watch.wait_for("the old configuration holds")
    lwk.check(["sh", "-c", "echo on_panic = report > /tmp/monitor.conf"])
    watch.command.kill(1)
    watch.wait_for("/tmp/monitor.conf was read again")


def test_systemd_is_told_when_it_is_ready_alive_and_stopping(lwk):
    result = lwk.run(["python3", "-c", LISTEN])
    assert result.status == 0, result
    told = result.stdout.splitlines()
    assert told.index("WATCHDOG=1") < told.index("READY=1") < told.index("STOPPING=1")
    assert "STATUS=1 OS instances" in told


def test_no_instance_and_no_module_are_no_error(guest):
    guest.ensure_down()
    command = guest.spawn(["ihkmond", "--interval-ms", "50"])
    time.sleep(0.5)
    guest.unload_module()
    time.sleep(0.5)
    command.kill(15)
    result = command.wait(10)
    assert (result.status, result.stdout, result.stderr) == (0, "", ""), result
