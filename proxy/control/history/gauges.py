"""What engine and board say at the end of a second: split, scorecard, drift, and the counts that records bring."""

from __future__ import annotations

from collections.abc import Iterable
from math import log

from proxy.contracts.release import Verdict
from proxy.control.history.steps import FeatureStep, LineStep, TimeStep
from proxy.control.route_control import RouteControl, live_split
from proxy.release.plan import judged_guard
from proxy.stats.board import Board

MAX_LINES = 40
"""Lines of a scorecard that are kept; a scorecard has some twenty for each candidate at most."""
MAX_FEATURES = 5
"""Features that are kept, those furthest from the profile."""
DRIFT_SECONDS = 10.0
"""Seconds between looks at the drift of a route: it moves with thousands of rows, and a look goes over all features."""

FarFeatures = dict[tuple[str, str, str, str], FeatureStep]

Totals = dict[tuple[str, str, str], tuple[int, int, int, int]]
"""Route, version, role → answers analysed, invalid ones, pairs, disagreements; since control's start."""


class Gauges:
    """`fill` is to be called once a second, after `look`."""

    __slots__ = ("_before", "_board", "_drift", "_ended", "_now")

    def __init__(self, board: Board) -> None:
        self._board = board
        self._before: Totals = {}
        self._now: Totals = {}
        self._drift: dict[str, tuple[float, FarFeatures]] = {}
        self._ended: dict[str, tuple[Verdict, ...]] = {}

    def look(self, routes: Iterable[str]) -> None:
        """Takes the totals of this moment; what they are more than those before is of this second."""
        self._before, self._now = self._now, _totals(self._board)
        followed = set(routes)
        self._drift = {route: known for route, known in self._drift.items() if route in followed}
        self._ended = {route: known for route, known in self._ended.items() if route in followed}

    def fill(self, step: TimeStep, route: RouteControl, now: float) -> None:
        """Adds what is known of a route besides ticks. `now`: monotonic seconds."""
        name = route.section.name
        step.split = live_split(route)
        step.lines = self._lines_of(route)
        step.drift = self._drift_of(name, now)
        for key, totals in self._now.items():
            if key[0] == name and totals != (before := self._before.get(key, (0, 0, 0, 0))):
                analysed, invalid, pairs, differ = _more(totals, before)
                if analysed or invalid:
                    step.contents[key[1:]] = analysed, invalid
                if pairs or differ:
                    step.pairs[key[1:]] = pairs, differ

    def _lines_of(self, route: RouteControl) -> dict[tuple[str, str, str], LineStep]:
        """The lines in force; in the second of a rollback those that it was decided by, which are in force no more."""
        name, ended = route.section.name, route.status.at_rollback
        just = ended is not self._ended.get(name, ended)
        self._ended[name] = ended
        if just and ended:
            return lines(ended, judged_guard(route.section, route.state).false_alarm)
        return lines(route.status.verdicts, route.guard.false_alarm)

    def _drift_of(self, route: str, now: float) -> FarFeatures:
        known = self._drift.get(route)
        if known is None or now - known[0] >= DRIFT_SECONDS:
            rows = sorted(self._board.drift(route), key=lambda row: (not row.drifted, -row.psi))[:MAX_FEATURES]
            far: FarFeatures = {
                (row.feature, row.side, row.version, row.role): FeatureStep(row.psi, row.drifted) for row in rows
            }
            known = self._drift[route] = now, far
        return known[1]


def lines(verdicts: Iterable[Verdict], false_alarm: float) -> dict[tuple[str, str, str], LineStep]:
    """The lines of a scorecard, each with its evidence as a part of the way to a breach."""
    threshold = -log(false_alarm)
    told = [v for v in verdicts if not v.aim][:MAX_LINES]
    return {(v.metric, v.bound, v.version): LineStep(v.log_breach / threshold, v.value, v.limit, v.n) for v in told}


def _totals(board: Board) -> Totals:
    invalid: dict[tuple[str, str, str], int] = {}
    for (route, version, role, _), count in board.content.invalid.items():
        invalid[route, version, role] = invalid.get((route, version, role), 0) + count
    found = {key: (count, invalid.get(key, 0), 0, 0) for key, count in board.content.analysed.items()}
    for key in board.compared():
        tally = board.agreement(*key)
        found[key] = (*found.get(key, (0, 0))[:2], tally.pairs, tally.disagreements)
    return found


def _more(now: tuple[int, ...], before: tuple[int, ...]) -> tuple[int, ...]:
    """What was added; counts that began anew were added as they are."""
    if any(one < other for one, other in zip(now, before, strict=True)):
        before = (0,) * len(now)
    return tuple(one - other for one, other in zip(now, before, strict=True))
