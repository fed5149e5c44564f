# SPDX-License-Identifier: BSD-2-Clause
"""Rows of still bench about memory of another process (bench/peers.toml): instructions of each way, where the clock
counts them, on one CPU of Linux's and on one of the LWK's. The smallest of the samples counts."""
from .paths import GCC
from .progress import StillError

MESSAGE = GCC / "bench" / "message"
SAMPLES = 3


def _numbers(result, way):
    if result.status != 0:
        raise StillError(f"{way} failed: {result!r}")
    return min(float(line) for line in result.stdout.split())


def _natively(guest, way, size):
    return _numbers(guest.run(["taskset", "-c", "0", str(MESSAGE), way, str(size), str(SAMPLES)], timeout=300), way)


def _on_lwk(guest, way, size):
    argv = [str(MESSAGE), way, str(size), str(SAMPLES)]
    group = ["mcexec", "--smartmap=bench", "-c", "0", "-n", "2", "--rank"]
    peer = guest.spawn([*group, "1", *argv])
    try:
        return _numbers(guest.run([*group, "0", *argv], timeout=300), way)
    finally:
        peer.wait(60)


def measure(rows):
    """For a guest of two CPUs whose clock counts."""
    def work(guest):
        guest.up("--cpus=1", "--mem=896m")
        for row in rows.values():
            row["counted"] = {("native", way, size): _natively(guest, way, size)
                              for way in row["native"] for size in row["sizes"]}
            row["counted"] |= {("lwk", way, size): _on_lwk(guest, way, size)
                               for way in row["ways"] for size in row["sizes"]}

    return work


def _shown(size):
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} B"


def table(name, row):
    """Instructions, and in brackets how many times the limit that is."""
    columns = [("lwk", way) for way in row["ways"]] + [("native", way) for way in row["native"]]
    halo = name == "peers_halo"
    lines = [f"{name}: {row['what']}, instructions:", "",
             "| " + " | ".join(["edge" if halo else "size", *(way + (", Linux" if on == "native" else "")
                                                              for on, way in columns)]) + " |",
             "|" + "---|" * (len(columns) + 1)]
    for size in row["sizes"]:
        cells = [str(size) if halo else _shown(size)]
        for on, way in columns:
            number, limit = row["counted"][on, way, size], row["counted"][on, row["ways"][0], size]
            cells.append(f"{number:.0f}" if way == row["ways"][0] else f"{number:.0f} ({number / limit:.2f})")
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def section(rows):
    return ["## Memory of another process", "",
            "`still bench peers_message peers_halo`. One CPU of the LWK's and one of Linux's; in brackets: times the",
            "limit, which is the same copy within one process. XPMEM gets, attaches, detaches and releases for each",
            "message. Shared memory is both copies.", "",
            *(line for name, row in rows.items() for line in (*table(name, row), ""))][:-1]
