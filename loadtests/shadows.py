"""What a misbehaving shadow does to the client: latencies of a paced load against the same peer without shadow.

nginx's mirror holds the client's connection until the copy is done; that is its design and shows here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rich.table import Table

from loadtests.cases import stage, tell
from loadtests.compare import Run, p50, p99, ratio, rounds
from loadtests.load import Drive
from loadtests.misbehaving import MISBEHAVING
from loadtests.processes import NotReady
from loadtests.proxies import PEER, Plan, proxied
from loadtests.results import Sample, Samples, Spread, spread
from loadtests.traffic import write_bodies

BASE = "no shadow"
PEERS = ("penumbra", "envoy", "nginx")
JUDGED = 3
"""Times the repetitions for the peer that a goal is about: a p99 of two seconds differs by a fifth from run to run."""

PAUSE_MS = 20
"""About 1,500 requests a second: far below what any peer can do, so that p99 says what a request waits for."""


def run_shadows(peer: str, seconds: float, repetitions: int) -> Samples:
    """Interleaved samples of one peer without shadow, with a healthy one, and with each misbehaving one."""
    with stage() as (stack, home, (primary, canary, shadow)):
        plan = Plan(primary, canary, shadow)
        ports = {name: stack.enter_context(make()) for name, make in MISBEHAVING.items()}
        plans = {BASE: replace(plan, mirror=False), "healthy": plan}
        plans |= {name: replace(plan, shadow=port) for name, port in ports.items()}
        how = Drive(write_bodies(home / "bodies"), pause_ms=PAUSE_MS)
        started = {name: stack.enter_context(proxied(PEER[peer], plan, home)) for name, plan in plans.items()}
        return rounds([Run(name, proxy, how) for name, proxy in started.items()], seconds, repetitions, tell)


def all_shadows(seconds: float, repetitions: int) -> dict[str, Samples]:
    """By peer, by kind of shadow; peers that are not on this machine are left out."""
    results = {}
    for peer in PEERS:
        try:
            results[peer] = run_shadows(peer, seconds, repetitions * (JUDGED if PEER[peer].judges else 1))
        except (NotReady, OSError):
            continue
    return results


def harm(samples: Mapping[str, Sequence[Sample]], kind: str) -> Spread:
    """p99 with that shadow over p99 without, round by round."""
    return ratio(samples, kind, BASE, p99)


def shadows_table(results: Mapping[str, Mapping[str, Sequence[Sample]]]) -> Table:
    """One line for each peer and kind of shadow."""
    table = Table(title="What a misbehaving shadow does to the client (about 1,500 requests/s asked for)")
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
