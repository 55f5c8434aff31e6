"""What a misbehaving shadow or canary does to the client: latencies of a paced load against the same peer without it.

nginx's mirror holds the client's connection until the copy is done; that is its design and shows here.

A canary has 10 % of the traffic and the primary's rescue. It is measured as operators have it, who lose it within a
second or two, and where nothing takes it back (`on_breach: notify`), so that each probe of its breaker is a client's
request. The seconds in which its failures begin are not in these figures (`compare.WARM_UP`): they cost a client
`timeouts.connect` or `rescue.after`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from rich.table import Table

from loadtests.calls import CallDrive, answering_calls, infer_request
from loadtests.cases import console, stage, tell
from loadtests.compare import WARM_UP, How, Run, p50, p99, ratio, rounds
from loadtests.load import Drive
from loadtests.misbehaving import Place, places
from loadtests.processes import NotReady
from loadtests.proxies import PEER, Edit, Plan, proxied
from loadtests.results import Sample, Samples, Spread, spread
from loadtests.traffic import write_bodies
from loadtests.upstreams import answering

BASE = "no shadow"
CANARIES = "penumbra, as a canary"
KEPT = "penumbra, as a canary that is kept"
MORE = 2
"""Further rounds where a goal is about a p99: that of two seconds differs by a fifth from run to run."""
FEW = 2
"""Rounds of what stands beside it: calls, canaries, peers."""

CALLS = "penumbra, by gRPC"
CALLS_A_SECOND = 1_500

PAUSE_MS = 20
"""About 1,500 requests a second: far below what any peer can do, so that p99 says what a request waits for."""


def run_shadows(peer: str, seconds: float, repetitions: int, calls: bool = False) -> Samples:
    """Interleaved samples of one peer without shadow, with a healthy one, and with each misbehaving one. `calls`: by
    gRPC."""
    with stage(servers=answering_calls if calls else answering) as (stack, home, (primary, canary, shadow)):
        plan = Plan(primary, canary, shadow, http2=calls)
        how = _paced_calls(home) if calls else Drive(write_bodies(home / "bodies"), pause_ms=PAUSE_MS)
        plans = {BASE: (replace(plan, mirror=False), HERE), "healthy": (plan, HERE)}
        plans |= {
            name: (replace(plan, shadow=at.port or shadow), at)
            for name, at in _placed(stack, PEER[peer].judges).items()
        }
        started = {
            name: stack.enter_context(proxied(PEER[peer], work, home, _moved(work.shadow, at), at.within))
            for name, (work, at) in plans.items()
        }
        return rounds([Run(name, proxy, how) for name, proxy in started.items()], seconds, repetitions, tell, WARM_UP)


def _paced_calls(home: Path) -> How:
    body = home / "call"
    body.write_bytes(infer_request(30, random.Random(7)))
    return CallDrive(body, rate=CALLS_A_SECOND)


def run_canaries(kept: bool, seconds: float, repetitions: int) -> Samples:
    """The same of Penumbra with such canaries; `kept`: nothing takes them back."""
    with stage(2) as (stack, home, (primary, canary)):
        plan = Plan(primary, canary, canary, mirror=False)
        how = Drive(write_bodies(home / "bodies"), pause_ms=PAUSE_MS)
        plans = {BASE: (plan, HERE, _alone)} | {"healthy": (plan, HERE, _rescued(kept))}
        for name, at in _placed(stack, True).items():
            plans[name] = (replace(plan, canary=at.port or canary), at, _rescued(kept))
        started = {
            name: stack.enter_context(
                proxied(PEER["penumbra"], work, home, _both(_moved(work.canary, at), edit), at.within)
            )
            for name, (work, at, edit) in plans.items()
        }
        return rounds([Run(name, proxy, how) for name, proxy in started.items()], seconds, repetitions, tell, WARM_UP)


HERE = Place("127.0.0.1", 0)


def _placed(stack: ExitStack, half_there: bool) -> dict[str, Place]:
    """All that can be staged on this machine."""
    found = {}
    for name, make in places(half_there).items():
        try:
            found[name] = stack.enter_context(make())
        except (NotReady, OSError) as error:
            console.print(f"{name} is left out: {error}", style="red", markup=False, highlight=False)
    return found


def _moved(port: int, at: Place) -> Edit:
    return lambda text: text.replace(f"127.0.0.1:{port}", f"{at.host}:{port}") if at.host != HERE.host else text


def _both(first: Edit, then: Edit) -> Edit:
    return lambda text: then(first(text))


CANARY_LINE = "    canary: {version: v2, percent: 10}\n"


def _alone(text: str) -> str:
    return text.replace(CANARY_LINE, "")


def _rescued(kept: bool) -> Edit:
    rescued = CANARY_LINE + "    rescue: {after: 2s}\n" + ("    on_breach: notify\n" if kept else "")
    return lambda text: text.replace(CANARY_LINE, rescued)


def _more(repetitions: int) -> int:
    return repetitions + MORE if repetitions > 1 else 1


MEASURED: dict[str, Callable[[float, int], Samples]] = {
    "penumbra": lambda seconds, repetitions: run_shadows("penumbra", seconds, _more(repetitions)),
    CALLS: lambda seconds, repetitions: run_shadows("penumbra", seconds, min(repetitions, FEW), calls=True),
    CANARIES: lambda seconds, repetitions: run_canaries(False, seconds, min(repetitions, FEW)),
    KEPT: lambda seconds, repetitions: run_canaries(True, seconds, min(repetitions, FEW)),
    "envoy": lambda seconds, repetitions: run_shadows("envoy", seconds, min(repetitions, FEW)),
    "nginx": lambda seconds, repetitions: run_shadows("nginx", seconds, min(repetitions, FEW)),
}
"""Samples by kind of shadow, of those that have any, in the order of what they are worth."""


def harm(samples: Mapping[str, Sequence[Sample]], kind: str) -> Spread:
    """p99 with that shadow over p99 without, round by round."""
    return ratio(samples, kind, BASE, p99)


def shadows_table(results: Mapping[str, Mapping[str, Sequence[Sample]]]) -> Table:
    """One line for each peer and kind of shadow."""
    table = Table(title="What a misbehaving shadow or canary does to the client (about 1,500 requests/s asked for)")
    for name in ("peer", "shadow", "p50 us", "p99 us", "p99 against none", "requests/s", "errors"):
        table.add_column(name, justify="left" if name in ("peer", "shadow") else "right")
    for peer, samples in results.items():
        for kind, runs in samples.items():
            table.add_row(peer, kind, *_row(samples, kind, runs))
    return table


def _row(samples: Mapping[str, Sequence[Sample]], kind: str, runs: Sequence[Sample]) -> tuple[str, ...]:
    return (
        f"{spread([p50(run) for run in runs]).median:,.0f}",
        f"{spread([p99(run) for run in runs]).median:,.0f}",
        f"{harm(samples, kind).median:.2f} x",
        f"{spread([run.load.rate for run in runs]).median:,.0f}",
        f"{sum(run.load.errors for run in runs)}",
    )
