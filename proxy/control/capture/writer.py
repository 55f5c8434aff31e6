"""Writes records to disk, for a backtest or a replay: a stated share of the exchanges, in a stated number of bytes.

- What is captured says `sampling`, in which form `format`, where `sealed_file`.
- A disk that refuses is logged once, counted, and tried again with the next batch; traffic and decisions go on.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import proxy
from proxy import files
from proxy.contracts.leg_join import ExchangeKey, WorkerRun
from proxy.contracts.operation import Capture
from proxy.contracts.record import Record, without_bodies
from proxy.contracts.settings import RouteSettings
from proxy.control.capture.format import FORMAT, KEPT_FIELDS, Header, LabelLine, captured, line_of
from proxy.control.capture.redaction import Redaction
from proxy.control.capture.sampling import Sampler, Taken, stratum_of
from proxy.control.capture.sealed_file import SealedFile

log = logging.getLogger("penumbra.capture")

MAX_LABELLED = 65536
"""Captured requests whose labels are kept when they come, the newest: about 6 MB. What comes later, or after a restart,
is joined from a file of feedback beside the capture."""

MAX_WRITE = 1 << 16
"""Bytes that are written at a time."""

BOUNDS = ("capture_file", "capture_record", "capture_age", "capture_strata", "capture_waiting")
"""Bounds of a capture: files that made room for newer ones, records larger than a file, files that grew too old,
exchanges whose stratum was not counted, and that did not wait for their copies."""


class CaptureWriter:
    """`use` what is configured, then `take` batches, and `look` from time to time. Monotone counts: `written` of
    records, `errors` of records and labels that were to be written and are lost, `labels` of labels by what became of
    them, `withheld` of bodies that could not be redacted for certain, by reason."""

    __slots__ = (
        "_failing",
        "_file",
        "_ids",
        "_kept",
        "_key",
        "_now",
        "_owed",
        "_reached",
        "_redaction",
        "_sampler",
        "_settings",
        "_understood",
        "errors",
        "labels",
        "withheld",
        "written",
    )

    def __init__(self) -> None:
        self._settings: Capture | None = None
        self._understood: tuple[object, ...] = ()
        self._key = os.urandom(32)
        self._redaction = Redaction({}, b"", ())
        self._sampler = Sampler(0.0, 0)
        self._kept = KEPT_FIELDS
        self._file: SealedFile | None = None
        self._failing = False
        self._now = 0.0
        self._owed = 0
        self._reached = dict.fromkeys(BOUNDS, 0)
        self.written = self.errors = 0
        self.withheld: Counter[str] = Counter()
        self._ids: dict[int, None] = {}
        self.labels = {"written": 0, "unknown": 0, "withheld": 0}

    def bounds_reached(self) -> dict[str, int]:
        """By bound of `BOUNDS`, how often it was reached. Monotone."""
        return self._reached

    def use(self, settings: Capture | None, routes: Iterable[RouteSettings] = ()) -> None:
        """Captures by these settings from now on; None: nothing. `routes` say what of their bodies is redacted."""
        routes = tuple(routes)
        understood = tuple([(route.name, route.protocol, route.analysis) for route in routes])
        if settings == self._settings and understood == self._understood:
            return
        self.close()
        self._settings, self._understood = settings, understood
        if settings is not None:
            self._sampler = Sampler(settings.percent, settings.at_least)
            self._kept = KEPT_FIELDS.union(name.encode() for name in settings.headers)
            self._redaction = Redaction(settings.redact, settings.redact_key.encode() or self._key, routes)
            header = header_of(settings, self._redaction)
            self._file = SealedFile(settings.path, settings.max_bytes, settings.max_age, header)

    def take(self, records: Iterable[Record], source: WorkerRun) -> None:
        """Keeps what falls into the sample."""
        settings, file = self._settings, self._file
        if settings is None or file is None:
            return
        records = list(records)
        self._now = max([self._now, *[record.started + record.total for record in records]])
        with self._writing(settings, file):
            self._write(self._sampler.take(records, source, self._now), settings, file)

    def remark(self, key: ExchangeKey, what: str) -> None:
        """Notes what is remarkable about an exchange of which records are about to be taken."""
        if self._file is not None:
            self._sampler.remark(key, what)

    def label(self, labels: Iterable[tuple[str, Any]], now: float) -> None:
        """Keeps what is known to be true, at this Unix time, of requests that were captured."""
        settings, file = self._settings, self._file
        if settings is None or file is None:
            return
        lines: list[bytes] = []
        for request_id, label in labels:
            known = hash(request_id) in self._ids
            line = self._label_line(request_id, label, now) if known else b""
            if 0 < len(line) <= file.capacity:
                lines.append(line)
            else:
                self.labels["withheld" if known else "unknown"] += 1
        self._owed = len(lines)
        with self._writing(settings, file):
            for line in lines:
                file.append([line], now)
                self.labels["written"] += 1
                self._owed -= 1

    def _label_line(self, request_id: str, label: Any, now: float) -> bytes:
        """The line of a label; b"" where nothing may be written of it, or nobody could tell whose it is."""
        label, request_id = self._redaction.label(label), self._redaction.request_id(request_id)
        if label is None or not request_id:
            return b""
        return line_of(LabelLine(label=label, request_id=request_id, at=now))

    def look(self, now: float) -> None:
        """Lets go of what is too old at this Unix time."""
        settings, file = self._settings, self._file
        if settings is not None and file is not None and settings.max_age:
            with self._writing(settings, file):
                file.look(now)

    def close(self) -> None:
        """Writes what waits, seals and closes the file."""
        settings, file = self._settings, self._file
        if settings is None or file is None:
            return
        with self._writing(settings, file):
            self._write(self._sampler.rest(), settings, file)
            file.close()
        file.leave()
        self._settings = self._file = None

    @contextmanager
    def _writing(self, settings: Capture, file: SealedFile) -> Iterator[None]:
        """What is owed when the disk refuses is lost."""
        before = _reached(file, self._sampler)
        try:
            yield
        except OSError as error:
            self.errors += self._owed
            if not self._failing:
                log.error("records cannot be captured in %s: %s", settings.path, files.denied(settings.path, error))
            self._failing = True
            file.leave()
        else:
            self._failing = False
        self._owed = 0
        more = {bound: count - before[bound] for bound, count in _reached(file, self._sampler).items()}
        for bound, count in more.items():
            self._reached[bound] += count
        if more["capture_file"] or more["capture_age"]:
            self._sampler.anew()

    def _write(self, taken: Sequence[Taken], settings: Capture, file: SealedFile) -> None:
        self._owed = sum([len(each.records) for each in taken])
        for each in taken:
            lines = [self._line(record, each, settings) for record in each.records]
            if each.stratum:
                self._append(each.records, lines, each, file)
            else:
                self._append_apart(each, lines, file)

    def _append_apart(self, taken: Taken, lines: list[bytes], file: SealedFile) -> None:
        """Writes legs of which none needs another, many at a time."""
        room, size, begin = min(MAX_WRITE, file.capacity), 0, 0
        for at, line in enumerate(lines):
            if size + len(line) > room and at > begin:
                self._append(taken.records[begin:at], lines[begin:at], taken, file)
                size, begin = 0, at
            size += len(line)
        self._append(taken.records[begin:], lines[begin:], taken, file)

    def _append(self, records: list[Record], lines: list[bytes], taken: Taken, file: SealedFile) -> None:
        """Writes legs together."""
        if not lines:
            return
        if sum(map(len, lines)) > file.capacity:
            self._reached["capture_record"] += 1
            self._owed -= len(lines)
            return
        file.append(lines, self._now)
        self.written += len(lines)
        self._owed -= len(lines)
        if taken.stratum:
            self._count(records, taken.stratum, taken.weight, file)
            return
        for record in records:
            if record.path:
                self._count([record], stratum_of([record]), taken.weight, file)

    def _count(self, records: list[Record], stratum: str, weight: float, file: SealedFile) -> None:
        self._remember(records[0].request_id)
        ended = max([record.started + record.total for record in records])
        file.count(stratum, weight, min([record.started for record in records]), ended)

    def _remember(self, request_id: str) -> None:
        if request_id:
            self._ids[hash(request_id)] = None
        if len(self._ids) > MAX_LABELLED:
            del self._ids[next(iter(self._ids))]

    def _line(self, record: Record, taken: Taken, settings: Capture) -> bytes:
        said: dict[str, Any] = {}
        if taken.weight != 1.0 or taken.extra:
            said = {"weight": taken.weight, "extra": taken.extra}
        if taken.stratum and record.path:
            said["stratum"] = taken.stratum
        if self._redaction.used:
            leg = self._redaction.of(record if settings.bodies else without_bodies(record))
            record, said = leg.record, said | {"redacted": leg.found, "withheld": leg.withheld}
            self.withheld.update(leg.withheld.values())
        return line_of(captured(record, taken.source, settings.bodies, self._kept, **said))


def header_of(settings: Capture, redaction: Redaction) -> Header:
    """What the first line of a segment says, but for its time and the segment before it."""
    return Header(
        penumbra_capture=FORMAT,
        made=proxy.__version__,
        began=0.0,
        percent=settings.percent,
        at_least=settings.at_least if settings.percent < 100.0 else 0,
        bodies=settings.bodies,
        headers=settings.headers,
        redact=redaction.described(),
        key=redaction.fingerprint(),
    )


def _reached(file: SealedFile, sampler: Sampler) -> dict[str, int]:
    return {
        "capture_file": file.replaced,
        "capture_age": file.aged,
        "capture_strata": sampler.uncounted,
        "capture_waiting": sampler.crowded,
    }
