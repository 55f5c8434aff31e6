"""Link → payload → board, and how many bodies control can take.

Analysing bodies is the one thing in control whose cost grows with traffic. It has a budget of its own, a part of one
CPU (`analysis_cpu`), whatever else control does. Workers are told to record so many exchanges, as a sample, that it is
kept to; where there is room, all of them. Counters are exact whatever the sample is; sampling is by exchange, so the
sample stays representative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from proxy.contracts.observation import Observation
from proxy.contracts.record import Record
from proxy.contracts.settings import Analysis, RouteSettings
from proxy.contracts.table import Protocol

MEASURE_SECONDS = 0.5
"""Seconds over which the cost is measured and the sample stays; shorter spans would follow single batches."""
MIN_SAMPLE = 1 / 1024
"""The smallest sample: drift and agreement stay visible, however slowly."""
SPARE_BUDGET = 0.8
"""Part of the budget below which the sample grows."""
MAX_RISE = 1.5
"""Factor that the sample grows by in one span at most; the end of a burst must not bring the next at full size."""

Decode = Callable[[Record, Protocol, tuple[int, str], Analysis], Observation]


class Intake:
    """`section` says what is configured of a route now, or None; `budget` is the part of one CPU that may be spent;
    `clock` measures it, in seconds of CPU."""

    __slots__ = ("_before", "_begun", "_clock", "_decode", "_observe", "_section", "_spent", "budget", "sample")

    def __init__(
        self,
        decode: Decode,
        observe: Callable[[Iterable[Observation], float], None],
        section: Callable[[str], RouteSettings | None],
        clock: Callable[[], float],
    ) -> None:
        self._decode, self._observe, self._section, self._clock = decode, observe, section, clock
        self._begun: float | None = None
        self._spent = self._before = 0.0
        self.budget = self.sample = 1.0

    def take(self, records: Iterable[Record], source: tuple[int, str], now: float) -> None:
        """Decodes a batch of one worker and hands it to the board. Records of routes that are gone, or whose bodies are
        not understood, are left out."""
        before = self._clock()
        self._observe(self._observations(records, source), now)
        self._spent += self._clock() - before

    def sample_at(self, now: float) -> float:
        """The part of the exchanges to record from now on. To be asked with each tick, also when no records come: the
        fewer are asked for, the longer the next one would take to say that there is room again."""
        if self._begun is None:
            self._begun = now
        elif now - self._begun >= MEASURE_SECONDS:
            self._adjust(self._spent / (now - self._begun))
            self._begun, self._spent = now, 0.0
        return self.sample

    def _observations(self, records: Iterable[Record], source: tuple[int, str]) -> list[Observation]:
        sections: dict[str, RouteSettings | None] = {}
        observations = []
        for record in records:
            route = record.route
            if route not in sections:
                sections[route] = self._section(route)
            section = sections[route]
            if section is not None and section.protocol != "opaque":
                observations.append(self._decode(record, section.protocol, source, section.analysis))
        return observations

    def _adjust(self, busy: float) -> None:
        # A span by itself may be the first batch, which imports what it needs, or a burst.
        lasting, self._before = min(busy, self._before), busy
        if lasting > self.budget:
            self.sample = max(self.sample * self.budget / lasting, MIN_SAMPLE)
        elif busy < SPARE_BUDGET * self.budget and self.sample < 1.0:
            self.sample = min(self.sample * min(self.budget / max(busy, 1e-9), MAX_RISE), 1.0)
