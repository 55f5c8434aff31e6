"""Configuration without effect, as warnings that the API shows, a metric counts and the log has once.

A shadow that gets less than `LEAST_COVERAGE` of the copies that it should get is named with the reasons for the rest.
It is looked at in spans, so that a warning goes when its cause does. A route whose first requests were no inferences is
named with the option that says which ones are: nothing of it is evidence. Answers that cannot be read or compared are
those of `control.lost_answers`, several models under one name those of `control.identities`, what this process had no
room or time for that of `control.own_limits`, what could not be rewritten that of `control.not_rewritten`, versions
that anybody may stand in for those of `control.unverified`.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from proxy.contracts.durations import in_units
from proxy.contracts.notices import Notice, notices
from proxy.contracts.settings import Settings
from proxy.control.identities import IdentityFaults
from proxy.control.lost_answers import LostAnswers
from proxy.control.not_rewritten import NotRewritten
from proxy.control.own_limits import OwnLimits, kind_of
from proxy.control.unread_keys import UnreadKeys
from proxy.control.unverified import Unverified
from proxy.stats.board import Board
from proxy.stats.counts.counters import Counters

log = logging.getLogger("penumbra.warnings")

SPAN_SECONDS = 5.0
"""Seconds of one look; short bursts of drops are what bounds are for."""
LEAST_COVERAGE = 0.9
"""Part of its copies below which a shadow is warned about."""
MIN_COPIES = 20
"""Copies in a span below which a shadow is not judged."""
MIN_REQUESTS = 20
"""Requests of a route below which it is not said that none of them is an inference."""

Shadow = tuple[str, str]
"""Route and version."""


class Warnings:
    """`update` now and then; `of` is what to show."""

    __slots__ = (
        "_begun",
        "_dropped",
        "_identities",
        "_keys",
        "_lost",
        "_not_rewritten",
        "_owed",
        "_own",
        "_shadows",
        "_silent",
        "_unverified",
        "_wrong_sums",
        "live_faults",
        "profile_faults",
    )

    def __init__(self) -> None:
        self._begun = 0.0
        self._owed: Counter[Shadow] = Counter()
        self._dropped: Counter[tuple[str, str, str]] = Counter()
        self._shadows: dict[Shadow, str] = {}
        self._silent: dict[str, str] = {}
        self._lost = LostAnswers()
        self._identities = IdentityFaults()
        self._own = OwnLimits()
        self._not_rewritten = NotRewritten()
        self._keys = UnreadKeys()
        self._unverified = Unverified()
        self._wrong_sums: dict[str, int] = {}
        self.profile_faults: dict[str, str] = {}
        """Reference profiles that cannot be used, by route."""
        self.live_faults: Mapping[str, Mapping[str, str]] = {}
        """Kinds to faults by route, of what others look at: protocols, judges of texts, certificates."""

    def of(self, route: str, settings: Settings, gone: Collection[str] = ()) -> list[Notice]:
        """The warnings of a route, as the settings in force have it. `gone`: versions that were taken off it."""
        shadows = [warning for (name, _), warning in self._shadows.items() if name == route]
        wrong = [f"{self._wrong_sums[route]} pairs of answers have no result"] if route in self._wrong_sums else []
        own = self._own.faults.get(route, ())
        by_route = {"profile-unusable": self.profile_faults, **self.live_faults, "no-inferences": self._silent}
        return [
            *notices("server-unverified", *self._unverified.of(settings, route)),
            *notices("shadow-starved", *shadows),
            *self._lost.notices(route, gone),
            *notices("pairs-without-result", *wrong),
            *self._identities.faults.get(route, ()),
            *(Notice(kind_of(fault), fault) for fault in own),
            *notices("not-rewritten", *self._not_rewritten.faults.get(route, ())),
            *notices("sticky-key-unread", *self._keys.faults.get(route, ())),
            *(Notice(kind, faults[route]) for kind, faults in by_route.items() if route in faults),
        ]

    def update(self, shadows: Mapping[str, Iterable[str]], board: Board, now: float) -> None:
        """Judges the shadows of each route, and its answers, by the span that is over, if it is."""
        if now - self._begun < SPAN_SECONDS:
            return
        counters = board.counters
        self._judge_answers(shadows, board)
        others = (self._identities, self._own, self._not_rewritten, self._keys)
        for route, fault in (each for other in others for each in other.update(shadows, board)):
            log.warning("%s: %s", route, fault)
        watched = [(route, version) for route, versions in shadows.items() for version in versions]
        owed = Counter(counters.mirrored) - self._owed
        dropped = Counter(counters.shadow_dropped) - self._dropped
        warnings = {key: fault for key in watched if (fault := _fault(key, owed[key], dropped))}
        for key in [key for key in self._shadows if owed[key] < MIN_COPIES and key in watched]:
            warnings.setdefault(key, self._shadows[key])
        self._log(warnings)
        self._begun, self._shadows = now, warnings
        self._owed, self._dropped = Counter(counters.mirrored), Counter(counters.shadow_dropped)
        silent = {route: fault for route in shadows if (fault := _without_inferences(route, counters))}
        for route in silent.keys() - self._silent.keys():
            log.warning("%s: %s", route, silent[route])
        self._silent = silent

    def _judge_answers(self, routes: Iterable[str], board: Board) -> None:
        before = self._lost.faults.keys()
        self._lost.update(board)
        for subject in self._lost.faults.keys() - before:
            log.warning("%s: %s", subject[0], self._lost.faults[subject])
        self._wrong_sums = {route: wrong for route in routes if (wrong := board.unbalanced(route))}
        for route, wrong in self._wrong_sums.items():
            log.error("%s: %d pairs of answers have no result: a mistake of this program", route, wrong)

    def _log(self, warnings: dict[Shadow, str]) -> None:
        for key in warnings.keys() - self._shadows.keys():
            log.warning("%s: %s", key[0], warnings[key])
        for key in self._shadows.keys() - warnings.keys():
            log.info("%s: shadow %s gets its copies again", *key)


def _without_inferences(route: str, counters: Counters) -> str:
    arms = [arm for (name, _, _), arm in counters.arms.items() if name == route]
    requests = sum(arm.outcomes.total() for arm in arms)
    if requests < MIN_REQUESTS or any(arm.outcomes.total() > arm.outcomes["not_an_inference"] for arm in arms):
        return ""
    return (
        f"none of {requests:,} requests asked the model for anything, so nothing is judged; if they did, say which "
        f"ones by routes.{route}.inference"
    )


def _fault(shadow: Shadow, owed: int, dropped: Mapping[tuple[str, str, str], int]) -> str:
    reasons = {reason: n for (route, version, reason), n in dropped.items() if (route, version) == shadow and n}
    lost = sum(reasons.values())
    if owed < MIN_COPIES or lost <= (1 - LEAST_COVERAGE) * owed:
        return ""
    named = ", ".join(f"{reason} {n:,}" for reason, n in sorted(reasons.items(), key=lambda pair: -pair[1]))
    part = "gets nothing" if lost >= owed else f"gets {1 - lost / owed:.0%} of its copies"
    return f"shadow {shadow[1]} {part}: of {owed:,} in {in_units(SPAN_SECONDS)} these were dropped: {named}"
