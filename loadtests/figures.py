"""The README's figures, written from a benchmark's JSON, never by hand.

    python -m loadtests.figures --publish results/bench.json   choose a run: its JSON and charts go to published/
    python -m loadtests.figures --write README.md              fill in what stands between the markers
    python -m loadtests.figures --check README.md              exit code 1 when README and JSON disagree

The markers are `<!-- figures:begin -->` and `<!-- figures:end -->`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from loadtests.cases import CASES
from loadtests.charts import draw
from loadtests.compare import cost, ratio
from loadtests.goals import amount, measured, verdict
from loadtests.report import MIB, analysed, by_process
from loadtests.results import PUBLISHED, Bench, Sample, load, spread

BEGIN, END = "<!-- figures:begin -->", "<!-- figures:end -->"
BENCH = PUBLISHED / "bench.json"


class NoMarkers(Exception):
    """The text has no place for figures."""


def markdown(bench: Bench, charts: Sequence[str]) -> str:
    """All figures of a benchmark: the machine, the goals, the cost of each case, the charts (paths from the README)."""
    parts = [_machine(bench), _goals(bench), _costs(bench)]
    if bench.analysis:
        parts.append(_analysis(bench))
    parts += [f"![{Path(chart).stem.replace('-', ' ')}]({chart})" for chart in charts]
    return "\n\n".join(parts)


def _machine(bench: Bench) -> str:
    facts = bench.facts
    day = str(facts["when"])[:10]
    return (
        f"Measured {day} on {facts['cores']} cores ({facts['cpu']}), Linux {facts['kernel']}, "
        f"Python {facts['python']}, {facts['nginx']}, Envoy {facts['envoy']}; one worker each unless said otherwise. "
        "Times are of this machine; only ratios within one run compare."
    )


def _goals(bench: Bench) -> str:
    lines = ["| what | goal | measured | |", "|---|---|---|---|"]
    for goal, value in measured(bench):
        limit, middle = amount(goal.limit, goal.unit), amount(value.median, goal.unit)
        lines.append(f"| {goal.what} | ≤ {limit} | {middle} | {verdict(goal, value)} |")
    return "\n".join(lines)


def _costs(bench: Bench) -> str:
    columns = ("case", "peer", "CPU µs/request", "Penumbra is", "requests/s", "analysed", "memory MiB")
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for name, result in bench.cases.items():
        title = CASES[name].title if name in CASES else name
        for peer, runs in result.samples.items():
            ours = "penumbra" in result.samples
            against = f"{ratio(result.samples, 'penumbra', peer, cost).median:.2f} x" if ours else ""
            memory = sum(result.memory.get(peer, {}).values()) / MIB
            row = (title, peer, _cost(peer, runs), against, _rate(runs), analysed(runs), f"{memory:.0f}")
            lines.append(f"| {' | '.join(row)} |")
            title = ""
    return "\n".join(lines)


def _cost(peer: str, runs: Sequence[Sample]) -> str:
    total = f"{spread([run.total for run in runs]).median:.1f}"
    parts = by_process(runs)
    split = ", ".join(f"{name} {parts[name]:.1f}" for name in ("worker", "control") if name in parts)
    return f"{total} ({split})" if split else total


def _rate(runs: Sequence[Sample]) -> str:
    return f"{spread([run.load.rate for run in runs]).median:,.0f}"


def _analysis(bench: Bench) -> str:
    lines = [f"| {method} | {value.median:.1f} |" for method, value in bench.analysis.items()]
    return "\n".join(["| analysing one exchange of 30 features and a shadow's answer | CPU µs |", "|---|---|", *lines])


def inserted(text: str, figures: str) -> str:
    """`text` with `figures` between its markers. Raises NoMarkers."""
    begin, end = text.find(BEGIN), text.find(END)
    if begin < 0 or end < begin:
        raise NoMarkers(f"no {BEGIN} … {END}")
    return f"{text[: begin + len(BEGIN)]}\n\n{figures}\n\n{text[end:]}"


def expected(readme: Path) -> str:
    """What `readme` should be, from the published benchmark."""
    charts = [os.path.relpath(chart, readme.parent.resolve()) for chart in sorted(PUBLISHED.glob("*.svg"))]
    return inserted(readme.read_text(), markdown(load(BENCH), charts))


def publish(path: Path) -> list[Path]:
    """Chooses a run: replaces what is published by it."""
    shutil.rmtree(PUBLISHED, ignore_errors=True)
    PUBLISHED.mkdir()
    shutil.copyfile(path, BENCH)
    return [BENCH, *draw(load(path), PUBLISHED)]


def main(
    publish_run: Annotated[Path | None, typer.Option("--publish", exists=True)] = None,
    write: Annotated[Path | None, typer.Option(exists=True)] = None,
    check: Annotated[Path | None, typer.Option(exists=True)] = None,
) -> None:
    """Publishes a run, writes the README's figures, or checks them."""
    for path in publish(publish_run) if publish_run else ():
        typer.echo(path)
    if write:
        write.write_text(expected(write))
    if check and check.read_text() != expected(check):
        typer.echo(
            f"{check} does not show the published figures: python -m loadtests.figures --write {check}", err=True
        )
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
