"""Link → payload → board, and how many bodies control can take.

Decoding bodies is the one thing here whose cost grows with traffic. When it takes more than `BUSY` of the time, workers
are told to send bodies of fewer exchanges (halved at each step), and of more again when there is room. Counters
are exact whatever the share is; sampling is by exchange, so what is seen stays representative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from proxy.contracts.observation import Observation
from proxy.contracts.record import Record
from proxy.contracts.settings import Analysis, RouteSettings
from proxy.contracts.table import Protocol

BUSY = 0.5
"""Share of control's time for bodies; the rest is for ticks, scrapes and the admin API, which must stay quick."""
SPAN = 0.5
"""Seconds over which the share is measured and kept; shorter spans would follow single batches."""
LEAST = 1 / 1024
"""Never quite nothing: drift and agreement must go on being seen, however slowly."""

Decode = Callable[[Record, Protocol, tuple[int, str], Analysis], Observation]


class Intake:
    """`section` says what is configured of a route now, or None; `clock` measures cost in seconds."""

    __slots__ = ("_begun", "_clock", "_decode", "_observe", "_section", "_spent", "sample")

    def __init__(
        self,
        decode: Decode,
        observe: Callable[[Iterable[Observation], float], None],
        section: Callable[[str], RouteSettings | None],
        clock: Callable[[], float],
    ) -> None:
        self._decode, self._observe, self._section, self._clock = decode, observe, section, clock
        self._begun = clock()
        self._spent = 0.0
        self.sample = 1.0

    def take(self, records: Iterable[Record], source: tuple[int, str], now: float) -> None:
        """Decodes a batch of one worker and hands it to the board. Records of routes that are gone are left out."""
        begun = self._clock()
        self._observe(self._observations(records, source), now)
        ended = self._clock()
        self._spent += ended - begun
        if ended - self._begun >= SPAN:
            self._adjust(self._spent / (ended - self._begun))
            self._begun, self._spent = ended, 0.0

    def _observations(self, records: Iterable[Record], source: tuple[int, str]) -> list[Observation]:
        pairs = ((record, self._section(record.route)) for record in records)
        return [self._decode(record, s.protocol, source, s.analysis) for record, s in pairs if s is not None]

    def _adjust(self, busy: float) -> None:
        if busy > BUSY:
            self.sample = max(self.sample / 2, LEAST)
        elif busy < BUSY / 2:
            self.sample = min(self.sample * 1.5, 1.0)
