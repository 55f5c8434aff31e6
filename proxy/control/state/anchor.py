"""The anchor: a second file that control appends the length and last hash of the audit chain to, with each change.

Whoever can write the state file can cut entry and head together, or make a whole new chain. The anchor is beside it by
default (`<state>.anchor`); on another disk, append-only, or with other rights (`audit.anchor`) it is a witness that the
writer of the state file cannot change. Each line is on the disk before the next change; a line that could not be
written refuses nothing, is counted and logged, and the next one covers it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from msgspec import Struct

from proxy import files
from proxy.contracts.release import RouteState
from proxy.control.disk_thread import DiskHangsError, DiskThread
from proxy.control.state.rows import ChainHead

log = logging.getLogger("penumbra.engine")

MAX_LINE = 65_536
"""Bytes of a line: the hash, and the names of versions that were rolled back."""
MAX_TAIL = 2**20
"""Bytes of the end of the file that are read at the start."""


class AnchorLine(Struct, frozen=True):
    """The chain as it was after a change."""

    count: int
    """Entries."""
    hash: str
    """Hash of the last one."""
    at: float
    """Unix time."""
    rolled_back: Mapping[str, tuple[str, ...]] = {}
    """Versions that are rolled back, of the routes that changed."""


class Anchor:
    """The anchor at `path`; "" for none. `errors`: lines that could not be written."""

    __slots__ = ("_disk", "_last", "errors", "fault", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self.errors = 0
        self.fault = ""
        """Why the anchor does not hold at present; "" where it does."""
        self._last: tuple[int, str] | None = None
        self._disk: DiskThread | None = None

    def use(self, disk: DiskThread) -> None:
        """From now on lines are written in this thread."""
        self._disk = disk

    def note(self, head: ChainHead, states: Iterable[RouteState], now: float) -> None:
        """Appends the end of the chain, where it has moved."""
        if not self.path or (head.count, head.hash) == self._last or not head.count:
            return
        line = AnchorLine(head.count, head.hash, now, {state.route: state.rolled_back for state in states})
        try:
            self._write(msgspec.json.encode(line) + b"\n")
        except (OSError, DiskHangsError) as error:
            self.errors += 1
            why = files.denied(self.path, error) if isinstance(error, OSError) else str(error)
            before, self.fault = self.fault, f"the audit's anchor {self.path} cannot be written: {why}"
            if not before:
                log.error("%s", self.fault)
        else:
            self._last, self.fault = (head.count, head.hash), ""

    def _write(self, line: bytes) -> None:
        if self._disk is None:
            _append(self.path, line)
        else:
            self._disk.waited(lambda: _append(self.path, line))

    def beyond(self, hashes: Mapping[int, str]) -> list[AnchorLine]:
        """The lines after the last one that is of the chain with these hashes by number, oldest first."""
        lines: list[AnchorLine] = []
        for line in reversed(list(self._tail())):
            if isinstance(line, AnchorLine):
                if hashes.get(line.count) == line.hash:
                    break
                lines.append(line)
        return lines[::-1]

    def _tail(self) -> Iterator[AnchorLine | None]:
        try:
            with open(files.descriptor(self.path), "rb") as file:
                file.seek(max(os.fstat(file.fileno()).st_size - MAX_TAIL, 0))
                yield from map(_line_of, file.read().split(b"\n")[:-1])
        except OSError:
            return


def lines_of(path: str) -> Iterator[AnchorLine | None]:
    """All lines of an anchor, oldest first; None for one that cannot be read. What is not ended yet is none. Raises
    OSError."""
    with open(files.descriptor(path), "rb") as file:
        while line := file.readline(MAX_LINE):
            if line.endswith(b"\n"):
                yield _line_of(line)


def _line_of(line: bytes) -> AnchorLine | None:
    try:
        return msgspec.json.decode(line, type=AnchorLine)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _append(path: str, line: bytes) -> None:
    descriptor = files.descriptor(path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
    try:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        os.write(descriptor, b"\n" + line if torn else line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
