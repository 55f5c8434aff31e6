"""Writes records to disk for a backtest: a stated share of the exchanges, in a stated number of bytes.

- An exchange is captured with all of its legs or not at all: a hash of its number decides, not chance.
- Two files of half the size each: when the newer one is full it takes the place of the older one (`PATH.1`).
- A disk that refuses is logged once, counted, and tried again with the next batch; traffic and decisions go on.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from zlib import crc32

from proxy import files
from proxy.contracts.operation import Capture
from proxy.contracts.record import Record
from proxy.control.capture.format import captured, line_of

log = logging.getLogger("penumbra.capture")

CRC_VALUES = 1 << 32


class CaptureWriter:
    """`use` what is configured, then `take` batches. `written` and `errors` are monotone counts."""

    __slots__ = ("_failing", "_file", "_replaced", "_settings", "_size", "_too_long", "errors", "written")

    def __init__(self) -> None:
        self._settings: Capture | None = None
        self._file: int | None = None
        self._size = 0
        self._failing = False
        self._replaced = self._too_long = 0
        self.written = self.errors = 0

    def bounds_reached(self) -> dict[str, int]:
        """Files that made room for newer records, and records that are larger than a file. Monotone."""
        return {"capture_file": self._replaced, "capture_record": self._too_long}

    def use(self, settings: Capture | None) -> None:
        """Captures by these settings from now on; None: nothing."""
        if settings != self._settings:
            self.close()
            self._settings = settings

    def take(self, records: Iterable[Record], source: tuple[int, str]) -> None:
        """Keeps what falls into the sample."""
        settings = self._settings
        if settings is None:
            return
        sample = [record for record in records if sampled(source, record.exchange, settings.percent)]
        lines = [line_of(captured(record, source, settings.bodies)) for record in sample]
        if lines:
            self._write(lines, settings)

    def close(self) -> None:
        """Closes the file; nothing is buffered here."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, lines: list[bytes], settings: Capture) -> None:
        try:
            for line in lines:
                self._append(line, settings)
        except OSError as error:
            self.errors += 1
            if not self._failing:
                log.error("records cannot be captured in %s: %s", settings.path, files.denied(settings.path, error))
            self._failing = True
            self.close()
        else:
            self._failing = False

    def _append(self, line: bytes, settings: Capture) -> None:
        half = settings.max_bytes // 2
        if len(line) > half:
            self._too_long += 1
            return
        if self._file is None:
            self._open(settings.path)
        if self._size + len(line) > half:
            self.close()
            os.replace(settings.path, f"{settings.path}.1")
            self._replaced += 1
            self._open(settings.path)
        assert self._file is not None
        self._size += os.write(self._file, line)
        self.written += 1

    def _open(self, path: str) -> None:
        self._file = files.descriptor(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._size = os.fstat(self._file).st_size


def sampled(source: tuple[int, str], exchange: int, percent: float) -> bool:
    """Whether an exchange falls into the sample: the same answer for all of its legs."""
    return crc32(f"{source[0]}/{source[1]}/{exchange}".encode()) < percent / 100.0 * CRC_VALUES
