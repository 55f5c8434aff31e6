"""The figures of docs/cost.md, written from a benchmark's JSON, never by hand.

    python -m loadtests.figures results/bench.json    choose a run: JSON, history, charts and tables go to published/,
                                                      and from there to docs/cost.md and the quotes of other pages
    python -m loadtests.figures                       the same of the run that is published: the goals have changed

The markers are `<!-- figures:begin -->` and `<!-- figures:end -->`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import fields

from loadtests.cases import CASES
from loadtests.charts import draw
from loadtests.compare import cost, p50, p99, ratio
from loadtests.goals import Goal, amount, beside_a_neighbour, measured, missing, noise, verdict
from loadtests.growth import AXES
from loadtests.history import draw as draw_history
from loadtests.history import entry_of, read, with_entry, written
from loadtests.quotes import quote
from loadtests.report import MIB, analysed, by_process
from loadtests.results import PUBLISHED, Bench, CaseResult, Sample, load, spread
from loadtests.shadows import harm
from loadtests.starts import CLIENTS
from loadtests.streaming import added
from proxy.contracts.settings import Settings

BEGIN, END = "<!-- figures:begin -->", "<!-- figures:end -->"
BENCH = PUBLISHED / "bench.json"
PAGE = PUBLISHED / "FIGURES.md"
COSTS = PUBLISHED.parents[1] / "docs" / "cost.md"


class NoMarkers(Exception):
    """The text has no place for figures."""


def short(bench: Bench, folder: str) -> str:
    """What the page shows: the machine, the goals, one chart. `folder`: the published files, seen from there."""
    more = f"All cases, peers and growth: [FIGURES.md]({folder}/FIGURES.md). How it is measured: `loadtests/`."
    chart = f"![CPU per request of Penumbra and its peers]({folder}/cost.svg)"
    return "\n\n".join([_machine(bench), _goals(bench), *_budget(bench), *_interpreted(bench), chart, more])


def full(bench: Bench, charts: Sequence[str]) -> str:
    """All figures of a benchmark, for a page beside its charts."""
    parts = ["# Figures", _machine(bench), _goals(bench), *_budget(bench), *_interpreted(bench), *_failed(bench)]
    parts += [_costs(bench.cases)] + ([_BUSY, _costs(bench.busy)] if bench.busy else [])
    parts += [_shadows(bench)] if bench.shadows else []
    parts += [_streaming(bench)] if bench.streaming else []
    parts += [_crowd(bench)] if bench.crowd else []
    parts += [_starts(bench)] if bench.starts else []
    parts += [_growth(bench)] if bench.growth else []
    parts += [_analysis(bench)] if bench.analysis else []
    parts += [f"![{Path(chart).stem.replace('-', ' ')}]({chart})" for chart in charts]
    return "\n\n".join(parts) + "\n"


def _machine(bench: Bench) -> str:
    facts = bench.facts
    day = str(facts["when"])[:10]
    return (
        f"Measured {day} on {facts['cores']} cores ({facts['cpu']}), Linux {facts['kernel']}, "
        f"Python {facts['python']}, {facts['nginx']}, Envoy {facts['envoy']}; one worker each unless said otherwise. "
        + (f"A fixed loop took {facts['loop_ms']} ms. " if "loop_ms" in facts else "")
        + "Times are of this machine; only ratios within one run compare."
    )


def _goals(bench: Bench) -> str:
    beside = bool(bench.busy)
    columns = ["what", "goal", "measured", "noise", *(["busy neighbour"] if beside else []), ""]
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for goal, value in measured(bench):
        row = [goal.what, f"≤ {amount(goal.limit, goal.unit)}", amount(value.median, goal.unit)]
        row += [noise(value, goal.unit), *([_beside(goal, bench)] if beside else []), verdict(goal, value)]
        lines.append(f"| {' | '.join(row)} |")
    for goal in missing(bench):
        row = [goal.what, f"≤ {amount(goal.limit, goal.unit)}", "", "", *([""] if beside else []), "not measured"]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def _beside(goal: Goal, bench: Bench) -> str:
    value = beside_a_neighbour(goal, bench)
    return "" if value is None else f"{amount(value.median, goal.unit)} ({noise(value, goal.unit)})"


def _budget(bench: Bench) -> list[str]:
    """How much of the traffic was analysed in the cases that keep to the default budget."""
    runs = bench.cases["statistics"].samples["penumbra"] if "statistics" in bench.cases else []
    parts = [run.analysed for run in runs if run.analysed is not None]
    if not parts:
        return []
    rate = spread([run.load.rate for run in runs]).median
    budget = next(field.default for field in fields(Settings) if field.name == "analysis_cpu")
    return [
        "Errors, latencies and all other counters are of every request. Bodies are analysed within a budget "
        f"(`analysis_cpu`, {budget:g} % of a CPU): {spread(parts).median:.0%} of the exchanges at {rate:,.0f} "
        "requests/s, unless it says that nothing is sampled."
    ]


def _interpreted(bench: Bench) -> list[str]:
    """What the first goals would be without a compiler."""
    samples = bench.cases["statistics"].samples if "statistics" in bench.cases else {}
    if not {"interpreted", "envoy", "nginx"} <= samples.keys():
        return []
    envoy, nginx = (ratio(samples, "interpreted", peer, cost).median for peer in ("envoy", "nginx"))
    return [
        "The data plane is compiled, as in the image. Interpreted, as `pip install .` gives it, split, mirror and all "
        f"statistics cost {envoy:.2f} x Envoy's mirror and {nginx:.2f} x nginx's."
    ]


_BUSY = "The same beside a process that spins on one core:"


def _costs(cases: Mapping[str, CaseResult]) -> str:
    columns = ("case", "peer", "CPU µs/request", "spread", "Penumbra is", "requests/s", "analysed", "memory MiB")
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for name, result in cases.items():
        title = CASES[name].title if name in CASES else name
        for peer, runs in result.samples.items():
            ours = "penumbra" in result.samples
            against = f"{ratio(result.samples, 'penumbra', peer, cost).median:.2f} x" if ours else ""
            memory = sum(result.memory.get(peer, {}).values()) / MIB
            row = (title, peer, _cost(peer, runs), _noise(runs), against, _rate(runs), analysed(runs), f"{memory:.0f}")
            lines.append(f"| {' | '.join(row)} |")
            title = ""
    return "\n".join(lines)


def _cost(peer: str, runs: Sequence[Sample]) -> str:
    total = f"{spread([run.total for run in runs]).median:.1f}"
    parts = by_process(runs)
    split = ", ".join(f"{name} {parts[name]:.1f}" for name in ("worker", "control") if name in parts)
    return f"{total} ({split})" if split else total


def _noise(runs: Sequence[Sample]) -> str:
    costs = spread([run.total for run in runs])
    return f"{costs.low:.1f}-{costs.high:.1f}"


def _rate(runs: Sequence[Sample]) -> str:
    return f"{spread([run.load.rate for run in runs]).median:,.0f}"


def _shadows(bench: Bench) -> str:
    lines = ["| peer | shadow | p50 µs | p99 µs | p99 against none | requests/s | errors |", "|---" * 7 + "|"]
    for peer, samples in bench.shadows.items():
        for kind, runs in samples.items():
            latency = [f"{spread([of(run) for run in runs]).median:,.0f}" for of in (p50, p99)]
            errors = sum(run.load.errors for run in runs)
            row = (peer, kind, *latency, f"{harm(samples, kind).median:.2f} x", _rate(runs), str(errors))
            lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def _streaming(bench: Bench) -> str:
    lines = ["| server-sent events through | median chunk µs | added µs | noise |", "|---|---|---|---|"]
    for peer, runs in bench.streaming.items():
        middle, more = spread([run.p50 for run in runs]).median, added(bench.streaming, peer)
        lines.append(f"| {peer} | {middle:.0f} | {more.median:.0f} | {noise(more, 'us')} |")
    return "\n".join(lines)


def _crowd(bench: Bench) -> str:
    columns = ("streams at once through", "streams", "broken", "stalled", "median chunk µs", "p99 µs", "MiB for them")
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for peer, each in bench.crowd.items():
        took = (each.during - each.before) / MIB
        row = (f"{each.streams:,}", f"{each.broken}", f"{each.stalled}")
        lines.append(
            f"| {' | '.join((peer, *row, f'{each.delays.p50:,.0f}', f'{each.delays.p99:,.0f}', f'{took:.1f}'))} |"
        )
    return "\n".join(lines)


def _starts(bench: Bench) -> str:
    lines = ["| | median | noise |", "|---|---|---|"]
    for what, value in bench.starts.items():
        unit = "MiB" if what == CLIENTS else "s"
        lines.append(f"| {what} | {amount(value.median, unit)} | {noise(value, unit)} |")
    return "\n".join(lines)


def _growth(bench: Bench) -> str:
    lines = ["| cost by | | CPU µs/request | noise |", "|---|---|---|---|"]
    for name, samples in bench.growth.items():
        title = AXES[name].title if name in AXES else name
        for value, runs in samples.items():
            lines.append(f"| {title} | {int(value):,} | {_cost('penumbra', runs)} | {_noise(runs)} |")
            title = ""
    return "\n".join(lines)


def _failed(bench: Bench) -> list[str]:
    return [f"Not measured, because it failed: {name} ({why})." for name, why in bench.failed.items()]


def _analysis(bench: Bench) -> str:
    lines = [f"| {method} | {value.median:.1f} |" for method, value in bench.analysis.items()]
    return "\n".join(["| analysing one exchange of 30 features and a shadow's answer | CPU µs |", "|---|---|", *lines])


def inserted(text: str, figures: str) -> str:
    """`text` with `figures` between its markers. Raises NoMarkers."""
    begin, end = text.find(BEGIN), text.find(END)
    if begin < 0 or end < begin:
        raise NoMarkers(f"no {BEGIN} … {END}")
    return f"{text[: begin + len(BEGIN)]}\n\n{figures}\n\n{text[end:]}"


def expected(page: Path) -> str:
    """What `page` should be, from the published benchmark."""
    return inserted(page.read_text(), short(load(BENCH), os.path.relpath(PUBLISHED, page.parent.resolve())))


def publish(path: Path) -> list[Path]:
    """Chooses a run: replaces what is published by it, and what pages show of it."""
    bench, history = load(path), PUBLISHED / "history.json"
    entries = with_entry(read(history), entry_of(bench))
    PUBLISHED.mkdir(exist_ok=True)
    for old in PUBLISHED.glob("*.svg"):
        old.unlink()
    if path.resolve() != BENCH:
        shutil.copyfile(path, BENCH)
    history.write_bytes(written(entries))
    charts = [*draw(bench, PUBLISHED), draw_history(entries, PUBLISHED / "history.svg")]
    PAGE.write_text(full(bench, [chart.name for chart in charts]))
    COSTS.write_text(expected(COSTS))
    return [BENCH, history, *charts, PAGE, COSTS, *quote()]


def main(run: Annotated[Path, typer.Argument(exists=True, help="the JSON of a run")] = BENCH) -> None:
    """Publishes a run, and prints which files that has written."""
    for path in publish(run):
        typer.echo(path)


if __name__ == "__main__":
    typer.run(main)
