"""Seals of capture files: a running hash over the lines of a segment, on the side that writes and the side that reads.

1. A segment begins with a header and ends with a seal, which vouches for every line between them.
2. A mark vouches for the lines so far, so that what was altered is found to within `MARK_LINES` lines, and a file whose
   writer was killed is vouched for up to its last mark.
3. A segment that follows a sealed one in time names its hash, in the same file or the one before.

The hash keeps accidents and careless hands away. Somebody who can write the file can also seal it anew: what has to be
proved to others is proved by the hash of the file, noted elsewhere (a replay's report names it).
"""

from __future__ import annotations

from hashlib import sha256
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from proxy.contracts.bounds import shortened
from proxy.control.capture.format import (
    FORMAT,
    Header,
    Mark,
    Marked,
    Seal,
    Sealed,
    StratumCount,
    UnreadableLineError,
    line_of,
    parsed,
)

_Kind = TypeVar("_Kind")

MARK_LINES = 1000
"""Lines from one mark to the next."""

MAX_STRATA = 200
"""Strata that a seal counts one by one; all others count together. A seal is a line like others, and has to fit."""

OTHERS = "others"
"""The stratum of exchanges beyond `MAX_STRATA`."""

MAX_STRATUM = 256
"""Bytes of a stratum in a seal at the most: its name is shortened to half as many characters."""

MARK_BYTES = 128
"""Bytes of a mark at the most."""

SEAL_BYTES = 256
"""Bytes of a seal without strata at the most."""


OWN_DIGITS = 16
"""Digits of the hash over a seal itself."""


def _own(sealed: Sealed) -> str:
    return sha256(line_of(Seal(replace(sealed, own="")))).hexdigest()[:OWN_DIGITS]


class OpenSegment:
    """The lines of a segment while it is written. `header` gives its first line; `add` counts a line, and gives it with
    a mark behind it where one is due; `seal` gives the last line."""

    __slots__ = ("_hash", "_lines", "_marked", "_strata", "_strata_bytes", "first", "last", "sha256")

    def __init__(self) -> None:
        self._hash = sha256()
        self._lines = self._marked = 0
        self._strata: dict[str, list[float]] = {}
        self._strata_bytes = 0
        self.first = self.last = 0.0
        self.sha256 = ""

    def header(self, header: Header) -> bytes:
        """The first line."""
        return self._counted(line_of(header))

    def add(self, line: bytes) -> bytes:
        """The line as it is written."""
        self._counted(line)
        if self._lines - self._marked < MARK_LINES:
            return line
        self._marked = self._lines
        return line + self._counted(line_of(Mark(Marked(self._lines, self._hash.hexdigest()))))

    def count(self, stratum: str, weight: float, began: float, ended: float) -> None:
        """Counts an exchange whose legs were added; it began and ended at these Unix times."""
        self.first = min(self.first or began, began)
        self.last = max(self.last, ended)
        if len(stratum) > MAX_STRATUM // 2:
            stratum = shortened(stratum, MAX_STRATUM // 2)
        if stratum not in self._strata:
            if len(self._strata) >= MAX_STRATA:
                stratum = OTHERS
            self._strata_bytes += len(stratum) + 48
            self._strata.setdefault(stratum, [0, 0.0])
        known = self._strata[stratum]
        known[0] += 1
        known[1] += weight

    def seal(self) -> bytes:
        """The last line."""
        self.sha256 = self._hash.hexdigest()
        strata = {name: StratumCount(int(n), round(weight, 3)) for name, (n, weight) in self._strata.items()}
        sealed = Sealed(lines=self._lines, sha256=self.sha256, first=self.first, last=self.last, strata=strata)
        return line_of(Seal(replace(sealed, own=_own(sealed))))

    def reserve(self) -> int:
        """Bytes that a mark, a seal and one more stratum take at the most."""
        return MARK_BYTES + SEAL_BYTES + self._strata_bytes + MAX_STRATUM

    def _counted(self, line: bytes) -> bytes:
        self._hash.update(line)
        self._lines += 1
        return line


class SegmentCheck:
    """The lines of a file, held against its marks and seals. `take` gets one, `take_legs` several that are of legs;
    both raise UnreadableLineError where they do not fit.

    - `header`: of the segment that is open, or None
    - `since`: the line after which nothing is vouched for yet
    - `sealed`, `open`, `bare`: lines below a seal, behind the last seal, and of no segment
    - `seals`: what the seals said
    """

    __slots__ = (
        "_hash",
        "_lines",
        "_path",
        "_sealed_before",
        "_whole",
        "bare",
        "header",
        "open",
        "sealed",
        "seals",
        "since",
    )

    def __init__(self, path: object) -> None:
        self._path = path
        self._whole = self._hash = sha256()  # one until a second segment begins: lines are hashed once
        self._lines = 0
        self._sealed_before = False
        self.header: Header | None = None
        self.since = self.sealed = self.open = self.bare = 0
        self.seals: list[Sealed] = []

    @property
    def sha256(self) -> str:
        """The hash of the file as far as it was taken."""
        return self._whole.hexdigest()

    def take(self, line: bytes, number: int) -> None:
        """Line `number` of the file, with its end."""
        if line.startswith(b'{"penumbra_capture"'):
            self._begin(line, number)
        elif self.header is None:
            self._outside(line, number)
        elif line.startswith(b'{"seal"'):
            self._close(line, number)
        else:
            if line.startswith(b'{"mark"'):
                self._hold(self._decoded(line, number, Mark).mark, number, "mark")
                self.since = number
            self._count(line)

    def take_legs(self, lines: bytes, count: int, number: int) -> None:
        """So many lines from line `number` on, each with its end."""
        if self.header is not None:
            self._count(lines, count)
        else:
            self._outside(lines, number, count)

    def _begin(self, line: bytes, number: int) -> None:
        header = self._decoded(line, number, Header)
        if header.penumbra_capture > FORMAT:
            self._refuse(number, f"format {header.penumbra_capture}; this version reads up to {FORMAT}")
        if number > 1:
            self._hash = sha256()
        self.header, self._lines, self.since = header, 0, number - 1
        self._count(line)

    def _outside(self, line: bytes, number: int, count: int = 1) -> None:
        self._whole.update(line)
        if not line.strip():
            return
        if self._sealed_before:
            self._refuse(number, "a line behind the seal: the file was added to after it was sealed")
        if line.startswith((b'{"seal"', b'{"mark"')):
            self._refuse(number, "a seal without a header: lines before it are missing")
        self.bare += count

    def _close(self, line: bytes, number: int) -> None:
        seal = self._decoded(line, number, Seal).seal
        self._hold(seal, number, "seal")
        if seal.own and seal.own != _own(seal):
            self._refuse(number, "the seal is not the one that was written: altered in this line")
        self._whole.update(line)
        self.seals.append(seal)
        self.sealed += self._lines
        self.open -= self._lines
        self.header, self.since, self._sealed_before = None, number, True

    def _hold(self, said: Marked | Sealed, number: int, what: str) -> None:
        between = f"between lines {self.since + 1} and {number - 1}"
        if said.lines != self._lines:
            found, told = f"{self._lines} lines", f"the {what} in line {number} counts {said.lines}"
            self._refuse(number, f"{found} where {told}: lines were lost or added {between}")
        if said.sha256 != self._hash.hexdigest():
            self._refuse(number, f"the sha256 of the {what} is not that of the lines: altered {between}")

    def _count(self, lines: bytes, count: int = 1) -> None:
        self._whole.update(lines)
        if self._hash is not self._whole:
            self._hash.update(lines)
        self._lines += count
        self.open += count

    def _decoded(self, line: bytes, number: int, kind: type[_Kind]) -> _Kind:
        try:
            found = parsed(line)
        except msgspec.MsgspecError as error:
            raise UnreadableLineError(f"{self._path}, line {number}: {error}") from error
        assert isinstance(found, kind)
        return found

    def _refuse(self, number: int, why: str) -> None:
        raise UnreadableLineError(f"{self._path}, line {number}: {why}")
