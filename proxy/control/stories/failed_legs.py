"""Requests that went wrong at a version under judgement, each with what the other arm answered.

The legs of an exchange come as records of their own, in any order: a bad leg waits for the primary's, and the last
primary's legs are remembered for bad copies that come behind them. Both are bounded, oldest out; a leg that is not
found leaves the other answer unknown.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from proxy.contracts.leg_join import ExchangeKey, WorkerRun
from proxy.contracts.record import LegFacts
from proxy.contracts.story import CHARGED, ArmAnswer, FailedRequest, StoryFacts

MAX_FIRST = 25
"""Failed requests of a story that are kept from its beginning; as many of the newest stay beside them."""
MAX_REMEMBERED = 4096
"""Legs of primaries that are remembered, and bad legs that wait."""
MAX_DETAIL = 200


class FailedLegs:
    """Joins the legs of all workers."""

    __slots__ = ("_answers", "_waiting")

    def __init__(self) -> None:
        self._answers: dict[ExchangeKey, ArmAnswer] = {}
        self._waiting: dict[ExchangeKey, list[FailedRequest]] = {}

    def reference(self, leg: LegFacts, source: WorkerRun) -> None:
        """A primary's leg, of a route with something under judgement."""
        key = source, leg.exchange
        if waiting := self._waiting.pop(key, None):
            _join(waiting, leg)
        elif leg.copies or leg.role == "rescue":
            self._answers[key] = answer_of(leg)
            _bound(self._answers)

    def bad(self, facts: StoryFacts, leg: LegFacts, source: WorkerRun, content: str = "") -> None:
        """A leg that its version is charged with; `content`: why its body is no answer."""
        key, detail = (source, leg.exchange), (content or leg.detail)[:MAX_DETAIL]
        other = self._answers.get(key)
        rescued = other is not None and other.role == "rescue"
        failed = FailedRequest(leg.request_id, leg.started, answer_of(leg, content), other, rescued, detail)
        keep(facts.failed, failed)
        if failed.other is None:
            self._waiting.setdefault(key, []).append(failed)
            _bound(self._waiting)


def is_bad(leg: LegFacts) -> bool:
    """Whether the head and the connection tell that a leg went wrong by its version."""
    return leg.outcome in CHARGED


def answer_of(leg: LegFacts, content: str = "") -> ArmAnswer:
    """What an arm answered."""
    return ArmAnswer(leg.version, leg.role, leg.code, "failed" if content else leg.outcome, leg.total)


def keep(kept: list[FailedRequest], failed: FailedRequest) -> None:
    """The first ones and the newest ones."""
    kept.append(failed)
    if len(kept) > 2 * MAX_FIRST:
        del kept[MAX_FIRST]


def _join(waiting: Iterable[FailedRequest], leg: LegFacts) -> None:
    for failed in waiting:
        failed.other = answer_of(leg)
        failed.rescued = leg.role == "rescue"


def _bound(kept: dict[ExchangeKey, Any]) -> None:
    if len(kept) > MAX_REMEMBERED:
        del kept[next(iter(kept))]
