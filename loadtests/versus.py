"""Two builds of Penumbra side by side, in one run: what a change of the data plane costs or saves.

    python -m loadtests.versus BEFORE AFTER     directories as `.ci/compile` prints them

Interleaved rounds; medians with their spread, and ratios round by round, because what both suffered in the same round
cancels. Times are noisy while anything else runs; instructions are not, but counting them needs another tool.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import typer
from rich.table import Table

from loadtests.cases import CASES, console, run_case
from loadtests.compare import cost, p50, ratio
from loadtests.proxies import PEER, Peer
from loadtests.results import Sample, Samples, spread

FIGURES: dict[str, tuple[str, Callable[[Sample], float]]] = {
    "split": ("CPU µs/request", cost),
    "mirror": ("CPU µs/request", cost),
    "statistics": ("CPU µs/request", cost),
    "single": ("p50 µs", p50),
}
"""Cases, and what is looked at in each."""


def build(name: str, package: Path) -> Peer:
    """Penumbra as it stands in `package`."""
    usual = PEER["penumbra"]
    environment = os.environ | {"PYTHONPATH": str(package)}
    return Peer(name, usual.template, usual.command, judges=True, environment=lambda: environment)


def row(case: str, samples: Samples) -> tuple[str, ...]:
    """A line of the table: both medians with their spread, and the ratio."""
    what, of = FIGURES[case]
    both = [spread([of(sample) for sample in samples[name]]) for name in ("before", "after")]
    after = ratio(samples, "after", "before", of)
    return case, what, *(f"{each.median:.1f} ({each.low:.1f}-{each.high:.1f})" for each in both), f"{after.median:.3f}"


def main(before: Path, after: Path, rounds: int = 7, seconds: float = 3.0, only: str = "") -> None:
    """Prints the table."""
    PEER.update(before=build("before", before.resolve()), after=build("after", after.resolve()))
    table = Table("case", "figure", "before", "after", "after / before, round by round")
    for case in only.split(",") if only else FIGURES:
        table.add_row(*row(case, run_case(CASES[case], ("before", "after"), seconds, rounds).samples))
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
