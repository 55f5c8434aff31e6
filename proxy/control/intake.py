"""Link → payload → board, and how many bodies control can take.

Analysing bodies is the one thing in control whose cost grows with traffic. It has a budget of its own, a part of one
CPU (`analysis_cpu`), whatever else control does. Workers are told to record so many exchanges, as a sample, that it is
kept to; where there is room, all of them. Counters are exact whatever the sample is; sampling is by exchange, so the
sample stays representative.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence

from proxy.contracts.alike import AlikeLegs
from proxy.contracts.identity import Identity
from proxy.contracts.observation import Observation
from proxy.contracts.record import Record
from proxy.contracts.settings import RouteSettings
from proxy.contracts.table import Protocol
from proxy.payload.alike import read_alike
from proxy.payload.decode import Decode, take_part
from proxy.payload.parts import MAX_PARTED_BYTES, Assembly

PART_SECONDS = 0.005
"""Seconds after which no further record of a batch is begun: control has more to do than to read bodies."""

MEASURE_SECONDS = 0.5
"""Seconds over which the cost is measured and the sample stays; shorter spans would follow single batches."""
MIN_SAMPLE = 1 / 1024
"""The smallest sample: drift and agreement stay visible, however slowly."""
OVERRUN = 0.5
"""Factor by which the sample shrinks in one span where records were shed, whatever the others cost."""
SPARE_BUDGET = 0.8
"""Part of the budget below which the sample grows."""
MAX_RISE = 1.5
"""Factor that the sample grows by in one span at most; the end of a burst must not bring the next at full size."""


class Intake:
    """`section` says what is configured of a route now, or None; `budget` is the part of one CPU that may be spent;
    `clock` measures it, in seconds of CPU; `elapsed` is a monotonic clock; `room` is for answers that are not whole,
    in bytes; `spoken` says what a route speaks whose records may be read together, and None of others."""

    __slots__ = (
        "_before",
        "_begun",
        "_clock",
        "_decode",
        "_elapsed",
        "_incarnations",
        "_observe",
        "_section",
        "_shed",
        "_spent",
        "_spoken",
        "assembly",
        "budget",
        "sample",
    )

    def __init__(
        self,
        decode: Decode,
        observe: Callable[[Iterable[Observation], float, Sequence[AlikeLegs]], None],
        section: Callable[[str], RouteSettings | None],
        clock: Callable[[], float],
        elapsed: Callable[[], float],
        room: int = MAX_PARTED_BYTES,
        spoken: Callable[[str, Protocol], Protocol | None] = lambda route, protocol: None,
    ) -> None:
        self._decode, self._observe, self._section, self._clock = decode, observe, section, clock
        self._elapsed, self._spoken = elapsed, spoken
        self._begun: float | None = None
        self._shed = False
        self._spent = self._before = 0.0
        self._incarnations: dict[int, str] = {}
        self.assembly = Assembly(min(room, MAX_PARTED_BYTES))
        self.budget = self.sample = 1.0

    def take(self, records: Sequence[Record], source: tuple[int, str], now: float) -> int:
        """Decodes a batch of one worker and hands it to the board, as far as `PART_SECONDS` go; returns of how many
        records. Those of routes that are gone, or whose bodies are not understood, are left out."""
        before = self._clock()
        self._heed_incarnation(*source)
        alike, odd = read_alike(records, source, self._reading)
        observations, taken = self._observations(records, odd, source)
        if taken < len(records):  # what is behind comes again
            alike = [(legs.first(bisect_left(places, taken)), places) for legs, places in alike if places[0] < taken]
        self._observe(observations, now, [legs for legs, _ in alike])
        self._spent += self._clock() - before
        return taken

    def shed(self) -> None:
        """Records could not wait until their turn: fewer are asked for."""
        self._shed = True

    def bounds_reached(self) -> dict[str, int]:
        """Answers in parts that were given up, since all of them together were too much to keep. Monotone."""
        return {"parted_answers": self.assembly.lost}

    def sample_at(self, now: float) -> float:
        """The part of the exchanges to record from now on. To be asked with each tick, also when no records come: the
        fewer are asked for, the longer the next one would take to say that there is room again."""
        if self._begun is None:
            self._begun = now
        elif now - self._begun >= MEASURE_SECONDS:
            self._adjust(self._spent / (now - self._begun))
            self._begun, self._spent = now, 0.0
        return self.sample

    def _reading(self, route: str) -> tuple[Protocol, Identity] | None:
        section = self._section(route)
        spoken = self._spoken(route, section.reading) if section is not None else None
        return None if section is None or spoken is None else (spoken, section.analysis.identity)

    def _observations(
        self, records: Sequence[Record], places: Sequence[int], source: tuple[int, str]
    ) -> tuple[list[Observation], int]:
        """The observations of the records at these places, one by one, and how many of all are taken."""
        sections: dict[str, RouteSettings | None] = {}
        observations, until = [], self._elapsed() + PART_SECONDS
        for at in places:
            record = records[at]
            route = record.route
            if route not in sections:
                sections[route] = self._section(route)
            section = sections[route]
            if section is not None and section.reading != "opaque" and not record.unread:
                if record.partial:
                    take_part(self.assembly, record, section.reading, source, section.analysis)
                else:
                    parts = self.assembly.take(record, source) if record.parts else None
                    observations.append(self._decode(record, section.reading, source, section.analysis, parts))
                if self._elapsed() >= until:
                    return observations, at + 1
        return observations, len(records)

    def _heed_incarnation(self, worker: int, incarnation: str) -> None:
        if self._incarnations.get(worker) != incarnation:
            self._incarnations[worker] = incarnation
            self.assembly.forget(worker, incarnation)

    def _adjust(self, busy: float) -> None:
        # A span by itself may be the first batch, which imports what it needs, or a burst.
        lasting, self._before = min(busy, self._before), busy
        shed, self._shed = self._shed, False
        if shed or lasting > self.budget:
            wanted = min(self.budget / max(lasting, self.budget), OVERRUN if shed else 1.0)
            self.sample = max(self.sample * wanted, MIN_SAMPLE)
        elif busy < SPARE_BUDGET * self.budget and self.sample < 1.0:
            self.sample = min(self.sample * min(self.budget / max(busy, 1e-9), MAX_RISE), 1.0)
