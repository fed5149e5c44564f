# SPDX-License-Identifier: BSD-2-Clause
"""still demo: unmodified Debian programs on cores that Linux gave up, with the proof that they ran there."""
import time

from . import instance, packages
from .build import build
from .guestlib import Guest
from .paths import shown
from .progress import StillError, note, paint, say, step
from .qemu import Machine

BIG = "/tmp/big"        # 64 MiB
PART = "/tmp/part"      # its first 8 MiB
WORDS = "/tmp/words"

PREPARE = f"""
import random
noise = random.Random(1).randbytes(1 << 20)
with open("{BIG}", "wb") as big:
    for i in range(64):
        big.write(noise[i:] + noise[:i])
words = random.Random(2).choices("oak elm ash yew fir".split(), k=40000)
with open("{WORDS}", "w") as text:
    for number, word in enumerate(words):
        print(number, word, number * number % 97, file=text)
"""

# Programs whose output must be what it is natively.
COMPARED = (
    ("echo", "mcexec echo 'Hello from the LWK.'"),
    ("ls -l of a directory", "mcexec ls -l /usr/share/perl5"),
    ("cat of 64 MiB into a pipe", f"mcexec cat {BIG} | sha256sum"),
    ("sha256sum of it", f"mcexec sha256sum {BIG}"),
    ("xz -1 -T2 of 8 MiB", f"mcexec xz -1 -T2 -c {PART} | sha256sum"),
    ("gawk over text", "mcexec gawk 'BEGIN { PROCINFO[\"sorted_in\"] = \"@ind_str_asc\" } "
     "{ n[$2]++; sum[$2] += $3 } END { for (w in n) print w, n[w], sum[w] }' " + WORDS),
    ("perl over text", "mcexec perl -lane '$n{$F[1]} += $F[2]; END { print qq{$_ $n{$_}} for sort keys %n }' " + WORDS),
    ("python3 that computes", "mcexec python3 -c 'print(sum(pow(i, 3, 1009) for i in range(300000)))'"),
)

THREADS = """
import os, threading
ran_on = []
libc = __import__("ctypes").CDLL(None)
def work(cpu):
    os.sched_setaffinity(threading.get_native_id(), {cpu})
    total = sum(i * i for i in range(300000))
    ran_on.append((libc.sched_getcpu(), total))
threads = [threading.Thread(target=work, args=(cpu,)) for cpu in sorted(os.sched_getaffinity(0))]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert len({total for _, total in ran_on}) == 1
print("threads ran on LWK CPUs", sorted(cpu for cpu, _ in ran_on))
"""


def _show(text, limit=6):
    lines = text.rstrip().splitlines()
    for line in lines[:limit]:
        say(f"   {paint('dim', '|')} {line}")
    if len(lines) > limit:
        say(f"   {paint('dim', f'| ... {len(lines) - limit} more lines')}")


def _compare(guest, title, script):
    with step(title) as told:
        native = guest.sh(script.replace("mcexec ", "", 1))
        ours = guest.sh(f"set -o pipefail; {script}")
        if ours.status != 0:
            raise StillError(f"{title}: status {ours.status} on the LWK", shown(guest.console), ours.stderr)
        if ours.stdout_bytes != native.stdout_bytes:
            raise StillError(f"{title}: other output than natively", shown(guest.console),
                             f"native: {native.stdout[:500]}\nLWK:    {ours.stdout[:500]}")
        told(f"as natively; {ours.seconds:.2f} s, natively {native.seconds:.2f} s")
    _show(ours.stdout, 3)


def _threads(guest):
    with step("python3 with a thread on each CPU"):
        result = guest.mcexec("python3", "-c", THREADS)
        if result.status != 0:
            raise StillError(f"python3: status {result.status}", shown(guest.console), result.stderr)
    _show(result.stdout)


def _proof(guest):
    with step("Compute for 5 s under mcexec, and ask who paid"):
        proof = guest.loop_proof()
        busiest = max(proof["lwk_busy"])
        if proof["linux_busy"] >= 0.2 or busiest < 0.95 * proof["seconds"]:
            raise StillError(f"it did not run on the LWK alone: Linux was busy {proof['linux_busy']:.2f} s, "
                             f"the LWK CPU {busiest:.2f} s")
    note(f"Linux's CPUs, by /proc/stat:    {proof['linux_busy']:.2f} s busy")
    note(f"the LWK's CPU, by its counter:  {busiest:.2f} s busy")


def _returned(guest, cpus_before, free_before, accounts):
    cpus, free = guest.online_cpus(), guest.mem_free_kib()
    taken, returned = accounts["pages_taken"], accounts["pages_returned"]
    note(f"CPUs online:  {cpus_before} before, {cpus} after")
    note(f"pages:        {taken} taken, {returned} returned ({taken >> 8} MiB)")
    note(f"MemFree:      {free_before >> 10} MiB before, {free >> 10} MiB after (caches dropped)")
    complaints = guest.complaints()
    note(f"Linux's log:  {'clean' if not complaints else complaints[0]}")
    if cpus != cpus_before or taken != returned or accounts["cpus_taken"] != accounts["cpus_returned"] or complaints:
        raise StillError("not all came back", shown(guest.console))
    # More than before is Linux's own doing: caches that it could not drop yet when the demo began.
    if free_before - free > 4096:
        raise StillError(f"{free_before - free} KiB of memory did not come back", shown(guest.console))


def run_in(guest):
    """All of it but boot and power-off; may be any guest that has the programs."""
    with step("Put 64 MiB and some text on the guest's tmpfs"):
        guest.check(["python3", "-c", PREPARE])
        guest.check(["sh", "-c", f"head -c 8388608 {BIG} > {PART}"])
    with step("Load stillcore.ko"):
        guest.load_module()
    cpus_before, free_before = guest.online_cpus(), guest.mem_free_kib()
    with step("Take 2 CPUs and 1 GiB from Linux, boot the LWK there"):
        up = guest.run(["ihkosctl", "up", "--cpus", "2-3", "--mem", "1g"])
        if up.status != 0:
            raise StillError("ihkosctl up failed", shown(guest.console), up.stdout + up.stderr)
    _show(up.stdout + up.stderr, 12)
    for title, script in COMPARED:
        _compare(guest, title, script)
    _threads(guest)
    _proof(guest)
    say(paint("bold", "The LWK's own log"))
    _show(guest.kmsg(), 40)
    with step("Stop the LWK, give CPUs and memory back"):
        guest.down()
        accounts = guest.accounts()
    _returned(guest, cpus_before, free_before, accounts)
    with step("Unload stillcore.ko"):
        guest.unload_module()


def main(arguments):
    started = time.monotonic()
    if arguments.packages:
        from . import package, package_check
        package.make()
        package_check.run_demo()
        say(f"{paint('green', 'All done')} with what the packages install ({time.monotonic() - started:.0f} s)")
        return 0
    packages.need("vm", "demo")
    build("gcc")
    instance.require_parts()
    guest = Guest(Machine(smp=4, mem="4G"))
    try:
        with step(f"Boot Debian {guest.kernel.release} in QEMU with 4 CPUs and 4 GiB"):
            guest.start()
        run_in(guest)
        with step("Power the guest off"):
            guest.stop()
    finally:
        guest.kill()
    say(f"{paint('green', 'All done')}: every program ran on the LWK as it does on Linux, and every CPU and page came "
        f"back ({time.monotonic() - started:.0f} s; logs: {shown(guest.directory)})")
    return 0
