# SPDX-License-Identifier: BSD-2-Clause
"""Proves where a compute loop ran: what it cost the Linux CPUs, by /proc/stat, and the LWK CPU, by its counter.

Run in the guest on Linux. Starts python by mcexec (or natively, with --native), and reads both counters when it
is ready to loop, so that its start is not counted, and when the loop has ended.
Prints JSON.
"""
import json
import os
import subprocess
import sys

SECONDS = float(os.environ.get("LOOP_SECONDS", "5"))
LOOP = f"""
import time
print("ready", flush=True)
input()
end = time.monotonic() + {SECONDS}
rounds = 0
while time.monotonic() < end:
    sum(range(10000))
    rounds += 1
print(rounds, flush=True)
input()
"""


def linux_busy():
    """Seconds that all CPUs of Linux were not idle."""
    with open("/proc/stat", encoding="ascii") as stat:
        user, nice, system, _, _, irq, softirq, steal = map(int, stat.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def lwk_busy():
    """Busy seconds of each LWK CPU."""
    out = subprocess.run(["ihkosctl", "status", "0", "--json"], stdout=subprocess.PIPE, check=True).stdout
    return [cpu["busy_seconds"] for cpu in json.loads(out)["cpus"]]


def main():
    prefix = [] if "--native" in sys.argv else ["mcexec"]
    with subprocess.Popen([*prefix, "/usr/bin/python3", "-c", LOOP], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as loop:
        if loop.stdout.readline() != "ready\n":
            sys.exit("the loop did not start")
        lwk_before = lwk_busy()
        linux_before = linux_busy()
        loop.stdin.write("\n")
        loop.stdin.flush()
        rounds = int(loop.stdout.readline())
        linux_cost = linux_busy() - linux_before
        lwk_cost = [after - before for before, after in zip(lwk_before, lwk_busy())]
        loop.stdin.write("\n")
        loop.stdin.close()
        status = loop.wait(30)
    print(json.dumps({"seconds": SECONDS, "linux_busy": linux_cost, "lwk_busy": lwk_cost, "rounds": rounds,
                      "status": status}))


main()
