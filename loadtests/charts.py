"""Charts of a benchmark, as SVG: cost by peer, one for each axis of growth. Needs the `bench` extra (matplotlib)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from loadtests.cases import CASES
from loadtests.growth import AXES
from loadtests.proxies import PEER
from loadtests.report import by_process
from loadtests.results import Bench, CaseResult, Sample, Samples, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WATCHED = ("split", "mirror", "statistics", "unique", "paced")
OURS, THEIRS = "#6d4aff", "#9aa0a6"
PARTS = {"worker": "#6d4aff", "control": "#b39dff"}
"""Colours of our processes; everything of the peers is one colour."""


def draw(bench: Bench, folder: Path) -> list[Path]:
    """Writes the charts that `bench` has data for and returns their paths. The same data give the same bytes."""
    import matplotlib

    matplotlib.use("svg")
    # Fixed ids and text as text: a chart changes in git only when its figures do, and stays searchable.
    matplotlib.rcParams.update({"svg.hashsalt": "penumbra", "svg.fonttype": "none", "font.size": 9})
    paths = []
    if any(name in bench.cases for name in WATCHED):
        paths.append(_save(folder / "cost.svg", [_draw_cost(bench)]))
    paths += [_save(folder / f"growth-{name}.svg", [_draw_axis(name, runs)]) for name, runs in bench.growth.items()]
    return paths


def _save(path: Path, plots: Sequence[object]) -> Path:
    from matplotlib import pyplot

    path.parent.mkdir(parents=True, exist_ok=True)
    pyplot.savefig(path, metadata={"Date": None}, bbox_inches="tight")
    pyplot.close("all")
    return path


def _draw_cost(bench: Bench) -> object:
    from matplotlib import pyplot
    from matplotlib.patches import Patch

    names = [name for name in WATCHED if name in bench.cases]
    figure, plots = pyplot.subplots(1, len(names), figsize=(3.0 * len(names), 2.4), squeeze=False, layout="constrained")
    for plot, name in zip(plots[0], names, strict=True):
        _draw_case(plot, CASES[name].title, bench.cases[name])
    handles = [Patch(color=colour) for colour in (*PARTS.values(), THEIRS)]
    figure.legend(handles, ["Penumbra's workers", "its statistics", "a peer"], loc="outside lower center", ncols=3)
    return figure


def _draw_case(plot: Axes, title: str, result: CaseResult) -> None:
    for place, (peer, runs) in enumerate(reversed(result.samples.items())):
        left = 0.0
        for part, cost in _parts(peer, runs).items():
            plot.barh(place, cost, left=left, color=PARTS.get(part, THEIRS))
            left += cost
        plot.text(left, place, f" {left:.0f}", va="center")
    plot.set_yticks(range(len(result.samples)), list(reversed(result.samples)))
    plot.set_title(fill(title.partition(" (")[0], 26), fontsize=9)
    plot.margins(x=0.2)
    plot.set_xlabel("CPU us per request")
    plot.spines[["top", "right"]].set_visible(False)


def _parts(peer: str, runs: Sequence[Sample]) -> dict[str, float]:
    """Ours by process, so that one sees what statistics cost; a peer is one bar."""
    if PEER[peer].judges:
        costs = by_process(runs)
        return {name: costs[name] for name in PARTS if name in costs}
    return {"all": spread([run.total for run in runs]).median}


def _draw_axis(name: str, samples: Samples) -> object:
    from matplotlib import pyplot

    figure, plot = pyplot.subplots(figsize=(3.4, 2.4))
    values = [int(value) for value in samples]
    costs = [spread([run.total for run in runs]) for runs in samples.values()]
    middle = [cost.median for cost in costs]
    errors = [[cost.median - cost.low for cost in costs], [cost.high - cost.median for cost in costs]]
    plot.errorbar(values, middle, yerr=errors, marker="o", capsize=3, color=OURS)
    if max(values) >= 100:
        plot.set_xscale("log")
    plot.set_xticks(values, [f"{value:,}" for value in values], minor=False)
    plot.set_xticks([], minor=True)
    plot.set_ylim(bottom=0)
    plot.set_xlabel(AXES[name].title if name in AXES else name)
    plot.set_ylabel("CPU us per request")
    plot.spines[["top", "right"]].set_visible(False)
    return figure
