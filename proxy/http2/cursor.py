"""Where in a client's bytes the frames are: the engine tells nothing of a head that is half sent, nor of frames that
ask for nothing.

A block of fields is a HEADERS frame and as many CONTINUATION frames as it takes (RFC 9113 §4.3); nothing comes between
them. A frame of a body may take its time: the exchange's own deadlines look at that.
"""

from __future__ import annotations

from math import inf
from typing import Final

FRAME_HEAD: Final = 9
"""Bytes before the payload of a frame (RFC 9113 §4.1)."""

PREFACE: Final = 24
"""Bytes before a client's first frame (RFC 9113 §3.4)."""

_DATA: Final = 0
_HEADERS: Final = 1
_CONTINUATION: Final = 9
_ANSWERED: Final = (4, 6)
"""SETTINGS and PING."""

_END_HEADERS: Final = 4


class FrameCursor:
    """`since`: when the head (or another frame that is no body's) began whose end has not come, inf: none has;
    `size`: bytes of it so far; `idle`: frames that ask for nothing, those that we answer twice."""

    __slots__ = ("_block", "_head", "_left", "_preface", "idle", "since", "size")

    def __init__(self) -> None:
        self._left = PREFACE
        self._head = b""
        self._block, self._preface = False, True
        self.since, self.size = inf, 0
        self.idle = 0

    def follow(self, data: bytes, now: float) -> None:
        """Reads on, at `now`."""
        at, end = 0, len(data)
        if self._preface:
            self._preface, self.since = False, now
        while at < end:
            if self._left:
                step = min(self._left, end - at)
                at += step
                self._left -= step
                self.size += step
                if self._left:
                    return
            else:
                part = data[at : at + FRAME_HEAD - len(self._head)]
                at += len(part)
                head = self._head + part
                if len(head) < FRAME_HEAD:
                    self._head = head
                    self.since = min(self.since, now)
                    return
                self._head = b""
                self._begin(head, now)
            if not self._left and not self._block:
                self.since, self.size = inf, 0

    def _begin(self, head: bytes, now: float) -> None:
        kind = head[3]
        self._left = head[0] << 16 | head[1] << 8 | head[2]
        if kind in (_HEADERS, _CONTINUATION):
            self._block = not head[4] & _END_HEADERS
        elif kind:
            self.idle += 2 if kind in _ANSWERED else 1
        self.since = inf if kind == _DATA else min(self.since, now)
