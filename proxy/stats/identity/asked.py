"""The model that a request asks for, given to every leg of its exchange.

An address may serve many models, and clients say which one they want. An answer of another model to another question is
no change of identity, so identities are watched by what was asked for. The request travels with the leg that answered
the client; its copies are joined with it here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from proxy.contracts.leg_join import MAX_EXCHANGES, LegJoin
from proxy.contracts.observation import Observation
from proxy.contracts.table import COPY_ROLES
from proxy.stats.identity.watch import Given

Named = tuple[str, Given]
"""A version, and what one of its answers says."""


class _Question(Struct, gc=False):
    since: float
    asked: str | None = None
    missing: int = 0
    """Copies still to come; below 0 where they came first."""
    waiting: tuple[tuple[str, str], ...] = ()
    """(version, identity) of copies that came before it was known what they were asked."""


class AskedJoin:
    """Legs in, (version, (asked for, identity)) out. Copies whose question never came are left out."""

    __slots__ = ("_questions",)

    def __init__(self, capacity: int = MAX_EXCHANGES) -> None:
        self._questions: LegJoin[_Question] = LegJoin(capacity)

    def update(self, legs: Sequence[Observation], now: float) -> list[Named]:
        """What the answers of `legs`, all of one role, and of the copies that waited for them, say."""
        take = self._copy if legs[0].role in COPY_ROLES else self._live
        return [named for leg in legs for named in take(leg, now)]

    def _live(self, leg: Observation, now: float) -> Iterator[Named]:
        if leg.identity:
            yield leg.version, (leg.asked, leg.identity)
        if leg.copies <= 0:
            return
        key = leg.source, leg.exchange
        question = self._questions.get(key) or self._place(leg, now)
        question.asked, question.missing = leg.asked, question.missing + leg.copies
        for version, identity in question.waiting:
            yield version, (leg.asked, identity)
        question.waiting = ()
        if question.missing <= 0:
            del self._questions[key]

    def _copy(self, leg: Observation, now: float) -> Iterator[Named]:
        key = leg.source, leg.exchange
        question = self._questions.get(key) or self._place(leg, now)
        question.missing -= 1
        if question.asked is None:
            question.waiting += ((leg.version, leg.identity),) if leg.identity else ()
            return
        if leg.identity:
            yield leg.version, (question.asked, leg.identity)
        if question.missing <= 0:
            del self._questions[key]

    def _place(self, leg: Observation, now: float) -> _Question:
        question = _Question(now)
        self._questions.hold((leg.source, leg.exchange), question)
        return question

    def expire(self, now: float) -> None:
        """Gives up on questions and copies that never met."""
        self._questions.expire(now)
