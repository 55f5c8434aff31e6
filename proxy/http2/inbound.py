"""What comes of a connection: bytes cut into frames, and the frames that mean the whole connection (RFC 9113 §6).

1. A frame is read once it is whole; of a body what has come is handed over, since frames of it may take their time.
2. A block of fields is a HEADERS frame and CONTINUATION frames with nothing between them, and is read as one.
3. What a peer may do too much of runs into a bound of `bounds`; time forgives.
4. What is wrong with one stream ends that stream; the connection ends where RFC 9113 says so, or nothing more can be
   read.
5. `since` and `size` say what is half sent: whoever holds the socket ends those who never send the rest.
"""

from __future__ import annotations

from math import inf
from typing import Final

from proxy.contracts.compiler import mypyc_attr
from proxy.http2.bounds import Http2Bounds
from proxy.http2.codes import (
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    NO_WINDOW,
    OPENED_BY_NOTHING,
    PROTOCOL_ERROR,
    TOO_LARGE,
    WRONG_SIZE,
    Http2Error,
    name_of,
)
from proxy.http2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    ENABLE_PUSH,
    END_HEADERS,
    FRAME_HEAD,
    FRAME_SIZE,
    GOAWAY,
    HEADER_TABLE_SIZE,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    MAX_CONCURRENT_STREAMS,
    MAX_FRAME_SIZE,
    MAX_HEADER_LIST_SIZE,
    MOST_WINDOW,
    PADDED,
    PING,
    PREFACE,
    PRIORITIZED,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    frame,
    unpadded,
)
from proxy.http2.outbound import Http2Outbound
from proxy.http2.stream import Http2Stream

_SIZES: Final = {PRIORITY: 5, RST_STREAM: 4, PING: 8, WINDOW_UPDATE: 4}
"""Bytes of the payloads that have one size."""

_OF_ALL: Final = frozenset((SETTINGS, PING, GOAWAY))
_OF_ONE: Final = frozenset((HEADERS, RST_STREAM, PUSH_PROMISE, CONTINUATION))
"""Frames of the connection, and those of a stream."""

_ENTRY: Final = 6
"""Bytes of a setting."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Http2Inbound(Http2Outbound):
    """The reading half of an engine.

    - `since`: when a head (or another frame that is no body's) began whose end has not come, inf: none has; `size`:
      bytes of it so far
    - `idle`: frames that ask for nothing, those that we answer twice, and each setting; whoever reads it takes off what
      was earned
    """

    __slots__ = (
        "_block",
        "_block_flags",
        "_block_of",
        "_block_size",
        "_blocks",
        "_body_flags",
        "_body_left",
        "_body_of",
        "_broken",
        "_forgiven",
        "_glitches",
        "_greeted",
        "_known",
        "_now",
        "_resets",
        "_rest",
        "idle",
        "since",
        "size",
    )

    def __init__(self, client: bool, bounds: Http2Bounds) -> None:
        super().__init__(client, bounds)
        self._rest = b""
        self._greeted = client  # the preface has come
        self._known = False  # its settings have come, which it says first
        self._blocks = 0  # frames of the block that is being read, 0: none is
        self._block: list[bytes] = []
        self._block_of = self._block_flags = self._block_size = 0
        self._body_of = self._body_left = self._body_flags = 0  # the frame of a body that is being read
        self._broken = self._resets = self._glitches = 0.0
        self._forgiven = self._now = 0.0
        self.since, self.size, self.idle = inf, 0, 0

    # cutting

    def _read(self, data: bytes) -> None:
        at, end = 0, len(data)
        if self._body_left:
            at = min(self._body_left, end)
            self._more_of_body(data if at == end else data[:at])
        elif self._rest:
            data = self._rest + data
            end = len(data)
            self._rest = b""
        if not self._greeted:
            at = self._read_preface(data)
        while self._greeted and end - at >= FRAME_HEAD:
            length = data[at] << 16 | data[at + 1] << 8 | data[at + 2]
            kind, flags = data[at + 3], data[at + 4]
            number = (data[at + 5] & 0x7F) << 24 | data[at + 6] << 16 | data[at + 7] << 8 | data[at + 8]
            begin = at + FRAME_HEAD
            large = length > FRAME_SIZE
            if kind == DATA and (large or not flags & PADDED) and not self._blocks and self._known:
                if large:
                    self._break_known(number, FRAME_SIZE_ERROR, TOO_LARGE)
                at = min(begin + length, end)
                self._begin_body(number, length, flags, data[begin:at], length)
                self._body_of, self._body_flags, self._body_left = number, flags, length - (at - begin)
                self.since = inf
                continue
            if self._blocks or not self._known or large:
                self._check(kind, number, length)
            at = begin + length
            if at > end:
                at = begin - FRAME_HEAD
                break
            self._frame(kind, flags, number, data[begin:at])
            if not self._blocks:
                self.since = inf
        if at < end:
            self._rest = data[at:] if at else data
        self._note_rest()

    def _read_preface(self, data: bytes) -> int:
        """Where the first frame begins, behind the preface; 0: that has not come whole."""
        if not PREFACE.startswith(data[: len(PREFACE)]):
            self._dead = True
            raise Http2Error(PROTOCOL_ERROR, "what came is not the preface of HTTP/2")
        self._greeted = len(data) >= len(PREFACE)
        return len(PREFACE) if self._greeted else 0

    def _check(self, kind: int, number: int, length: int) -> None:
        """What is rare: something begins, or goes on, as it may not."""
        if length > FRAME_SIZE:
            raise Http2Error(FRAME_SIZE_ERROR, TOO_LARGE)
        if not self._known and kind != SETTINGS:
            raise Http2Error(PROTOCOL_ERROR, "the first frame is not SETTINGS")
        if self._blocks and (kind != CONTINUATION or number != self._block_of):
            raise Http2Error(PROTOCOL_ERROR, "a block of fields is not continued")

    def _note_rest(self) -> None:
        """Notes whether what has come ends within something that is not a body."""
        rest = len(self._rest)
        if not rest and not self._blocks and (self._greeted or self._dead):
            self.since, self.size = inf, 0
            return
        self.size = rest + self._block_size
        if rest >= FRAME_HEAD and self._rest[3] == DATA:
            self.since = inf
        elif self.since == inf:
            self.since = self._now

    # frames

    def _frame(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        if kind == HEADERS:
            self._headers(flags, number, payload)
            return
        if kind == WINDOW_UPDATE and len(payload) == 4:
            self.idle += 1
            self._wider(number, int.from_bytes(payload, "big") & MOST_WINDOW)
            return
        if kind != DATA and kind != CONTINUATION:
            self.idle += 2 if kind in (SETTINGS, PING) else 1
        if _SIZES.get(kind, len(payload)) != len(payload):
            if kind == PRIORITY:
                self._break_known(number, FRAME_SIZE_ERROR, WRONG_SIZE)
                return
            raise Http2Error(FRAME_SIZE_ERROR, WRONG_SIZE)
        if (number and kind in _OF_ALL) or (not number and kind in _OF_ONE):
            raise Http2Error(PROTOCOL_ERROR, "a frame of a stream, or of none, is the other")
        if kind == DATA:
            self._padded_body(flags, number, payload)
        elif kind == CONTINUATION:
            self._continue(flags, payload)
        elif kind == RST_STREAM:
            self._peer_reset(number, int.from_bytes(payload, "big"))
        elif kind == SETTINGS:
            self._settings_came(flags, payload)
        elif kind == PING:
            if not flags & ACK:
                self._acknowledge(frame(PING, ACK, 0, payload))
        elif kind == GOAWAY:
            self._goaway_came(payload)
        elif kind == PUSH_PROMISE:
            raise Http2Error(PROTOCOL_ERROR, "nobody may push to us")
        else:
            self._glitch()  # a priority, or a frame that nobody knows

    def _break_known(self, number: int, code: int, rule: str) -> None:
        """A stream, if there still is one of that number, breaks a rule that is of no other one."""
        stream = self._streams.get(number)
        if stream is not None:
            self._break(stream, code, rule)

    def _padded_body(self, flags: int, number: int, payload: bytes) -> None:
        begin, end = unpadded(flags, payload, 0)
        self._begin_body(number, len(payload), flags, payload[begin:end], end - begin)

    def _headers(self, flags: int, number: int, payload: bytes) -> None:
        begin, end = 0, len(payload)
        if not number:
            raise Http2Error(PROTOCOL_ERROR, "a head has no stream")
        if flags & (PADDED | PRIORITIZED):
            begin, end = unpadded(flags, payload, 5 if flags & PRIORITIZED else 0)
            if flags & PRIORITIZED and int.from_bytes(payload[begin - 5 : begin - 1], "big") & MOST_WINDOW == number:
                flags |= ON_ITSELF
            payload = payload[begin:end]
        if flags & END_HEADERS:
            self._block_came(number, flags, payload)
            return
        self._block, self._blocks, self._block_size = [payload], 1, FRAME_HEAD + len(payload)
        self._block_of, self._block_flags = number, flags

    def _continue(self, flags: int, payload: bytes) -> None:
        if not self._blocks:
            raise Http2Error(PROTOCOL_ERROR, "a block of fields is continued that nobody has begun")
        if self._blocks > self._bounds.continuations:
            raise Http2Error(ENHANCE_YOUR_CALM, "a block of fields is continued too often")
        self._blocks += 1
        self._block.append(payload)
        self._block_size += FRAME_HEAD + len(payload)
        if flags & END_HEADERS:
            block, self._block = b"".join(self._block), []
            self._blocks = self._block_size = 0
            self._block_came(self._block_of, self._block_flags, block)

    def _settings_came(self, flags: int, payload: bytes) -> None:
        count = len(payload)
        if count % _ENTRY or (flags & ACK and count):
            raise Http2Error(FRAME_SIZE_ERROR, "settings are not of their size")
        if flags & ACK:
            if not self._known:
                raise Http2Error(PROTOCOL_ERROR, "the first frame is not SETTINGS")
            return
        if count > _ENTRY * self._bounds.settings:
            raise Http2Error(ENHANCE_YOUR_CALM, "too many settings at once")
        self._known = True
        self.idle += count // _ENTRY  # each may be about all streams
        for at in range(0, count, _ENTRY):
            self._setting(payload[at] << 8 | payload[at + 1], int.from_bytes(payload[at + 2 : at + _ENTRY], "big"))
        self._acknowledge(frame(SETTINGS, ACK, 0, b""))
        self.settings_received()

    def _setting(self, number: int, value: int) -> None:
        if number == INITIAL_WINDOW_SIZE:
            if value > MOST_WINDOW:
                raise Http2Error(FLOW_CONTROL_ERROR, "the window of streams is none")
            change, self._window_of_streams = value - self._window_of_streams, value
            for stream in self._streams.values():
                if not self._widen(stream, change):
                    raise Http2Error(FLOW_CONTROL_ERROR, NO_WINDOW)
        elif number == HEADER_TABLE_SIZE:
            self._encoder.resize(value)
        elif number == MAX_CONCURRENT_STREAMS:
            self._allowed = value
        elif number == MAX_HEADER_LIST_SIZE:
            self._most_fields = value
        elif number == ENABLE_PUSH and value > (0 if self._client else 1):
            raise Http2Error(PROTOCOL_ERROR, "whether to push is yes or no, and a server does not say it")
        elif number == MAX_FRAME_SIZE and not FRAME_SIZE <= value < 1 << 24:
            raise Http2Error(PROTOCOL_ERROR, "the size of frames is none")

    def _wider(self, number: int, count: int) -> None:
        if number:
            stream = self._streams.get(number)
            if stream is None:
                self._check_known(number)
            elif not count:
                self._break(stream, PROTOCOL_ERROR, OPENED_BY_NOTHING)
            elif not self._widen(stream, count):
                self._break(stream, FLOW_CONTROL_ERROR, NO_WINDOW)
        elif not count:
            raise Http2Error(PROTOCOL_ERROR, OPENED_BY_NOTHING)
        elif not self._widen_all(count):
            raise Http2Error(FLOW_CONTROL_ERROR, NO_WINDOW)

    def _goaway_came(self, payload: bytes) -> None:
        if len(payload) < 8:
            raise Http2Error(FRAME_SIZE_ERROR, WRONG_SIZE)
        self._left_us = self.ending = True
        self._peer_leaves(int.from_bytes(payload[:4], "big") & MOST_WINDOW, int.from_bytes(payload[4:8], "big"))

    def _acknowledge(self, answer: bytes) -> None:
        self._control.append(answer)
        self._check_waiting()

    def _check_waiting(self) -> None:
        if len(self._control) > self._bounds.acknowledgements:
            raise Http2Error(ENHANCE_YOUR_CALM, "too much is to be answered that is not read")

    # bounds

    def _forgive(self, now: float) -> None:
        """Time takes off what was noted."""
        passed, self._now = now - self._forgiven, now
        self._forgiven = now
        if self._broken or self._resets or self._glitches:
            bounds = self._bounds
            self._broken = max(self._broken - passed * bounds.own_resets[1], 0.0)
            self._resets = max(self._resets - passed * bounds.resets[1], 0.0)
            self._glitches = max(self._glitches - passed * bounds.glitches[1], 0.0)

    def _glitch(self) -> None:
        """A frame says nothing."""
        self._glitches += 1.0
        if self._glitches > self._bounds.glitches[0]:
            raise Http2Error(ENHANCE_YOUR_CALM, "too many frames that say nothing")

    def _count_reset(self) -> None:
        """The peer has reset a stream; a server does so to ours, which are few."""
        if self._client:
            return
        self._resets += 1.0
        if self._resets > self._bounds.resets[0]:
            raise Http2Error(ENHANCE_YOUR_CALM, "too many streams are taken back")

    def _count_broken(self, code: int) -> None:
        """A stream has broken a rule, and was reset, of which its peer may never read."""
        self._check_waiting()
        self._broken += 1.0
        burst = self._bounds.own_resets[0]
        if self._broken > burst:
            raise Http2Error(ENHANCE_YOUR_CALM, f"more than {burst} streams broke a rule, the last: {name_of(code)}")

    # what streams hear

    def _check_known(self, number: int) -> None:
        """Raises Http2Error where a stream was never opened; it is over otherwise."""
        if not number & 1 or number > self._last:
            raise Http2Error(PROTOCOL_ERROR, "a frame is of a stream that nobody has opened")

    def _break(self, stream: Http2Stream, code: int, rule: str) -> None:
        """A stream breaks a rule, which is told."""
        raise NotImplementedError

    def _begin_body(self, number: int, length: int, flags: int, data: bytes, size: int) -> None:
        """A frame of a body: `length` bytes of it count for windows, `size` are of the body, `data` has come."""
        raise NotImplementedError

    def _more_of_body(self, data: bytes) -> None:
        """More of that frame."""
        raise NotImplementedError

    def _block_came(self, number: int, flags: int, data: bytes) -> None:
        """A block of fields is whole."""
        raise NotImplementedError

    def _peer_reset(self, number: int, code: int) -> None:
        """The peer has reset a stream."""
        raise NotImplementedError

    def _peer_leaves(self, last: int, code: int) -> None:
        """The peer takes no further stream."""
        raise NotImplementedError

    def settings_received(self) -> None:
        """The peer has said what it allows."""


ON_ITSELF: Final = 0x100
"""Beside the flags of a head: its stream depends on itself, which no stream may."""
