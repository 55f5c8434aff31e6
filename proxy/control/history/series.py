"""Steps → the series of an answer: one list of values for each figure, all of one time axis.

- null: nobody knows. There was no tick in the step, or nothing that the figure is of (a quantile, a rate).
- 0: it was looked at, and there was nothing.
- JSON has no infinities: they are the texts `inf` and `-inf`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from typing import Any

from proxy.contracts.histogram import quantile
from proxy.contracts.metrics import METRICS
from proxy.contracts.outcome import OUTCOMES
from proxy.control.history.steps import PLACES, Arm, ArmStep, TimeStep, joined

QUANTILES = {"latency.p50": 0.5, "latency.p90": 0.9, "latency.p99": 0.99}

COUNTED = [outcome for outcome, row in OUTCOMES.items() if row.counted]
"""Outcomes that are parts of the inferences; the others are parts of all requests."""

FAMILIES = (
    *("observed", "rejected", "requests", "inferences", "share", "outcome", "latency", "rescued", "coverage"),
    *("disagreement", "invalid", "evidence", "value", "drift"),
)
"""Names of series up to their first dot."""

ALWAYS_SHOWN = ("good", "failed")
"""Outcomes that have a series in any answer; the others where there was one in its range."""

DIGITS = 6
"""Significant digits of a figure: histograms are good for two."""

Series = dict[str, Any]
Value = float | int | str | None
Read = Callable[[TimeStep], Value]


def family(name: str) -> str:
    """The name of a series up to its first dot."""
    return name.partition(".")[0]


def series(steps: Iterable[TimeStep], start: int, step: int, n: int, names: Iterable[str] = FAMILIES) -> list[Series]:
    """The series of one route from `start` on, `n` steps of `step` seconds. `names`: whole, or up to the first dot."""
    axis: list[TimeStep | None] = [None] * n
    for each in joined(steps, step):
        if 0 <= (place := (each.start - start) // step) < n:
            axis[place] = each
    found = [each for each in axis if each is not None]
    wanted = set(names)
    families = {family(name) for name in wanted}
    made = [one for name, make in _MAKERS.items() if name in families for one in make(found)]
    return [
        head | {"values": [read(at) if at else None for at in axis], **_extra(more, axis)}
        for head, read, more in made
        if wanted & {head["name"], family(head["name"])}
    ]


Made = tuple[Series, Read, dict[str, Read]]
"""What a series says of itself, its values, and further lists beside them."""


def _extra(more: dict[str, Read], axis: Sequence[TimeStep | None]) -> Series:
    return {name: [read(at) if at else None for at in axis] for name, read in more.items()}


def _head(name: str, unit: str, version: str | None = None, role: str | None = None, **more: Any) -> Series:
    return {"name": name, "version": version, "role": role, "unit": unit, **more}


def figure(value: float | None) -> Value:
    """A number as JSON can hold it."""
    if value is None or isinstance(value, int):
        return value
    return float(f"{value:.{DIGITS}g}") if isfinite(value) else str(value)


def _part(some: int, of: int) -> Value:
    return figure(some / of) if of else None


def _keys(dicts: Iterable[Iterable[Any]]) -> list[Any]:
    return sorted({key for each in dicts for key in each})


_NONE = ArmStep()


def _arms(steps: list[TimeStep]) -> list[Arm]:
    """Arms that had a request or a part of the traffic, in the order of versions."""
    return _keys(step.arms for step in steps)


def _bound(read: Callable[[TimeStep, Any], Value], key: Any) -> Read:
    return lambda at: read(at, key)


def _observed(steps: list[TimeStep]) -> Iterable[Made]:
    yield _head("observed", "ratio"), lambda at: _part(at.seen, at.seconds), {}


def _rejected(steps: list[TimeStep]) -> Iterable[Made]:
    yield _head("rejected", "requests"), lambda at: at.rejected, {}


def _of(at: TimeStep, arm: Arm) -> ArmStep:
    return at.arms.get(arm, _NONE)


def inferences(arm: ArmStep) -> int:
    """The inferences that rates are parts of."""
    return sum(arm.outcomes[PLACES[outcome]] for outcome in COUNTED)


def _requests(steps: list[TimeStep]) -> Iterable[Made]:
    for arm in _arms(steps):
        yield _head("requests", "requests", *arm), _bound(lambda at, arm: sum(_of(at, arm).outcomes), arm), {}


def _inferences(steps: list[TimeStep]) -> Iterable[Made]:
    for arm in _arms(steps):
        yield _head("inferences", "requests", *arm), _bound(lambda at, arm: inferences(_of(at, arm)), arm), {}


def _outcomes(steps: list[TimeStep]) -> Iterable[Made]:
    for arm in _arms(steps):
        for outcome, place in PLACES.items():
            of = "inferences" if outcome in COUNTED else "requests"
            head = _head(f"outcome.{outcome}", "ratio", *arm, of=of)
            if outcome in ALWAYS_SHOWN or any(_of(step, arm).outcomes[place] for step in steps):
                read = _bound(_inference_part if outcome in COUNTED else _request_part, (arm, place))
                yield head, read, {"counts": _bound(_count, (arm, place))}


def _count(at: TimeStep, key: tuple[Arm, int]) -> Value:
    return _of(at, key[0]).outcomes[key[1]]


def _inference_part(at: TimeStep, key: tuple[Arm, int]) -> Value:
    mine = _of(at, key[0])
    return _part(mine.outcomes[key[1]], inferences(mine))


def _request_part(at: TimeStep, key: tuple[Arm, int]) -> Value:
    mine = _of(at, key[0])
    return _part(mine.outcomes[key[1]], sum(mine.outcomes))


def _latencies(steps: list[TimeStep]) -> Iterable[Made]:
    for arm in _arms(steps):
        for name, q in QUANTILES.items():
            yield _head(name, "seconds", *arm), _bound(_quantile, (arm, q)), {}


def _quantile(at: TimeStep, key: tuple[Arm, float]) -> Value:
    mine = _of(at, key[0])
    return None if mine.untimed else figure(quantile(mine.latencies, key[1]))


def _share(steps: list[TimeStep]) -> Iterable[Made]:
    for version in _keys(step.split for step in steps):
        yield _head("share", "percent", version), _bound(lambda at, v: figure(at.split.get(v, 0.0)), version), {}


def _rescued(steps: list[TimeStep]) -> Iterable[Made]:
    for version in _keys(step.rescued for step in steps):
        yield _head("rescued", "requests", version), _bound(lambda at, v: at.rescued.get(v, 0), version), {}


def _coverage(steps: list[TimeStep]) -> Iterable[Made]:
    for version in _keys(step.copies for step in steps):
        more = {"counts": _bound(_sent, version), "due": _bound(lambda at, v: _copies(at, v)[0], version)}
        read = _bound(lambda at, v: _part(_sent(at, v), _copies(at, v)[0]), version)
        yield _head("coverage", "ratio", version, "shadow", of="due"), read, more


def _copies(at: TimeStep, version: str) -> tuple[int, int]:
    return at.copies.get(version, (0, 0))


def _sent(at: TimeStep, version: str) -> int:
    due, dropped = _copies(at, version)
    return max(due - dropped, 0)


def _pairs(
    steps: list[TimeStep], name: str, of: str, pairs: Callable[[TimeStep], dict[Arm, tuple[int, int]]]
) -> Iterable[Made]:
    """Ratios of pairs of counts: of how many, and how many of them."""

    def some(at: TimeStep, arm: Arm) -> int:
        return pairs(at).get(arm, (0, 0))[1]

    def all_(at: TimeStep, arm: Arm) -> int:
        return pairs(at).get(arm, (0, 0))[0]

    for arm in _keys(pairs(step) for step in steps):
        read = _bound(lambda at, arm: _part(some(at, arm), all_(at, arm)), arm)
        yield _head(name, "ratio", *arm, of=of), read, {"counts": _bound(some, arm), of: _bound(all_, arm)}


Line = tuple[str, str, str]
"""Metric, bound and version."""


def _lines(steps: list[TimeStep]) -> dict[Line, Series]:
    """Lines of the scorecard in these steps; the limit is that of the last one."""
    found: dict[Line, Series] = {}
    for step in steps:
        for (metric, bound, version), line in step.lines.items():
            said = {"line": f"{metric}.{bound}", "metric": metric, "bound": bound, "limit": figure(line.limit)}
            found[metric, bound, version] = said
    return found


def _of_line(field: str, key: Line) -> Read:
    def read(at: TimeStep) -> Value:
        line = at.lines.get(key)
        return figure(getattr(line, field)) if line else None

    return read


def _evidence(steps: list[TimeStep]) -> Iterable[Made]:
    for key, said in _lines(steps).items():
        yield _head("evidence", "threshold", key[2], **said), _of_line("progress", key), {}


def _values(steps: list[TimeStep]) -> Iterable[Made]:
    for key, said in _lines(steps).items():
        metric = METRICS.get(key[0])
        unit = "ratio" if key[1].endswith("_ratio") or metric is None else metric.unit
        yield _head("value", unit, key[2], **said), _of_line("value", key), {"n": _of_line("n", key)}


Feature = tuple[str, str, str, str]
"""Feature, side, version and role."""


def _drift(steps: list[TimeStep]) -> Iterable[Made]:
    """PSI of the features that were furthest from the profile at any time."""
    for key in _keys(step.drift for step in steps):
        feature, side, version, role = key
        drifted = any(step.drift[key].drifted for step in steps if key in step.drift)
        yield _head("drift", "psi", version, role, feature=feature, side=side, drifted=drifted), _bound(_psi, key), {}


def _psi(at: TimeStep, key: Feature) -> Value:
    far = at.drift.get(key)
    return figure(far.psi) if far else None


_MAKERS: dict[str, Callable[[list[TimeStep]], Iterable[Made]]] = {
    "observed": _observed,
    "rejected": _rejected,
    "requests": _requests,
    "inferences": _inferences,
    "share": _share,
    "outcome": _outcomes,
    "latency": _latencies,
    "rescued": _rescued,
    "coverage": _coverage,
    "disagreement": lambda steps: _pairs(steps, "disagreement", "pairs", lambda at: at.pairs),
    "invalid": lambda steps: _pairs(steps, "invalid", "analysed", lambda at: at.contents),
    "evidence": _evidence,
    "value": _values,
    "drift": _drift,
}
