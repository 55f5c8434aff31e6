"""Requests that went wrong at a version under judgement, each with what the other arm answered.

The legs of an exchange come as records of their own, in any order: a bad leg waits for the primary's, and the last
primary's legs are remembered for bad copies that come behind them. Both are bounded, oldest out; a leg that is not
found leaves the other answer unknown.

Nearly all that is remembered is never asked for, so of a leg its facts are kept as they are, and what it answered is
made of them when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

from proxy.contracts.leg_join import ExchangeKey, WorkerRun
from proxy.contracts.record import LegFacts
from proxy.contracts.story import CHARGED, ArmAnswer, FailedRequest, StoryFacts
from proxy.contracts.table import Role

MAX_FIRST = 25
"""Failed requests of a story that are kept from its beginning; as many of the newest stay beside them."""
MAX_REMEMBERED = 4096
"""Legs of primaries that are remembered, in two halves of which the older one goes; and bad legs that wait."""
MAX_DETAIL = 200


_answered = attrgetter("version", "role", "total", "status", "failure", "inference", "call")
"""What an answer is made of, in the order in which `_answer` takes it."""


class FailedLegs:
    """Joins the legs of all workers. `_answers` has the newest legs of primaries, `_earlier` those before."""

    __slots__ = ("_answers", "_earlier", "_waiting")

    def __init__(self) -> None:
        self._answers: dict[ExchangeKey, tuple[Any, ...]] = {}
        self._earlier = self._answers
        self._waiting: dict[ExchangeKey, list[FailedRequest]] = {}

    def references(self, legs: Sequence[LegFacts], source: WorkerRun) -> None:
        """Primaries' legs, of routes with something under judgement."""
        for leg in legs if self._waiting else ():
            if waiting := self._waiting.pop((source, leg.exchange), None):
                _join(waiting, leg)
        asked = [leg for leg in legs if leg.copies or leg.role == "rescue"]
        self._answers.update(zip([(source, leg.exchange) for leg in asked], map(_answered, asked), strict=True))
        if len(self._answers) >= MAX_REMEMBERED // 2:
            self._answers, self._earlier = {}, self._answers

    def bad(self, facts: StoryFacts, leg: LegFacts, source: WorkerRun, content: str = "") -> None:
        """A leg that its version is charged with; `content`: why its body is no answer."""
        key, detail = (source, leg.exchange), (content or leg.detail)[:MAX_DETAIL]
        known = self._answers.get(key) or self._earlier.get(key)
        other = _answer(*known) if known else None
        rescued = other is not None and other.role == "rescue"
        failed = FailedRequest(leg.request_id, leg.started, answer_of(leg, content), other, rescued, detail)
        keep(facts.failed, failed)
        if failed.other is None:
            self._waiting.setdefault(key, []).append(failed)
            _bound(self._waiting)


def is_bad(leg: LegFacts) -> bool:
    """Whether the head and the connection tell that a leg went wrong by its version."""
    return not leg.ended_well and leg.outcome in CHARGED


def answer_of(leg: LegFacts, content: str = "") -> ArmAnswer:
    """What an arm answered."""
    return ArmAnswer(leg.version, leg.role, leg.code, "failed" if content else leg.outcome, leg.total)


def _answer(version: str, role: Role, total: float, status: int, failure: str, inference: bool, call: int) -> ArmAnswer:
    facts = version, role, 0.0, 0.0, total, status, failure
    return answer_of(LegFacts(0, "", *facts, inference=inference, call=call))


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
