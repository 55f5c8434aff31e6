"""Rates and evidence from documents, and figures in few characters.

| what | of what |
|---|---|
| rate | the last whole seconds of the history; without one, the mean of the traffic's window |
| failed of n | the traffic's window: `n` are the inferences that rates are parts of |
| evidence | the logarithm of a line's evidence over that of its threshold: the limit is breached at 1 |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from math import isnan, log

from proxy.cli.top.documents import ArmDoc, LineDoc, PastDoc, ScorecardDoc, Seen, SeriesDoc
from proxy.contracts.durations import in_units
from proxy.contracts.outcome import OUTCOMES
from proxy.release.words import figure

RATE_SECONDS = 10
"""Seconds that a rate is of: few enough that a rollback is seen, enough that it can be read."""

BARS = " ▁▂▃▄▅▆▇█"
LIMITS = {
    "max": "<= {}",
    "min": ">= {}",
    "max_ratio": "<= {} x",
    "max_increase": "<= +{}",
    "max_drop": "<= -{}",
    "max_psi": "<= {}",
    "min_gain": ">= +{}",
}
"""How a limit is written: `x` is times the primary's."""


def series(picture: Seen, route: str, name: str) -> list[SeriesDoc]:
    """The series of a route by that name."""
    routes = picture.past.routes if picture.past else []
    rows = next((each.series for each in routes if each.route == route), [])
    return [each for each in rows if each.name == name]


def requests(picture: Seen, route: str, arm: ArmDoc) -> list[float | None]:
    """Requests of each whole second that is known of, oldest first; without a series there were none."""
    whole, own = _whole(picture.past), (arm.version, arm.role)
    found = (each for each in series(picture, route, "requests") if (each.version, each.role) == own)
    values = next((each.values for each in found), [0.0] * whole)
    return [each if isinstance(each, int | float) else None for each in values[:whole]]


def _whole(past: PastDoc | None) -> int:
    return max(int((past.until - past.start) // max(past.step, 1)), 0) if past else 0


def rate(picture: Seen, route: str, arm: ArmDoc) -> float | None:
    """Requests a second; None: not known."""
    if picture.past is not None:
        known = [each for each in requests(picture, route, arm)[-RATE_SECONDS:] if each is not None]
        return sum(known) / (len(known) * max(picture.past.step, 1)) if known else None
    window = picture.traffic[route].window if route in picture.traffic else 0.0
    return sum(arm.recent.values()) / window if window > 0.0 else None


def silence(picture: Seen, route: str) -> str:
    """Since when a route has had no request; "": it has some, or nobody knows."""
    whole = _whole(picture.past)
    rows = [each.values[:whole] for each in series(picture, route, "requests") if each.role != "shadow"]
    if picture.past is None or not whole:
        return ""
    busy = [at for values in rows for at, each in enumerate(values) if isinstance(each, int | float) and each > 0]
    seconds = (whole - 1 - max(busy, default=-1)) * max(picture.past.step, 1)
    least = "" if busy else "at least "
    return f"no requests for {least}{in_units(seconds)}" if seconds >= RATE_SECONDS else ""


def differing(picture: Seen, route: str) -> list[str]:
    """How many answers of each version differ from the primary's, of how many pairs of the last minute."""
    return [
        f"{each.version} as {each.role}: {counted(each.counts):,} of {counted(each.pairs):,} answers differ in a minute"
        for each in series(picture, route, "disagreement")
    ]


def counted(values: Iterable[int | None]) -> int:
    """The sum of what is known."""
    return sum(each for each in values if each is not None)


def drifted(picture: Seen, route: str) -> list[str]:
    """Features that have drifted, each with its last distance from the profile."""
    return [
        f"drifted: {each.feature} ({each.side} of {each.version}), PSI {figure(_last(each.values))}"
        for each in series(picture, route, "drift")
        if each.drifted
    ]


def _last(values: Iterable[float | str | None]) -> float | str | None:
    return next((each for each in reversed(list(values)) if each is not None), None)


def total(rates: Iterable[float | None]) -> float | None:
    """The sum of what is known; None where something is there, and nothing of it is known."""
    found = list(rates)
    known = [each for each in found if each is not None]
    return sum(known) if known or not found else None


def inferences(arm: ArmDoc) -> int:
    """Inferences of the window."""
    return sum(arm.recent.get(outcome, 0) for outcome, row in OUTCOMES.items() if row.counted)


def failed(arms: Iterable[ArmDoc]) -> str:
    """How many failed of how many: both numbers, whatever they are."""
    known = list(arms)
    return f"{sum(arm.recent.get('failed', 0) for arm in known):,} of {sum(map(inferences, known)):,}"


def progress(line: LineDoc, false_alarm: float) -> float | None:
    """How far the evidence is to a breach, which is at 1; None: not known."""
    if not 0.0 < false_alarm < 1.0 or isnan(line.log_breach):
        return None
    return line.log_breach / -log(false_alarm)


def nearest(scorecard: ScorecardDoc | None) -> tuple[float, LineDoc] | None:
    """The line that is nearest to a breach."""
    if scorecard is None:
        return None
    known = [(far, line) for line in scorecard.lines if (far := progress(line, scorecard.chance)) is not None]
    return max(known, key=lambda each: each[0], default=None)


def way(far: float | None) -> str:
    """The way to a breach as a number.

    >>> way(0.5), way(None), way(float("-inf")), way(123.4)
    ('0.50', '-', '0.00', '>99')
    """
    if far is None:
        return "-"
    return ">99" if far > 99.0 else f"{max(far, 0.0):.2f}"


def bar(far: float | None, width: int) -> str:
    """The same as a bar, which is full at a breach.

    >>> bar(0.5, 8), bar(0.01, 8), bar(7.0, 8), bar(None, 8)
    ('####....', '........', '########', '')
    """
    if far is None:
        return ""
    full = int(min(max(far, 0.0), 1.0) * width)
    return "#" * full + "." * (width - full)


def limit(line: LineDoc) -> str:
    """The limit of a line, as it is held."""
    return LIMITS.get(line.bound, "{}").format(figure(line.limit, _unit(line)))


def value(line: LineDoc) -> str:
    """The value of a line, or what it is in place of one."""
    if not line.n:
        return "no data"
    if line.value is None and line.bound == "max_ratio":
        return "both 0" if line.reference == 0.0 else "no ratio"
    try:
        return figure(line.value, _unit(line))
    except ValueError:
        return str(line.value)


def _unit(line: LineDoc) -> str:
    return "" if line.bound == "max_ratio" else line.unit or ""


def number(value: float | None) -> str:
    """A rate.

    >>> number(None), number(0.0), number(0.04), number(12.34), number(123456.0)
    ('-', '0', '0.04', '12.3', '123,456')
    """
    if value is None:
        return "-"
    if value == 0.0:
        return "0"
    return f"{value:,.0f}" if value >= 100.0 else f"{value:.3g}"


def duration(seconds: float | None) -> str:
    """A latency in its unit.

    >>> duration(None), duration(0.00041), duration(0.0342), duration(2.5)
    ('-', '410µs', '34.2ms', '2.5s')
    """
    return "-" if seconds is None else in_units(seconds).replace(" ", "")


def percents(shares: Mapping[str, float], primary: str) -> str:
    """Parts of the traffic: those of others than the primary, which has the rest, where there are any.

    >>> percents({"v1": 90.0, "v2": 10.0}, "v1"), percents({"v1": 100.0}, "v1")
    ('10 v2', '100 v1')
    """
    others = {version: share for version, share in shares.items() if version != primary and share > 0.0}
    return ", ".join(f"{share:.4g} {version}" for version, share in (others or shares).items())


def spark(values: Sequence[float | None], width: int, drawn: bool) -> str:
    """The last values as columns, the highest of them full; "": they cannot be drawn. A space: nobody knows.

    >>> spark([0.0, 4.0, None, 8.0], 8, True)
    '▁▄ █'
    """
    shown = values[-width:] if width > 0 else ()
    most = max((each for each in shown if each is not None), default=0.0)
    if not drawn or most <= 0.0:
        return ""
    return "".join(" " if each is None else BARS[max(round(each / most * 8), 1)] for each in shown)


def moment(at: float, now: float) -> str:
    """A time of day (UTC); of another day with its date.

    >>> moment(11045.0, 11050.0), moment(11045.0, 98000.0)
    ('03:04:05', '01-01 03:04:05')
    """
    try:
        then, today = datetime.fromtimestamp(at, UTC), datetime.fromtimestamp(now, UTC)
    except (OverflowError, OSError, ValueError):
        return "?"
    return then.strftime("%H:%M:%S" if then.date() == today.date() else "%m-%d %H:%M:%S")
