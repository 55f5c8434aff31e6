"""Capture files as they are read: first held against their seals, then line by line, in constant memory.

1. Nothing of a file is given before all of it was held against its marks and seals, and what is given is what was held
   against them: a file that grows meanwhile is read up to where it was.
2. A file that is still written, or whose writer was killed, has no seal at its end, and may end in a part of a line. It
   is read up to its last whole line, and says so (`FileFacts`).
3. One that was cut in the middle, altered, or is none of a capture is refused with the line and what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from proxy import files
from proxy.control.capture.format import (
    BEGINNINGS,
    LABELS,
    Captured,
    Header,
    LabelLine,
    Line,
    StratumCount,
    UnreadableLineError,
    impossible,
    parsed,
    parsed_legs,
    runs,
)
from proxy.control.capture.seal import SegmentCheck
from proxy.control.capture.seen import SeenLegs

MAX_LINE = 64 * 1024 * 1024
"""Bytes of a line: a record with two bodies of 256 KiB in base64 and heads of 64 KiB has about one MiB."""

_YAML = re.compile(rb"(?:#.*|---.*|%.*|[A-Za-z_][A-Za-z0-9_-]*:(?:[ \t].*)?)\r?")
"""What YAML begins with."""

_PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"PK\x03\x04": "zip"}
"""What files begin with that are packed."""

MAX_HEADERS = 100
"""Different headers of a file that are kept, the first; one that begins a thousand times says the same a thousand
times."""


class FileFacts(Struct, frozen=True):
    """What a capture file is, beside its legs."""

    path: Path
    sha256: str
    """Over the bytes that are read."""
    lines: int
    """Lines that are read, headers and seals among them."""
    sealed: int
    """Lines that a seal vouches for."""
    open: int
    """Lines of a segment without a seal: still written, or its writer was killed."""
    segments: int
    """Those of them that there are, the open one among them."""
    bare: int
    """Lines without a header: of a version before there were any, or made by hand."""
    cut: int
    """Bytes behind the last whole line, which are not read."""
    labels: int
    """Lines that are labels."""
    headers: tuple[Header, ...]
    strata: dict[str, StratumCount]

    @property
    def unfinished(self) -> bool:
        """Whether lines may be missing at its end: nobody could tell it from one that was cut."""
        return bool(self.cut or self.open)

    @property
    def unsealed(self) -> str:
        """Why the file is not vouched for as a whole, or ""."""
        if self.cut:
            return f"it ends in the middle of line {self.lines + 1}: still written, or its writer was killed"
        if self.open:
            return f"its last {self.open:,} lines have no seal: still written, or its writer was killed"
        if self.bare:
            return f"{self.bare:,} of its lines have no header and no seal: of an earlier version, or made by hand"
        return "" if self.lines else "it is empty"


def facts_of(path: Path) -> FileFacts:
    """Holds a file against its seals. Raises UnreadableLineError, OSError."""
    check = SegmentCheck(path)
    headers: list[Header] = []
    lines = cut = labels = 0
    foreign = True
    for count, line in _runs(path):
        if not line.endswith(b"\n") and _is_cut(line, path, lines + 1):
            cut = len(line)
            break
        if foreign and not line.isspace():
            _refuse_foreign(line.partition(b"\n")[0], path, lines + 1)
            foreign = False
        if count:
            check.take_legs(line, count, lines + 1)
            lines += count
            continue
        lines += 1
        check.take(line, lines)
        labels += line.startswith(LABELS)
        header = check.header
        if header is not None and header not in headers and len(headers) < MAX_HEADERS:
            headers.append(header)
    segments = len(check.seals) + bool(check.open)
    strata: dict[str, StratumCount] = {}
    for sealed in check.seals:
        for name, more in sealed.strata.items():
            known = strata.get(name, StratumCount(0, 0.0))
            strata[name] = StratumCount(known.taken + more.taken, known.weight + more.weight)
    return FileFacts(
        path, check.sha256, lines, check.sealed, check.open, segments, check.bare, cut, labels, tuple(headers), strata
    )


def _runs(path: Path) -> Iterator[tuple[int, bytes]]:
    return (run for block in files.blocks(path, MAX_LINE) for run in runs(block))


def _is_cut(line: bytes, path: Path, number: int) -> bool:
    """Whether a line without an end is the beginning of one. Raises UnreadableLineError for what cannot be."""
    try:
        parsed(line)
    except msgspec.MsgspecError as error:
        begun = any(line.startswith(begin) or begin.startswith(line) for begin in BEGINNINGS)
        unended = not line.endswith(b"}") or "truncated" in str(error)
        if (begun and unended) or not line.strip(b"\0"):
            return True
        raise UnreadableLineError(f"{path}, line {number}: {_foreign(line) or error}") from error
    return False


def _refuse_foreign(line: bytes, path: Path, number: int) -> None:
    """Refuses a file by the first line in which there is anything: what it may be instead helps more than its bytes."""
    try:
        parsed(line)
    except msgspec.MsgspecError as error:
        what = _foreign(line) or f"no line of a capture: {error}"
        raise UnreadableLineError(f"{path}, line {number}: {what}") from error


def _foreign(line: bytes) -> str:
    """What a file is by its first line; "": nobody knows."""
    for magic, form in _PACKED.items():
        if line.startswith(magic):
            return f"this is packed by {form}, and no capture: unpack it first"
    return "this is YAML, as a configuration is, and no capture" if _YAML.fullmatch(line) else ""


class CaptureFiles:
    """Files of a capture, oldest first, held against their seals. `legs`, `labels` read them, as often as one likes.
    Raises UnreadableLineError, OSError; so do these.

    - `files`: what they are
    - `twice`: legs that came again, since files overlap, and were left out; as far as was read
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self.files = tuple(facts_of(path) for path in paths)
        self.twice = 0

    def legs(self) -> Iterator[Captured]:
        """The legs in their order."""
        return (leg for legs in self.batches() for leg in legs)

    def batches(self) -> Iterator[list[Captured]]:
        """The legs in their order, each once, many at a time."""
        self.twice = 0
        if len(self.files) == 1 and self.files[0].segments <= 1 and not self.files[0].bare:
            yield from self._read()  # a writer writes a leg once
            return
        seen = SeenLegs()
        for legs in self._read():
            yield seen.first(legs)
            self.twice = seen.twice

    @property
    def repeated(self) -> tuple[str, ...]:
        """What is to be said of legs that came again, as far as was read."""
        if not self.twice:
            return ()
        records = "a record is" if self.twice == 1 else f"{self.twice:,} records are"
        return (f"{records} in the files more than once, and counted once",)

    def _read(self) -> Iterator[list[Captured]]:
        for facts in self.files:
            for number, count, lines in _runs_until(facts):
                if count:
                    yield _legs(lines, facts.path, number)
                elif not lines.isspace() and isinstance(line := _parsed(lines, facts.path, number), Captured):
                    _refuse_impossible(line, facts.path, number)
                    yield [line]

    def labels(self) -> Iterator[LabelLine]:
        """The labels in their order."""
        for facts in self.files:
            for number, _, lines in _runs_until(facts) if facts.labels else ():
                if lines.startswith(LABELS) and isinstance(line := _parsed(lines, facts.path, number), LabelLine):
                    yield line


def _runs_until(facts: FileFacts) -> Iterator[tuple[int, int, bytes]]:
    """Runs of lines, the number of the first, and how many of them are of legs, as far as the file was held against its
    seals."""
    number = 1
    for count, lines in _runs(facts.path):
        left = facts.lines - number + 1
        if left <= 0:
            return
        if count > left:
            count, lines = left, b"\n".join(lines.split(b"\n", left)[:left]) + b"\n"
        yield number, count, lines
        number += count or 1


def _legs(lines: bytes, path: Path, number: int) -> list[Captured]:
    try:
        legs = parsed_legs(lines)
    except msgspec.MsgspecError:
        for at, line in enumerate(lines.split(b"\n")[:-1], number):
            _parsed(line, path, at)  # which says the line
        raise
    if any(map(impossible, legs)):
        for at, leg in enumerate(legs, number):
            _refuse_impossible(leg, path, at)
    return legs


def _refuse_impossible(leg: Captured, path: Path, number: int) -> None:
    if why := impossible(leg):
        raise UnreadableLineError(f"{path}, line {number}: {why}")


def legs_in(paths: Iterable[Path]) -> Iterator[Captured]:
    """The legs in capture files, in their order. Raises UnreadableLineError, OSError."""
    yield from CaptureFiles(paths).legs()


def _parsed(line: bytes, path: Path, number: int) -> Line:
    try:
        return parsed(line)
    except msgspec.MsgspecError as error:
        raise UnreadableLineError(f"{path}, line {number}: {error}") from error
