"""The history of one route, or of all: which range and step are asked for, and the answer.

Beyond the longest step that is short enough nothing is left out: a step of minutes counts what each of its seconds
counted, so one failed request is above zero in whatever step it is seen; evidence and drift are the step's highest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from hashlib import sha256
from math import ceil, isfinite
from typing import Any

from msgspec import Struct

from proxy.control.api.portions import text_of
from proxy.control.api.problems import ApiError
from proxy.control.api.requests import MAX_DIGITS
from proxy.control.engine import Engine
from proxy.control.history.past import Past
from proxy.control.history.series import FAMILIES, family, series
from proxy.control.history.steps import TimeStep
from proxy.control.history.tiers import STEPS, step_for, tier_for
from proxy.control.state.state_file import StoreError

USUAL_RANGE = 3600
"""Seconds before `to` where `from` is not said."""
MAX_TIME = 2**36
"""Unix seconds that may be asked for."""
OVERVIEW_POINTS = 60
"""Steps in the history of all routes."""
OVERVIEW = ("requests", "outcome.failed", "latency.p99")
"""Series in the history of all routes unless others are asked for."""


class Asked(Struct, frozen=True):
    """A range on the steps' own bounds."""

    start: int
    end: int
    step: int
    names: tuple[str, ...]

    @property
    def n(self) -> int:
        """The number of steps."""
        return (self.end - self.start) // self.step


def asked(query: Mapping[str, str], past: Past, most: int, names: tuple[str, ...], now: float) -> Asked:
    """What a query asks for. `now`: Unix seconds. Raises ApiError."""
    end = number(query, "to", ceil(now))
    start = number(query, "from", max(end - USUAL_RANGE, 0.0))
    if not start < end:
        raise ApiError("invalid", f"from: found {start:.10g}; allowed: before to, which is {end:.10g}", "from")
    wanted = number(query, "step", 0.0, STEPS[-1])
    end = max(min(end, ceil(now)), start + 1)
    step = step_for(start, end, max(wanted, (end - start) / most), past.seconds_from(now))
    first = int(start) // step * step
    return Asked(first, max(ceil(end / step) * step, first + step), step, chosen(query, names))


def number(query: Mapping[str, str], name: str, usual: float, most: float = MAX_TIME) -> float:
    """A number of the query, from 0 to `most`. Raises ApiError."""
    text = query.get(name)
    if text is None:
        return usual
    allowed = f"allowed: a number from 0 to {most:.15g}"
    if len(text) > MAX_DIGITS:
        raise ApiError("malformed", f"{name}: found {len(text):,} characters; {allowed}", name)
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if "_" in text or not isfinite(value) or not 0.0 <= value <= most:
        raise ApiError("invalid", f"{name}: found {text!r}; {allowed}", name)
    return value


def chosen(query: Mapping[str, str], usual: tuple[str, ...]) -> tuple[str, ...]:
    """The names of series that are asked for, whole or up to their first dot. Raises ApiError."""
    text = query.get("series")
    if text is None:
        return usual
    names = tuple(dict.fromkeys(text.split(",")))[: len(FAMILIES)]
    for name in names:
        if family(name) not in FAMILIES:
            raise ApiError("invalid", f"series: found {name[:40]!r}; allowed: {', '.join(FAMILIES)}", "series")
    return names


def etag(engine: Engine, past: Past, what: Asked, subject: str) -> str:
    """The tag of an answer: it changes with what is asked for, with time, and with the audit."""
    until = min(past.until, what.end)
    names = ",".join(name for name in what.names if name not in FAMILIES or what.names != FAMILIES)
    parts = (subject, what.start, what.end, what.step, until, engine.keeper.head.count, names)
    return f'"{hash_of(parts)}"'


def hash_of(parts: Iterable[object]) -> str:
    """A short name of some values."""
    return sha256("|".join(map(str, parts)).encode(errors="replace")).hexdigest()[:20]


async def history(engine: Engine, past: Past, what: Asked, route: str) -> str:
    """The series of one route, and its changes, as JSON."""
    head = _head(past, what) | {"route": route, "changes": _changes(engine, past, what, route)}
    return with_member(text_of(head), "series", await _series(past, what, route))


async def overview(engine: Engine, past: Past, what: Asked) -> str:
    """Few series of all routes, and all changes, as JSON."""
    head = _head(past, what) | {"changes": _changes(engine, past, what, None)}
    routes = [
        with_member(text_of({"route": name}), "series", await _series(past, what, name)) for name in engine.routes
    ]
    return with_member(text_of(head), "routes", f"[{', '.join(routes)}]")


def with_member(document: str, name: str, text: str) -> str:
    """An object in JSON with one more member, which is JSON already."""
    return f'{document[:-1]}, "{name}": {text}}}'


def _head(past: Past, what: Asked) -> dict[str, Any]:
    return {
        "scope": "sidecar",
        "from": what.start,
        "to": what.end,
        "step": what.step,
        "until": min(past.until, what.end),
        "times": {"start": what.start, "step": what.step, "n": what.n},
    }


async def _series(past: Past, what: Asked, route: str) -> str:
    def make(steps: list[TimeStep]) -> str:
        return text_of(series(steps, what.start, what.step, what.n, what.names))

    return await past.read(route, what.start, what.end, tier_for(what.step), make)


def _changes(engine: Engine, past: Past, what: Asked, route: str | None) -> list[dict[str, Any]]:
    assert past.history is not None
    marks = past.history.marks
    with suppress(StoreError):  # those that are known are shown; the file has a warning of its own
        marks.update(engine.keeper.head.count)
    return marks.of(route, what.start, what.end)
