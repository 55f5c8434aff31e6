"""Server-sent events: how much later a chunk arrives through a proxy than directly, and a thousand streams at once.

What is reported of a delay is what a peer adds to that of a direct connection. Peers take turns of half a second, and a
round has several turns of each: a slow moment of the machine hits all of them alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from loadtests.cases import console, stage, start
from loadtests.events import hear, talking
from loadtests.load import LoadFailed
from loadtests.processes import pss_by_label
from loadtests.proxies import Plan, Proxy
from loadtests.results import Crowd, Delays, Spread, spread

INTERVAL = 0.01
"""Seconds between the events of a stream: 100 tokens a second."""
STREAMS = 4
TURNS = 5
"""Turns of each peer in a round."""
TURN_SECONDS = 0.5
UNHEARD = 5
"""Events at the beginning of each stream that do not count: they wait for connections."""
DIRECT = "direct"
MIB = 1024 * 1024

MANY = 1_000
SLOWLY = 0.1
"""Seconds between the events of each of many streams."""
STALL_SECONDS = 0.5
"""A chunk that is so late has stalled its stream."""
MOST_COPIES = "    primary: v1\n    limits: {mirror_inflight: 1100}\n"
"""By default no more than 256 copies of a route are under way."""


def turn(port: int) -> list[float]:
    """Delays of some streams through a port, in microseconds. Raises LoadFailed where one was not whole."""
    events = round(TURN_SECONDS / INTERVAL)
    heard = hear(port, STREAMS, events, INTERVAL)
    if not all(each.whole(events) for each in heard):
        raise LoadFailed(f"a stream through port {port} has not come whole")
    return [delay for each in heard for delay in each.delays[UNHEARD:]]


def summed(delays: Sequence[float]) -> Delays:
    """Middle and tail."""
    ranked = sorted(delays)
    return Delays(ranked[len(ranked) // 2], ranked[len(ranked) * 99 // 100], len(ranked))


def run_streaming(names: Sequence[str], repetitions: int) -> dict[str, list[Delays]]:
    """Interleaved turns: directly, then through each peer, again and again. No shadow."""
    with stage(1, servers=talking) as (stack, home, (server,)):
        plan = Plan(server, server, server, mirror=False)
        proxies = [start(stack, home, name, plan) for name in names]
        ports = {DIRECT: server} | {proxy.name: proxy.port for proxy in proxies if proxy}
        results: dict[str, list[Delays]] = {name: [] for name in ports}
        for port in ports.values():
            turn(port)
        for _ in range(repetitions):
            delays: dict[str, list[float]] = {name: [] for name in ports}
            for _ in range(TURNS):
                for name, port in ports.items():
                    delays[name] += turn(port)
            for name, each in delays.items():
                results[name].append(summed(each))
                console.print(f"  {name:10} chunk after {results[name][-1].p50:6.0f} us", highlight=False)
        return results


def added(results: Mapping[str, Sequence[Delays]], name: str) -> Spread:
    """Microseconds that `name` adds to the median chunk, round by round."""
    return spread(_added(results, name))


def _added(results: Mapping[str, Sequence[Delays]], name: str) -> list[float]:
    return [run.p50 - direct.p50 for run, direct in zip(results[name], results[DIRECT], strict=True)]


def against(results: Mapping[str, Sequence[Delays]], one: str, other: str) -> Spread:
    """What `one` adds over what `other` adds, round by round."""
    return spread([a / b for a, b in zip(_added(results, one), _added(results, other), strict=True)])


def run_crowd(names: Sequence[str], seconds: float) -> dict[str, Crowd]:
    """A thousand streams at once through each peer, all of them copied to a shadow where the peer can."""
    with stage(2, servers=talking) as (stack, home, (server, shadow)):
        results = {}
        for name in names:
            proxy = start(stack, home, name, Plan(server, server, shadow), _roomy)
            if proxy is not None:
                results[name] = crowd(proxy, seconds)
                console.print(f"  {name:10} {_told(results[name])}", highlight=False)
        return results


def _roomy(text: str) -> str:
    return text.replace("    primary: v1\n", MOST_COPIES)


def crowd(proxy: Proxy, seconds: float) -> Crowd:
    """A thousand streams at once through a proxy."""
    events, taken = round(seconds / SLOWLY), [_memory(proxy)]
    heard = hear(proxy.port, MANY, events, SLOWLY, lambda: taken.append(_memory(proxy)))
    delays = summed([delay for each in heard for delay in each.delays])
    broken = sum(not each.whole(events) for each in heard)
    stalled = sum(max(each.delays, default=0.0) > STALL_SECONDS * 1e6 for each in heard)
    return Crowd(len(heard), broken, stalled, delays, taken[0], taken[-1])


def _told(each: Crowd) -> str:
    memory = f"{each.before / MIB:.0f} to {each.during / MIB:.0f} MiB"
    return f"{each.broken} broken, {each.stalled} stalled, p50 {each.delays.p50:.0f} us, {memory}"


def _memory(proxy: Proxy) -> int:
    return sum(pss_by_label(proxy.process.pid).values())


def streaming_table(results: Mapping[str, Sequence[Delays]]) -> Table:
    """One line for each peer."""
    table = Table(title=f"Server-sent events: {STREAMS} streams, one chunk each {INTERVAL * 1000:.0f} ms")
    for name in ("peer", "p50 us", "p99 us", "added to p50 us", "spread", "chunks"):
        table.add_column(name, justify="left" if name == "peer" else "right")
    for name, runs in results.items():
        p50, p99 = spread([run.p50 for run in runs]).median, spread([run.p99 for run in runs]).median
        more = added(results, name)
        chunks = sum(run.chunks for run in runs)
        table.add_row(
            name, f"{p50:.0f}", f"{p99:.0f}", f"{more.median:.0f}", f"{more.low:.0f}-{more.high:.0f}", f"{chunks:,}"
        )
    return table
