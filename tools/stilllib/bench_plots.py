# SPDX-License-Identifier: BSD-2-Clause
"""The pictures of docs/measurements.md."""
import collections

from .paths import ROOT, shown
from .progress import note

FOLDER = ROOT / "docs" / "img"


def _save(name, draw):
    import matplotlib  # only who draws needs it
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(figsize=(6, 3.6))
    draw(axes)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    FOLDER.mkdir(parents=True, exist_ok=True)
    figure.savefig(FOLDER / f"{name}.png", dpi=80, metadata={"Software": None})
    pyplot.close(figure)
    note(f"drawn: {shown(FOLDER / name)}.png")


def fwq(series):
    """Of how many quanta took how much longer than the least."""
    def draw(axes):
        for (label, quanta), marker in zip(series.items(), "xo"):
            least = min(quanta)
            counted = collections.Counter((took - least) / least * 100 for took in quanta)
            axes.semilogy(list(counted), list(counted.values()), marker, label=label, alpha=0.7)
        axes.set_xlabel("longer than the least, %")
        axes.set_ylabel("quanta")
        axes.set_title(f"FWQ: {len(quanta)} quanta of {least:,} instructions")

    _save("fwq", draw)


def latency(series):
    """series: {what: (native samples, LWK samples)}, in ns."""
    def draw(axes):
        for (what, pair), color in zip(series.items(), ("C0", "C1", "C2", "C3")):
            for samples, style, where in zip(pair, ("--", "-"), ("natively", "LWK")):
                ordered = sorted(samples)
                axes.semilogx(ordered, [(i + 1) / len(ordered) for i in range(len(ordered))], style, color=color,
                              label=f"{what}, {where}")
        axes.set_xlabel("ns")
        axes.set_ylabel("share of samples")
        axes.set_title("Latency under TCG (means of as many as fit into 2 ms)")

    _save("latency", draw)


def scaling(offload, boot):
    def draw(axes):
        axes.plot(list(offload), list(offload.values()), "o-", label="offloaded call: instructions, by threads at once")
        axes.plot(list(boot), list(boot.values()), "s-", label="boot: ms, by LWK CPUs")
        axes.set_xscale("log", base=2)
        axes.set_xticks(list(boot), [str(cpus) for cpus in boot])
        axes.set_ylim(bottom=0)
        axes.set_xlabel("LWK CPUs")
        axes.set_title("Scaling (icount: 1 ns is an instruction)")

    _save("scaling", draw)
