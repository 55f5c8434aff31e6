"""Legs of one client request brought together, in whatever order they arrive.

The reference is the primary's answer (role primary or rescue); copies are shadows, and the noise copy that the primary
itself answered. Legs meet in a `contracts.leg_join`, which has the bounds. An exchange with one copy is done when both
have met; one with several stays, because a noise copy is looked at beside each of the others. Copies of what a canary
answered have no reference and are let go. Copies that never meet a reference are counted, by the bound that ended their
wait.

Most legs meet in the batch of records that they came with. Only what is left when it is over (`expire`) is weighed: the
bound of bytes is one of what waits from batch to batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct

from proxy.contracts.alike import AlikeLegs
from proxy.contracts.leg_join import MAX_EXCHANGES, MAX_HELD_BYTES, ExchangeKey, JoinLoss, WeighedJoin
from proxy.contracts.observation import Observation
from proxy.contracts.table import COPY_ROLES
from proxy.stats.alike_join import AlikeJoin, AlikePairs, are_single
from proxy.stats.weight import weight

REFERENCES = frozenset(("primary", "rescue"))


class ExchangeLegs(Struct, gc=False):
    """The legs of one exchange that have arrived."""

    since: float
    """Monotonic seconds of the first arrival."""
    reference: Observation | None = None
    copies: tuple[Observation, ...] = ()
    """Copies that wait for the reference."""
    noise: bool | None = None
    """Whether the noise copy disagrees; None before it came, or without one."""
    shadows: tuple[tuple[str, bool], ...] = ()
    """(version, whether it disagrees) of the shadows, where the route has noise."""
    alone: int = 0
    """Copies still to come for which there is no reference."""
    missing: int = 0
    """Copies still to come of a reference that answered."""
    weight: int = 0
    """Bytes of the legs that wait."""


Pair = tuple[Observation, Observation]
NO_PAIRS: list[Pair] = []


class Pairing:
    """The join of references and copies by exchange. `capacity`, `max_bytes`: exchanges that may wait at a time."""

    __slots__ = ("_batch", "_unweighed", "_versions", "_waiting", "due", "unpaired", "waiting")

    def __init__(self, capacity: int = MAX_EXCHANGES, max_bytes: int = MAX_HELD_BYTES) -> None:
        self._waiting: WeighedJoin[ExchangeLegs] = WeighedJoin(capacity, max_bytes)
        self._unweighed: list[tuple[ExchangeKey, ExchangeLegs]] = []
        self._batch = AlikeJoin()
        self.unpaired: Counter[tuple[str, str, str]] = Counter()
        """Due pairs of which one leg never came, by (route, version, reason): `late` or `crowded`. A copy that never
        came is one of the route's only shadow; where there are several its version is not known ("")."""
        self.due: Counter[str] = Counter()
        """Pairs that were due, by route: copies of what a reference answered, and copies given up without one."""
        self.waiting: Counter[str] = Counter()
        """Those among them that wait for their copy, by route."""
        self._versions: dict[str, set[str]] = {}

    def wait(self, seconds: float) -> None:
        """For how long legs wait for each other from now on."""
        self._waiting.max_wait = seconds

    def update(self, legs: Sequence[Observation], now: float) -> list[Pair]:
        """The pairs (reference, copy) that `legs`, all of one role, complete."""
        role = legs[0].role
        if role in COPY_ROLES:
            return self._add_copies(legs, now)
        if role in REFERENCES:
            return self._add_references(legs, now)
        self._add_canaries(legs, now)
        return NO_PAIRS

    def update_alike(self, legs: AlikeLegs, now: float) -> tuple[list[AlikePairs], list[Pair]]:
        """The same of legs that are alike: pairs of such, and others. What has not met is taken when the batch is over
        (`settled`)."""
        role, sent = legs.role, legs.records[0].copies
        if role in REFERENCES and sent == 0:
            return [], NO_PAIRS
        if not (role in COPY_ROLES or (role in REFERENCES and sent == 1)) or not are_single(legs):
            return [], self.update(list(legs), now)
        if role in COPY_ROLES:
            self._versions.setdefault(legs.route, set()).add(legs.version)
        source, waiting = legs.source, self._waiting
        held = {at for at, each in enumerate(legs.exchanges) if (source, each) in waiting} if waiting else ()
        others = self.update(legs.some(sorted(held)), now) if held else NO_PAIRS
        pairs = self._batch.add(legs, held)
        self.due[legs.route] += sum(map(len, pairs))
        self.waiting[legs.route] += 0
        return pairs, others

    def settled(self, now: float) -> list[Pair]:
        """The pairs of legs that are alike with what waits or came one by one; the others wait from now on."""
        return [pair for legs, places in self._batch.rest() for pair in self.update(legs.some(places), now)]

    def _add_copies(self, legs: Sequence[Observation], now: float) -> list[Pair]:
        pairs, waiting, get = [], self._waiting, self._waiting.get
        first = legs[0]
        come = 0
        self._versions.setdefault(first.route, set()).add(first.version)
        for leg in legs:
            key = leg.source, leg.exchange
            exchange = get(key) or self._place(key, now)
            reference = exchange.reference
            if reference is None:
                self._keep(key, exchange, leg)
                continue
            pairs.append((reference, leg))
            if exchange.missing:
                exchange.missing -= 1
                come += 1
            elif reference.answered:  # it does not say how many copies it has: they are due only now
                self.due[reference.route] += 1
            if reference.copies == 1:
                waiting.let_go(key)
        if come:
            self.waiting[first.route] -= come
        return pairs

    def _met(self, exchange: ExchangeLegs, reference: Observation, copies: int) -> None:
        """Copies of a reference have come; where it does not say how many it has, they are due only now."""
        come = min(copies, exchange.missing)
        exchange.missing -= come
        self.waiting[reference.route] -= come
        if reference.answered:
            self.due[reference.route] += copies - come

    def _keep(self, key: ExchangeKey, exchange: ExchangeLegs, copy: Observation) -> None:
        if not exchange.alone:
            exchange.copies += (copy,)
            self._unweighed.append((key, exchange))
            return
        exchange.alone -= 1
        if not exchange.alone:
            self._waiting.let_go(key)

    def _add_canaries(self, legs: Sequence[Observation], now: float) -> None:
        """Drops exchanges that a canary answered: the primary gave no answer to compare copies with."""
        for leg in legs:
            if leg.copies <= 0:
                continue
            key = leg.source, leg.exchange
            exchange = self._waiting.get(key)
            missing = leg.copies - (len(exchange.copies) if exchange else 0)
            if missing <= 0:
                self._waiting.let_go(key)
                continue
            exchange = exchange or self._place(key, now)
            exchange.copies, exchange.alone = (), missing
            self._unweighed.append((key, exchange))

    def _add_references(self, legs: Sequence[Observation], now: float) -> list[Pair]:
        pairs, waiting, unweighed, get = [], self._waiting, self._unweighed, self._waiting.get
        due, route = 0, legs[0].route
        for leg in legs:
            sent = leg.copies
            if sent == 0:
                continue
            key = leg.source, leg.exchange
            exchange = get(key) or self._place(key, now)
            exchange.reference, copies = leg, exchange.copies
            if sent > 0 and leg.answered:
                exchange.missing = sent
                due += sent
            if copies:
                exchange.copies = ()
                self._met(exchange, leg, len(copies))
                pairs += [(leg, copy) for copy in copies]
                if sent == 1:
                    waiting.let_go(key)
                    continue
            unweighed.append((key, exchange))
        if due:
            self.due[route] += due
            self.waiting[route] += due
        return pairs

    def noise_pairs(self, copy: Observation, differs: bool) -> list[tuple[str, bool, bool]]:
        """Keeps whether `copy` disagrees with its reference; returns the noise pairs that this completes.

        A noise pair: (version of the shadow, it disagrees, the noise copy of the same request disagrees).
        """
        waiting = self._waiting.get((copy.source, copy.exchange))
        if waiting is None:
            return []
        if copy.role == "shadow":
            waiting.shadows += ((copy.version, differs),)
            return [] if waiting.noise is None else [(copy.version, differs, waiting.noise)]
        waiting.noise = differs
        return [(version, shadow, differs) for version, shadow in waiting.shadows]

    def expire(self, now: float) -> None:
        """Ends a batch: gives up on exchanges that waited longer than any leg lives, and on the oldest where the rest
        is too much to keep."""
        self._give_up(self._waiting.expire(now), "late")
        for key, exchange in self._unweighed:
            if self._waiting.get(key) is exchange:
                self._weigh(exchange)
        self._unweighed.clear()

    def _place(self, key: ExchangeKey, now: float) -> ExchangeLegs:
        waiting = ExchangeLegs(now)
        if crowded := self._waiting.hold(key, waiting):
            self._give_up(crowded, "crowded")
        return waiting

    def _weigh(self, exchange: ExchangeLegs) -> None:
        reference = (exchange.reference,) if exchange.reference else ()
        held = sum(map(weight, (*reference, *exchange.copies)))
        if crowded := self._waiting.weigh(exchange, held - exchange.weight):
            self._give_up(crowded, "crowded")

    def _give_up(self, lost: Iterable[tuple[ExchangeKey, ExchangeLegs]], reason: JoinLoss) -> None:
        for _, left in lost:
            for copy in left.copies:
                if copy.failure != "client_abort":  # the client's leg had no answer either
                    self.unpaired[copy.route, copy.version, reason] += 1
                    self.due[copy.route] += 1
            if left.missing and left.reference:
                route = left.reference.route
                versions = self._versions.get(route, ())
                self.unpaired[route, next(iter(versions)) if len(versions) == 1 else "", reason] += left.missing
                self.waiting[route] -= left.missing
