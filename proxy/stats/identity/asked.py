"""The model that a request asks for, given to every leg of its exchange.

An address may serve many models, and clients say which one they want. An answer of another model to another question is
no change of identity, so identities are watched by what was asked for. The request travels with the leg that answered
the client; its copies are joined with it here.
"""

from __future__ import annotations

from collections.abc import Sequence

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
        return self._copies(legs, now) if legs[0].role in COPY_ROLES else self._live(legs, now)

    def _live(self, legs: Sequence[Observation], now: float) -> list[Named]:
        named: list[Named] = []
        questions, get = self._questions, self._questions.get
        for leg in legs:
            asked, sent, identity = leg.asked, leg.copies, leg.identity
            if identity:
                named.append((leg.version, (asked, identity)))
            if sent <= 0:
                continue
            key = leg.source, leg.exchange
            question = get(key)
            if question is None:  # as nearly always
                questions.hold(key, _Question(now, asked, sent))
                continue
            question.asked, question.missing = asked, question.missing + sent
            if question.waiting:
                named += [(version, (leg.asked, identity)) for version, identity in question.waiting]
                question.waiting = ()
            if question.missing <= 0:
                del questions[key]
        return named

    def _copies(self, legs: Sequence[Observation], now: float) -> list[Named]:
        named: list[Named] = []
        questions, get = self._questions, self._questions.get
        for leg in legs:
            key = leg.source, leg.exchange
            question = get(key)
            if question is None:
                question = _Question(now)
                questions.hold(key, question)
            question.missing -= 1
            asked, identity = question.asked, leg.identity
            if asked is None:
                question.waiting += ((leg.version, identity),) if identity else ()
                continue
            if identity:
                named.append((leg.version, (asked, identity)))
            if question.missing <= 0:
                del questions[key]
        return named

    def expire(self, now: float) -> None:
        """Gives up on questions and copies that never met."""
        self._questions.expire(now)
