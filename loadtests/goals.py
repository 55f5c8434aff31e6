"""The figures to reach, each as a ratio or an amount taken from one benchmark. Said honestly: reached or missed.

A goal is `value <= limit`. Ratios are taken round by round, so that what peers suffered together cancels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rich.table import Table

from loadtests.analysis import ONE_RECORD
from loadtests.compare import cost, p50, ratio
from loadtests.growth import growth
from loadtests.misbehaving import HALF_THERE
from loadtests.results import Bench, Sample, Spread, spread
from loadtests.shadows import CALLS, CANARIES, KEPT, harm
from loadtests.starts import BACK, CLIENTS, FIRST
from loadtests.streaming import against

MIB = 1024 * 1024
Value = Callable[[Bench], Spread]


@dataclass(frozen=True, slots=True)
class Goal:
    """`unit` is "x" for a ratio."""

    what: str
    limit: float
    unit: str
    value: Value


def _cost(case: str, peer: str) -> Value:
    return lambda bench: ratio(bench.cases[case].samples, "penumbra", peer, cost)


def _median_latency(case: str, peer: str) -> Value:
    return lambda bench: ratio(bench.cases[case].samples, "penumbra", peer, p50)


def _harm(kind: str, whose: str = "penumbra") -> Value:
    return lambda bench: harm(bench.shadows[whose], kind)


def _calls() -> tuple[Goal, ...]:
    """By gRPC, at 1 and at 8 streams a connection."""
    limits = {
        "split": ("split only", 0.6),
        "split-unique": ("split only, no two heads alike", 0.6),
        "statistics": ("mirror and all statistics", 0.55),
        "unique": ("mirror and all statistics, no two heads alike", 0.55),
    }
    return tuple(
        Goal(
            f"CPU: gRPC, {what}, {streams} a connection, against Envoy",
            limit,
            "x",
            _cost(f"grpc-{name}-{streams}", "envoy"),
        )
        for name, (what, limit) in limits.items()
        for streams in (1, 8)
    )


def _large() -> tuple[Goal, ...]:
    """Bodies of 64 KB and of 1 MB, mirrored."""
    sizes, limits = {"64 KB": "body-64k", "1 MB": "body-1m"}, {"Envoy": 0.6, "nginx": 0.9}
    return tuple(
        Goal(f"CPU: bodies of {size}, mirrored, against {peer}", limit, "x", _cost(case, peer.lower()))
        for size, case in sizes.items()
        for peer, limit in limits.items()
    )


def _errors(bench: Bench) -> Spread:
    samples = [bench.shadows["penumbra"], *(bench.shadows.get(name, {}) for name in (CANARIES, KEPT, CALLS))]
    return spread([float(sum(run.load.errors for each in samples for runs in each.values() for run in runs))])


def _harmless(whose: str, role: str) -> tuple[Goal, ...]:
    kinds = ("hung", "dead", "black hole", "garbage", *HALF_THERE)
    return tuple(Goal(f"p99 with {role}: {kind}, against none", 1.1, "x", _harm(kind, whose)) for kind in kinds)


def _chunk(bench: Bench) -> Spread:
    return against(bench.streaming, "penumbra", "nginx")


def _crowd(bench: Bench) -> Spread:
    each = bench.crowd["penumbra"]
    return spread([float(each.broken + each.stalled)])


def _growths() -> tuple[Goal, ...]:
    """What may not grow with what there is more of."""
    axes = {
        "routes": "routes 1 to 1,000",
        "versions": "versions 2 to 20",
        "connections": "connections 1 to 10,000, or as many as open files allow",
    }
    return tuple(
        Goal(f"growth of CPU per request: {what}", 1.1, "x", lambda bench, name=name: growth(bench.growth[name], cost))  # type: ignore[misc]
        for name, what in axes.items()
    )


def _feature(bench: Bench) -> Spread:
    """Of control alone, for it is what analyses; a feature of the widest rows against one of the narrowest."""
    samples = bench.growth["features"]
    narrow, wide = (int(list(samples)[at]) for at in (0, -1))
    return scaled(growth(samples, _control), narrow / wide)


def scaled(value: Spread, by: float) -> Spread:
    """`by` times as much."""
    return Spread(value.median * by, value.low * by, value.high * by)


def _control(sample: Sample) -> float:
    return sample.cpu["control"]


def _analysis(bench: Bench) -> Spread:
    return bench.analysis[ONE_RECORD]


def _start(what: str) -> Value:
    return lambda bench: bench.starts[what]


def _memory(case: str) -> Value:
    return lambda bench: spread([sum(bench.cases[case].memory["penumbra"].values()) / MIB])


GOALS: tuple[Goal, ...] = (
    Goal("CPU: split, mirror and all statistics, against Envoy's mirror", 0.45, "x", _cost("statistics", "envoy")),
    Goal("CPU: split, mirror and all statistics, against nginx's mirror", 0.5, "x", _cost("statistics", "nginx")),
    Goal("CPU: all statistics, 3,000 requests/s, nothing sampled, against Envoy", 0.6, "x", _cost("paced", "envoy")),
    Goal("CPU: all statistics, 3,000 requests/s, nothing sampled, against nginx", 0.8, "x", _cost("paced", "nginx")),
    Goal("CPU: all statistics, saturated, nothing sampled, against Envoy", 0.6, "x", _cost("whole", "envoy")),
    Goal("CPU: all statistics, saturated, nothing sampled, against nginx", 0.8, "x", _cost("whole", "nginx")),
    Goal("CPU: all statistics, no two heads alike, against Envoy", 0.6, "x", _cost("unique", "envoy")),
    Goal("CPU: all statistics, no two heads alike, against nginx", 0.6, "x", _cost("unique", "nginx")),
    Goal("CPU: analysis of a record with 30 features", 8, "us", _analysis),
    Goal("CPU: split only, against Envoy", 0.4, "x", _cost("split", "envoy")),
    Goal("CPU: split only, against nginx", 1.1, "x", _cost("split", "nginx")),
    *_large(),
    Goal(
        "CPU: TLS on both sides, mirror and statistics, against Envoy",
        0.6,
        "x",
        _cost("tls-statistics", "envoy"),
    ),
    Goal("CPU: TLS on both sides, split only, against Envoy", 0.75, "x", _cost("tls-split", "envoy")),
    Goal("CPU: a new connection by TLS, against Envoy", 0.6, "x", _cost("tls-reconnect", "envoy")),
    Goal("CPU: a new connection by TLS, against nginx", 1.5, "x", _cost("tls-reconnect", "nginx")),
    *_calls(),
    Goal("CPU: gRPC, a message of a stream both ways, against Envoy", 0.8, "x", _cost("grpc-messages", "envoy")),
    Goal("p50 at one connection, against nginx", 1.1, "x", _median_latency("single", "nginx")),
    Goal("p99 with a hung shadow, against none", 1.1, "x", _harm("hung")),
    Goal("p99 with a dead shadow, against none", 1.1, "x", _harm("dead")),
    Goal("p99 with a black-holed shadow, against none", 1.1, "x", _harm("black hole")),
    *(Goal(f"p99 with a shadow: {kind}, against none", 1.1, "x", _harm(kind)) for kind in ("garbage", *HALF_THERE)),
    *_harmless(CALLS, "a shadow by gRPC"),
    *_harmless(CANARIES, "a rescued canary"),
    *_harmless(KEPT, "a rescued canary that is kept"),
    Goal("client errors with misbehaving shadows", 0, "", _errors),
    Goal("CPU: a chunk of server-sent events, mirrored, against Envoy", 0.6, "x", _cost("events", "envoy")),
    Goal("added delay of a chunk of server-sent events, against nginx", 1.1, "x", _chunk),
    Goal("1,000 streams at once: those that broke or stalled", 0, "", _crowd),
    *_growths(),
    Goal("growth of control's CPU per feature: features 30 to 3,000", 1.1, "x", _feature),
    Goal("memory of all processes (PSS), no body analysed", 64, "MiB", _memory("mirror")),
    Goal("memory of all processes (PSS), all statistics", 90, "MiB", _memory("statistics")),
    Goal(f"{CLIENTS}, beside that", 40, "MiB", _start(CLIENTS)),
    Goal(FIRST, 0.7, "s", _start(FIRST)),
    Goal(BACK, 0.3, "s", _start(BACK)),
)


def measured(bench: Bench) -> list[tuple[Goal, Spread]]:
    """The goals that this benchmark has data for: peers may be missing, cases may have been left out."""
    return [(goal, value) for goal in GOALS if (value := _value(goal, bench)) is not None]


def missing(bench: Bench) -> list[Goal]:
    """The other goals."""
    return [goal for goal in GOALS if _value(goal, bench) is None]


def beside_a_neighbour(goal: Goal, bench: Bench) -> Spread | None:
    """The same figure as it was beside a busy neighbour; None: it was not measured there."""
    return _value(goal, Bench(cases=bench.busy))


def _value(goal: Goal, bench: Bench) -> Spread | None:
    try:
        return goal.value(bench)
    except KeyError:
        return None


def verdict(goal: Goal, value: Spread) -> str:
    """Reached when the median is within the limit."""
    return "reached" if value.median <= goal.limit else "missed"


def amount(value: float, unit: str) -> str:
    """A number as tables show it."""
    digits = {"x": 2, "us": 1, "s": 2}.get(unit, 0)
    return f"{value:.{digits}f} {unit}".rstrip()


def noise(value: Spread, unit: str) -> str:
    """The lowest and the highest of the rounds; nothing for what was measured once."""
    return (
        "" if value.low == value.high else f"{amount(value.low, unit).split()[0]}-{amount(value.high, unit).split()[0]}"
    )


def goals_table(bench: Bench) -> Table:
    """One line for each goal that was measured."""
    table = Table(title="Goals")
    for name in ("what", "goal", "measured", "noise", "beside a busy neighbour", ""):
        table.add_column(name, justify="left" if name in ("what", "") else "right")
    for goal, value in measured(bench):
        word, busy = verdict(goal, value), beside_a_neighbour(goal, bench)
        row = (f"<= {amount(goal.limit, goal.unit)}", amount(value.median, goal.unit), noise(value, goal.unit))
        beside = "" if busy is None else f"{amount(busy.median, goal.unit)} ({noise(busy, goal.unit)})"
        table.add_row(goal.what, *row, beside, f"[{'green' if word == 'reached' else 'red'}]{word}")
    return table
