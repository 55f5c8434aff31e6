"""The model that a request asks for, given to every leg of its exchange.

An address may serve many models, and clients say which one they want. An answer of another model to another question is
no change of identity, so identities are watched by what was asked for. The request travels with the leg that answered
the client; its copies are joined with it here.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from proxy.contracts.alike import AlikeLegs
from proxy.contracts.leg_join import MAX_EXCHANGES, ExchangeKey, LegJoin
from proxy.contracts.observation import Observation
from proxy.contracts.table import COPY_ROLES
from proxy.stats.alike_join import AlikeJoin, are_single
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

    __slots__ = ("_batch", "_questions")

    def __init__(self, capacity: int = MAX_EXCHANGES) -> None:
        self._questions: LegJoin[_Question] = LegJoin(capacity)
        self._batch = AlikeJoin()

    def update(self, legs: Sequence[Observation], now: float) -> list[Named]:
        """What the answers of `legs`, all of one role, and of the copies that waited for them, say."""
        return self._copies(legs, now) if legs[0].role in COPY_ROLES else self._live(legs, now)

    def update_alike(self, legs: AlikeLegs, now: float) -> list[tuple[Named, int]]:
        """The same of legs that are alike, with how many say it. What has not met is taken when the batch is over
        (`settled`)."""
        copies, sent = legs.role in COPY_ROLES, legs.records[0].copies
        named = [((legs.version, (legs.asked, legs.identity)), len(legs))] if legs.identity and not copies else []
        if not copies and sent <= 0:
            return named
        if sent > 1 or not are_single(legs):
            return [(each, 1) for each in self.update(list(legs), now)]
        source, questions = legs.source, self._questions
        held = {at for at, each in enumerate(legs.exchanges) if (source, each) in questions} if questions else ()
        named += [(each, 1) for each in self._taken(legs, sorted(held), now)] if held else ()
        for pairs in self._batch.add(legs, held):
            if pairs.copies.identity:
                named.append(((pairs.copies.version, (pairs.live.asked, pairs.copies.identity)), len(pairs)))
        return named

    def settled(self, now: float) -> list[tuple[str, Named]]:
        """By route, what those say that are alike and have met others; the rest waits from now on."""
        rest = self._batch.rest()
        return [(legs.route, each) for legs, places in rest for each in self._taken(legs, places, now)]

    def _taken(self, legs: AlikeLegs, places: Sequence[int], now: float) -> list[Named]:
        """What some copies say that are alike; of live legs, which have said it, what copies say that waited."""
        if legs.role in COPY_ROLES:
            return self._copies(legs.some(places), now)
        named: list[Named] = []
        for at in places:
            record = legs.records[at]
            self._ask((legs.source, record.exchange), legs.asked, record.copies, now, named)
        return named

    def _live(self, legs: Sequence[Observation], now: float) -> list[Named]:
        named: list[Named] = []
        for leg in legs:
            if leg.identity:
                named.append((leg.version, (leg.asked, leg.identity)))
            if leg.copies > 0:
                self._ask((leg.source, leg.exchange), leg.asked, leg.copies, now, named)
        return named

    def _ask(self, key: ExchangeKey, asked: str, sent: int, now: float, named: list[Named]) -> None:
        questions = self._questions
        question = questions.get(key)
        if question is None:  # as nearly always
            questions.hold(key, _Question(now, asked, sent))
            return
        question.asked, question.missing = asked, question.missing + sent
        if question.waiting:
            named += [(version, (asked, identity)) for version, identity in question.waiting]
            question.waiting = ()
        if question.missing <= 0:
            del questions[key]

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
