"""One stream as an engine keeps it: its windows, what of it waits to be written, and which side has ended."""

from __future__ import annotations

from proxy.http2.bounds import WINDOW
from proxy.http2.fields import FieldGroup, FieldList


class Http2Stream:
    """A stream that is open, or half closed. One that is over is kept nowhere.

    - `number`, and `named`: as four bytes
    - `window`: bytes that the peer takes; `left`: bytes that it may send; `owed`: those that came, and were not given
      back; `padding`: those that nobody has to pass on; `given`: those that were given back, which it does not know yet
    - `announced`: the length of the body that comes, -1: not told; `came`: what has come of it
    - `heard`: the head has come; `whole`: the other side has ended
    - `pieces`, of `queued` bytes in all, `trailers` behind their `group`: what waits; `ending`: no more is to be said
    - `begun`, `done`: our first and our last frame were written; `ready`: in the queue of those that have something
    - `bare`: an answer to HEAD, whose length is not that of a body; `closed`: it is over
    """

    __slots__ = (
        "_at",
        "announced",
        "bare",
        "begun",
        "came",
        "closed",
        "done",
        "ending",
        "given",
        "group",
        "heard",
        "left",
        "named",
        "number",
        "owed",
        "padding",
        "pieces",
        "queued",
        "ready",
        "trailers",
        "whole",
        "window",
    )

    def __init__(self, number: int, window: int) -> None:
        self.number, self.window, self.left = number, window, WINDOW
        self.named = number.to_bytes(4, "big")
        self.owed = self.given = self.padding = self.came = self.queued = self._at = 0
        self.announced = -1
        self.heard = self.whole = self.begun = self.ending = self.done = False
        self.ready = self.closed = self.bare = False
        self.pieces: list[bytes] = []
        self.trailers: FieldList | None = None
        self.group: FieldGroup | None = None

    def piece(self, size: int) -> bytes:
        """The next `size` bytes of those that wait."""
        pieces, at = self.pieces, self._at
        self.queued -= size
        first = pieces[0]
        rest = len(first) - at
        if rest > size:
            self._at = at + size
            return first[at : at + size]
        if rest < size:
            return self._joined(size)
        del pieces[0]
        self._at = 0
        return first[at:] if at else first

    def _joined(self, size: int) -> bytes:
        parts: list[bytes] = []
        at, count = self._at, 0
        for piece in self.pieces:
            rest = len(piece) - at
            if rest > size:
                break
            parts.append(piece[at:] if at else piece)
            count, size, at = count + 1, size - rest, 0
        if size:
            parts.append(self.pieces[count][:size])
        del self.pieces[:count]
        self._at = size
        return b"".join(parts)

    def forget(self) -> int:
        """It is over. Returns how many bytes had waited."""
        self.closed, count, self.queued = True, self.queued, 0
        self.pieces, self._at, self.trailers, self.group = [], 0, None, None
        return count


class Waiting:
    """A head that was said and not taken."""

    __slots__ = ("ended", "fields", "group", "stream")

    def __init__(self, stream: Http2Stream, fields: FieldList, ended: bool, group: FieldGroup | None = None) -> None:
        self.stream, self.fields, self.ended, self.group = stream, fields, ended, group
