"""What was measured, by commit: `published/history.json`, and what has become slower since the last entry.

1. An entry has ratios only, to peers of the same run, and the goals: they compare across machines, times do not. The
   fixed loop (`pace`) stands beside them.
2. A figure is named as slower where the lowest of its rounds now is above the highest then: more than the noise of
   both. So it takes at least two rounds; a single one has no noise that could be known.
3. An entry is added when a run is published (`loadtests.figures`), never changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from loadtests.compare import cost, ratio
from loadtests.goals import amount, measured
from loadtests.results import PUBLISHED, Bench, Spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HISTORY = PUBLISHED / "history.json"
PEERS = ("envoy", "nginx")
DRAWN = ("split", "statistics", "body-64k", "body-1m", "paced")
"""Cases of the chart."""


class Figure(msgspec.Struct, frozen=True):
    """One figure of a run. `unit`: "x" for a ratio; less is better in all of them."""

    value: Spread
    unit: str
    rounds: int


class Entry(msgspec.Struct, frozen=True):
    """One published run: the commit, the day, the machine, its fixed loop (0: not measured), figures by name."""

    commit: str
    when: str
    machine: str
    loop_ms: float
    figures: dict[str, Figure]


def figures_of(bench: Bench) -> dict[str, Figure]:
    """What a run has to compare: cost of each case against each peer, and the goals."""
    found = {}
    for case, result in bench.cases.items():
        for peer in PEERS:
            if "penumbra" in result.samples and peer in result.samples:
                value = ratio(result.samples, "penumbra", peer, cost)
                found[f"{case} / {peer}"] = Figure(value, "x", len(result.samples["penumbra"]))
    rounds = min((figure.rounds for figure in found.values()), default=0)
    return found | {goal.what: Figure(value, goal.unit, rounds) for goal, value in measured(bench)}


def entry_of(bench: Bench) -> Entry:
    """The entry of a run."""
    facts = bench.facts
    machine = f"{facts.get('cores', '?')} cores, {facts.get('cpu', '?')}"
    loop = float(facts.get("loop_ms", 0))
    return Entry(str(facts.get("git", "")), str(facts.get("when", "")), machine, loop, figures_of(bench))


def read(path: Path = HISTORY) -> list[Entry]:
    """All entries, the oldest first; none where there is no file. Raises msgspec.ValidationError on another file."""
    return msgspec.json.decode(path.read_bytes(), type=list[Entry]) if path.exists() else []


def written(entries: Sequence[Entry]) -> bytes:
    """The file of `entries`."""
    return msgspec.json.format(msgspec.json.encode(entries), indent=1) + b"\n"


def with_entry(entries: Sequence[Entry], new: Entry) -> list[Entry]:
    """`entries` and `new`, once: the same run that is published again changes nothing."""
    return [each for each in entries if (each.commit, each.when) != (new.commit, new.when)] + [new]


def slower(now: dict[str, Figure], then: dict[str, Figure]) -> list[str]:
    """A sentence for each figure that has become slower by more than the noise of both."""
    return [
        f"{name}: {amount(figure.value.median, figure.unit)}, was {amount(then[name].value.median, figure.unit)}"
        for name, figure in now.items()
        if name in then and min(figure.rounds, then[name].rounds) > 1 and figure.value.low > then[name].value.high
    ]


def draw(entries: Sequence[Entry], path: Path) -> Path:
    """The chart: ratios by commit, a picture for each peer. Needs the `bench` extra (matplotlib)."""
    from matplotlib import pyplot

    figure, plots = pyplot.subplots(1, len(PEERS), figsize=(9.0, 2.8), squeeze=False, layout="constrained", sharey=True)
    for plot, peer in zip(plots[0], PEERS, strict=True):
        _draw_peer(plot, entries, peer)
    figure.legend(*plots[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=len(DRAWN))
    pyplot.savefig(path, metadata={"Date": None}, bbox_inches="tight")
    pyplot.close("all")
    return path


def _draw_peer(plot: Axes, entries: Sequence[Entry], peer: str) -> None:
    for case in DRAWN:
        name = f"{case} / {peer}"
        known = [(at, each.figures[name].value) for at, each in enumerate(entries) if name in each.figures]
        if known:
            spreads = [[value.median - value.low, value.high - value.median] for _, value in known]
            places, values = [at for at, _ in known], [value.median for _, value in known]
            plot.errorbar(places, values, list(zip(*spreads, strict=True)), label=case, marker="o", capsize=2)
    plot.axhline(1.0, color="#9aa0a6", linewidth=0.8)
    plot.set_xticks(range(len(entries)), [each.commit[:8] for each in entries])
    plot.set_ylim(bottom=0)
    plot.set_title(f"CPU per request against {peer}")
