"""Which exchanges are captured: a uniform sample, and beyond it a few of every stratum, however rare.

1. An exchange is captured with all of its legs or not at all. A number between 0 and 1 that is hashed from its own
   decides (`place_of`), not chance: below `percent` it is in the uniform sample.
2. A stratum is a route, the version that answered, how that ended, and what was remarkable: another leg that did not
   end well, an answer that differs or is none (`stratum_of`). The k-th exchange of a stratum in a file is captured with
   probability p = max(percent / 100, min(1, at_least / k)): the first `at_least` for certain, later ones ever more
   rarely. p is known before the exchange is seen, so the weight 1 / p makes sums over what was captured unbiased
   estimates of sums over the traffic (Horvitz and Thompson 1952), whatever the strata are.
3. What was captured only for the second rule is `extra`. The sequential tests bet on one exchange after the other as
   the traffic had them, and a bet on a failure that was picked for being one is no bet: they get the uniform sample.
4. Strata are known when all legs of an exchange are, so exchanges wait for their copies, within the bounds of
   `contracts.leg_join` and `MAX_HELD_BYTES`. Where everything is captured, or only the uniform sample, nothing waits.
"""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

from msgspec import Struct

from proxy.contracts.leg_join import ExchangeKey, WeighedJoin, WorkerRun
from proxy.contracts.record import Record
from proxy.contracts.table import COPY_ROLES

CRC_VALUES = 1 << 32

MAX_HELD_BYTES = 1 << 23
"""Bytes of the records that wait for their copies: 8 MiB, a second of bodies of 16 KiB at 500 requests a second."""

MAX_REMARKS = 4096
"""Exchanges about which something is noted that are not decided about, the newest: as many as wait."""

MAX_COUNTED_STRATA = 1000
"""Strata that are counted; exchanges of further ones are captured as the uniform sample says."""

OVERHEAD = 1024
"""Bytes of a record beside its bodies."""


class Taken(Struct, frozen=True):
    """Legs that are captured together, all of an exchange or those that came of it."""

    records: list[Record]
    source: WorkerRun
    stratum: str
    """"": of the leg that answers, as it comes."""
    weight: float
    extra: bool = False


class _Waiting(Struct):
    since: float
    records: list[Record]
    weight: int = 0
    awaited: int | None = None


class Sampler:
    """`take` says what of a batch is captured; `rest` what of those that still wait. `anew`: another file has begun.
    `uncounted`: exchanges of more strata than are counted; monotone."""

    __slots__ = ("_at_least", "_remarks", "_seen", "_share", "_waiting", "uncounted")

    def __init__(self, percent: float, at_least: int) -> None:
        self._share = percent / 100.0
        self._at_least = at_least if self._share < 1.0 else 0
        self._waiting: WeighedJoin[_Waiting] = WeighedJoin(max_bytes=MAX_HELD_BYTES)
        self._remarks: dict[ExchangeKey, list[str]] = {}
        self._seen: dict[str, int] = {}
        self.uncounted = 0

    @property
    def waits(self) -> bool:
        """Whether exchanges wait for their copies here."""
        return self._at_least > 0

    @property
    def crowded(self) -> int:
        """Exchanges that did not wait until they were whole, because too many did."""
        return self._waiting.ended["crowded"]

    def anew(self) -> None:
        """Counts strata from the beginning."""
        self._seen.clear()

    def take(self, records: Iterable[Record], source: WorkerRun, now: float) -> list[Taken]:
        """What is captured now, of this batch and of exchanges that it makes whole."""
        if not self._at_least:
            return self._uniform(records, source)
        over: list[tuple[ExchangeKey, _Waiting]] = []
        for record in records:
            over += self._join(record, source, now)
        over += self._waiting.expire(now)
        return [each for each in [self._decided(key, held.records) for key, held in over] if each is not None]

    def rest(self) -> list[Taken]:
        """What is captured of the exchanges that still wait."""
        over = self._waiting.expire(float("inf"))
        return [each for each in [self._decided(key, held.records) for key, held in over] if each is not None]

    def remark(self, key: ExchangeKey, what: str) -> None:
        """Notes what is remarkable about an exchange beside how its legs ended, before it is decided about."""
        if not self._at_least:
            return
        noted = self._remarks.setdefault(key, [])
        if what not in noted:
            noted.append(what)
        if len(self._remarks) > MAX_REMARKS:
            del self._remarks[next(iter(self._remarks))]

    def _uniform(self, records: Iterable[Record], source: WorkerRun) -> list[Taken]:
        share = self._share
        if share >= 1.0:
            sample = list(records)
        else:
            sample = [each for each in records if place_of(source, each.exchange) < share]
        return [Taken(sample, source, "", 1.0 / share)] if sample else []

    def _join(self, record: Record, source: WorkerRun, now: float) -> list[tuple[ExchangeKey, _Waiting]]:
        key = source, record.exchange
        over: list[tuple[ExchangeKey, _Waiting]] = []
        held = self._waiting.get(key)
        if held is None:
            if record.path and record.copies <= 0:
                return [(key, _Waiting(now, [record]))]
            held = _Waiting(now, [])
            over = self._waiting.hold(key, held)
        held.records.append(record)
        if record.path:
            held.awaited = max(record.copies, 0)
        if held.awaited is not None and _copies(held.records) >= held.awaited:
            self._waiting.let_go(key)
            over.append((key, held))
            return over
        return over + self._waiting.weigh(held, _size(record))

    def _decided(self, key: ExchangeKey, records: list[Record]) -> Taken | None:
        source, exchange = key
        stratum = stratum_of(records, self._remarks.pop(key, ()))
        share = self._rate(stratum)
        place = place_of(source, exchange)
        if place >= share:
            return None
        return Taken(records, source, stratum, 1.0 / share, place >= self._share)

    def _rate(self, stratum: str) -> float:
        seen = self._seen.get(stratum, 0) + 1
        if seen == 1 and len(self._seen) >= MAX_COUNTED_STRATA:
            self.uncounted += 1
            return self._share
        self._seen[stratum] = seen
        return max(self._share, min(1.0, self._at_least / seen))


def place_of(source: WorkerRun, exchange: int) -> float:
    """A number from 0 up to 1, the same for all legs of an exchange, and spread as chance would over exchanges: a CRC
    alone, which is linear, has near numbers in clumps, so its bits are mixed (the finalizer of MurmurHash3)."""
    mixed = crc32(f"{source[0]}/{source[1]}/{exchange}".encode())
    mixed = ((mixed ^ mixed >> 16) * 0x85EBCA6B) & 0xFFFFFFFF
    mixed = ((mixed ^ mixed >> 13) * 0xC2B2AE35) & 0xFFFFFFFF
    return (mixed ^ mixed >> 16) / CRC_VALUES


def sampled(source: WorkerRun, exchange: int, percent: float) -> bool:
    """Whether an exchange falls into the uniform sample: the same answer for all of its legs."""
    return place_of(source, exchange) < percent / 100.0


def stratum_of(records: list[Record], remarks: Iterable[str] = ()) -> str:
    """The stratum of an exchange: `ROUTE/VERSION/OUTCOME` of the leg that answered the client, then each other leg that
    did not end well, and what was remarked."""
    answer = next((each for each in records if each.path and each.role not in COPY_ROLES), records[0])
    others = sorted({f"{each.version}:{each.outcome}" for each in records if each is not answer})
    parts = [each for each in others if not each.endswith(":good")]
    parts += sorted(remarks)
    return "/".join((answer.route, answer.version, answer.outcome, *parts))


def _copies(records: list[Record]) -> int:
    return sum([each.role in COPY_ROLES for each in records])


def _size(record: Record) -> int:
    return OVERHEAD + len(record.request or b"") + len(record.response or b"") + len(record.beginning)
