"""What one side of a connection has to say: queued by calls, taken as bytes.

1. Frames of the connection come first, then heads in the order in which they were said, then bodies as far as windows
   allow, a frame of each stream in turn. So no stream waits for another one.
2. Blocks of fields are encoded when they are taken, because a table follows the order on the wire (RFC 7541 §2.2);
   trailers stand behind their body.
3. What of a stream waits is dropped when it is reset. A stream whose head was not taken yet was never opened.
"""

from __future__ import annotations

from typing import Final

from proxy.contracts.compiler import mypyc_attr
from proxy.http2.bounds import CONNECTION_WINDOW, DEFAULT_WINDOW, UNBOUNDED_FIELDS, UNKNOWN_STREAMS, WINDOW, Http2Bounds
from proxy.http2.codes import NO_ERROR
from proxy.http2.fields import FieldGroup, FieldList
from proxy.http2.frames import (
    DATA,
    ENABLE_PUSH,
    END_STREAM,
    FRAME_SIZE,
    GOAWAY,
    INITIAL_WINDOW_SIZE,
    MAX_CONCURRENT_STREAMS,
    MAX_HEADER_LIST_SIZE,
    PING,
    PREFACE,
    RST_STREAM,
    WINDOW_UPDATE,
    begun,
    frame,
    headers_frames,
    settings_frame,
)
from proxy.http2.hpack_writer import HpackWriter
from proxy.http2.stream import Http2Stream, Waiting

MOST: Final = 256 * 1024
"""Bytes that are taken at a time: a socket that does not take them all holds no more."""

AT_ONCE: Final = WINDOW // 2
"""Bytes of a stream that are given back together: less may wait here, since as many as that may still come."""

FEW_STARVED: Final = 16
"""Streams, or heads, that wait for the peer, and are not looked through for those that are over."""

_LAST_OF_ALL: Final = (2**31 - 1).to_bytes(4, "big")


@mypyc_attr(allow_interpreted_subclasses=True)
class Http2Outbound:
    """Base of an engine.

    - `open`: the numbers of the streams that are, until their end was told
    - `ending`: one of the two has told that the connection will end
    """

    __slots__ = (
        "_allowed",
        "_bounds",
        "_client",
        "_closing",
        "_control",
        "_credits",
        "_dead",
        "_encoder",
        "_greeting",
        "_heads",
        "_last",
        "_left",
        "_left_us",
        "_most_fields",
        "_owed",
        "_ready",
        "_starved",
        "_streams",
        "_terminated",
        "_told",
        "_waiting",
        "_window",
        "_window_of_streams",
        "ending",
        "open",
    )

    def __init__(self, client: bool, bounds: Http2Bounds) -> None:
        self._client, self._bounds = client, bounds
        self.open: set[int] = set()
        self._streams: dict[int, Http2Stream] = {}
        self._closing: list[tuple[int, int]] = []  # streams whose end is to be told, with its code
        self._control: list[bytes] = []
        self._credits: list[Http2Stream] = []  # streams of which more may come
        self._heads: list[Waiting] = []
        self._ready: list[Http2Stream] = []
        self._starved: list[Http2Stream] = []  # they wait for the window of the connection
        self._waiting = 0  # bytes of bodies
        self._window = self._window_of_streams = DEFAULT_WINDOW
        self._left, self._owed = CONNECTION_WINDOW, 0  # bytes that may come by the connection, and that are to be
        self._allowed, self._most_fields = UNKNOWN_STREAMS, UNBOUNDED_FIELDS
        self._last = 0  # number of the last stream, whoever has opened it
        self._told = self._left_us = False  # a GOAWAY was said, has come
        self._dead = self._terminated = self.ending = False
        self._encoder = HpackWriter()
        greeting = settings_frame(self._settings()) + _window_update(bytes(4), CONNECTION_WINDOW - DEFAULT_WINDOW)
        self._greeting = PREFACE + greeting if client else greeting

    def _settings(self) -> dict[int, int]:
        settings = {INITIAL_WINDOW_SIZE: WINDOW, MAX_HEADER_LIST_SIZE: self._bounds.head}
        if self._client:
            settings[ENABLE_PUSH] = 0
        else:
            settings[MAX_CONCURRENT_STREAMS] = self._bounds.streams
        return settings

    # calls

    def respond(self, stream: int, fields: FieldList, ended: bool, group: FieldGroup | None = None) -> None:
        """Queues an answer's head: `group`, and `fields` behind it. Nothing happens where the stream has ended,
        likewise below."""
        found = self._streams.get(stream)
        if found is not None and not found.begun:
            found.begun, found.ending = True, ended
            self._heads.append(Waiting(found, fields, ended, group))

    def interim(self, stream: int, fields: FieldList) -> None:
        """Queues an interim answer's head (1xx)."""
        found = self._streams.get(stream)
        if found is not None and not found.begun:
            self._heads.append(Waiting(found, fields, False))

    def data(self, stream: int, data: bytes, ended: bool) -> None:
        """Queues a piece of a body."""
        found = self._streams.get(stream)
        if found is None or found.ending:
            return
        if data:
            found.pieces.append(data)
            found.queued += len(data)
            self._waiting += len(data)
        found.ending = ended
        if not found.ready and (data or ended):
            self._queue(found)

    def trailers(self, stream: int, fields: FieldList, group: FieldGroup | None = None) -> None:
        """Queues the fields after the body, which end it; `group` stands before them."""
        found = self._streams.get(stream)
        if found is None or found.ending:
            return
        found.trailers, found.group, found.ending = fields, group, True
        if not found.ready:
            self._queue(found)

    def end(self, stream: int) -> None:
        """Queues the end of a body."""
        self.data(stream, b"", True)

    def _queue(self, stream: Http2Stream) -> None:
        stream.ready = True
        self._ready.append(stream)

    def reset(self, stream: int, code: int) -> None:
        """Ends a stream at once, and forgets what of it is queued."""
        found = self._streams.get(stream)
        if found is not None:
            self._reset(found, code)

    def _reset(self, stream: Http2Stream, code: int) -> None:
        self._drop(stream)
        self._closing.append((stream.number, code))
        if self._client and not self._was_taken(stream):
            self._heads = [each for each in self._heads if each.stream is not stream]
        else:
            self._say_reset(stream.number, code)
        self._forget_closed()

    def _forget_closed(self) -> None:
        """A peer that does not read keeps nothing of streams that were reset; an open one has two heads at most."""
        if max(len(self._heads), len(self._ready), len(self._credits)) > 2 * len(self._streams) + FEW_STARVED:
            self._heads = [each for each in self._heads if not each.stream.closed]
            self._ready = [each for each in self._ready if not each.closed]
            self._credits = [each for each in self._credits if not each.closed]

    def _was_taken(self, stream: Http2Stream) -> bool:
        return stream not in [each.stream for each in self._heads]

    def _say_reset(self, number: int, code: int) -> None:
        self._control.append(frame(RST_STREAM, 0, number, code.to_bytes(4, "big")))

    def _drop(self, stream: Http2Stream) -> None:
        """Nothing more comes of a stream, nor goes; what it owes is owed by its connection."""
        self._streams.pop(stream.number, None)
        self._waiting -= stream.forget()
        self._give_back(stream.owed)
        stream.owed = 0

    def credit(self, stream: int) -> bool:
        """All that was handed over of a stream has been passed on: so much more may come. Whether there is now
        something to say."""
        found = self._streams.get(stream)
        if found is None or found.owed < AT_ONCE:
            return False
        owed, found.owed = found.owed, 0
        said = self._give_back(owed)
        if found.whole:
            return said
        self._open_window(found, owed)
        return True

    def _open_window(self, stream: Http2Stream, count: int) -> None:
        """So many bytes more may come of a stream, once that was taken."""
        if not stream.given:
            self._credits.append(stream)
        stream.given += count

    def _give_back(self, count: int) -> bool:
        """So many bytes more may come by the connection, whatever their streams; once there are many, and that was
        taken. Whether there is something to take."""
        self._owed += count
        return self._owed >= CONNECTION_WINDOW // 2

    def notice(self) -> None:
        """Tells that the connection will end: streams under way to us are still taken (the first of two GOAWAYs)."""
        self.ending = True
        self._control.append(frame(GOAWAY, 0, 0, _LAST_OF_ALL + bytes(4)))

    def goaway(self, code: int) -> None:
        """Tells that no further stream is taken; those that are open go on, where nothing is wrong. Whoever has left
        before, and waits for nothing, is told nothing."""
        self.ending = True
        if self._dead or (code == NO_ERROR and self._left_us and not self._streams):
            return
        self._told = True
        if code != NO_ERROR:
            self._terminate()
        last = 0 if self._client else self._last
        self._control.append(frame(GOAWAY, 0, 0, last.to_bytes(4, "big") + code.to_bytes(4, "big")))

    def _terminate(self) -> None:
        """Nothing is said any more but why: of no stream, whoever ends them."""
        self._terminated = True
        for stream in self._streams.values():
            stream.forget()
        self._streams = {}
        self._control, self._heads, self._ready, self._starved, self._credits = [], [], [], [], []
        self._waiting = 0

    def ping(self) -> None:
        """Asks for a sign of life."""
        self._control.append(frame(PING, 0, 0, bytes(8)))

    # states

    def queued(self, stream: int) -> int:
        """Bytes of a stream's body that wait: for its windows, or for the socket."""
        found = self._streams.get(stream)
        return 0 if found is None else found.queued

    def all_queued(self) -> int:
        """The same of all streams."""
        return self._waiting

    def allowed(self) -> int:
        """Streams that the peer allows to be open at once."""
        return self._allowed

    def most_fields(self) -> int:
        """Bytes of a list of fields that the peer takes (RFC 9113 §6.5.2), as it has said."""
        return self._most_fields

    # bytes

    def take(self, most: int = MOST) -> bytes:
        """The bytes that are to be sent now, about `most` of them; b"": none. What windows do not allow yet stays
        queued."""
        data = b""
        if not self._dead:
            parts, self._control = self._control, []
            if self._greeting:
                parts, self._greeting = [self._greeting, *parts], b""
            if self._credits or self._owed >= CONNECTION_WINDOW // 2:
                self._take_credits(parts)
            if self._heads:
                self._take_heads(parts)
            if self._ready:
                self._take_bodies(parts, most)
            data = b"".join(parts)
        self._hand_over()  # streams that end with what was taken
        return data

    def _hand_over(self) -> None:
        """Tells what was not told."""

    def _take_credits(self, parts: list[bytes]) -> None:
        if self._owed >= CONNECTION_WINDOW // 2:
            parts.append(_window_update(bytes(4), self._owed))
            self._left += self._owed
            self._owed = 0
        credits, self._credits = self._credits, []
        for stream in credits:
            if not (stream.closed or stream.whole):
                parts.append(_window_update(stream.named, stream.given))
                stream.left += stream.given
            stream.given = 0

    def _take_heads(self, parts: list[bytes]) -> None:
        heads, self._heads = self._heads, []
        for each in heads:
            stream = each.stream
            if stream.closed:
                continue
            block = self._encoder.write(each.fields, each.group)
            parts.append(headers_frames(block, END_STREAM if each.ended else 0, stream.named))
            if each.ended:
                self._finish(stream)

    def _take_bodies(self, parts: list[bytes], most: int) -> None:
        while self._ready:
            turn, self._ready = self._ready, []
            for at in range(len(turn)):
                if most <= 0:
                    self._ready = turn[at:] + self._ready
                    return
                stream = turn[at]
                if not stream.closed:
                    most -= self._take_piece(stream, parts)

    def _take_piece(self, stream: Http2Stream, parts: list[bytes]) -> int:
        """One frame of a stream; behind the last one also its trailers."""
        size = stream.queued
        if size:
            if size > FRAME_SIZE:
                size = FRAME_SIZE
            if size > stream.window or size > self._window:
                size = min(stream.window, self._window)
                if size <= 0:
                    self._stall(stream)
                    return 0
            data = stream.piece(size)
            stream.window -= size
            self._window -= size
            self._waiting -= size
            last = stream.ending and not stream.queued and stream.trailers is None
            parts.append(begun(size, DATA, END_STREAM if last else 0))
            parts.append(stream.named)
            parts.append(data)
            if stream.queued:
                self._ready.append(stream)
                return size
        elif stream.ending and stream.trailers is None:
            parts.append(begun(0, DATA, END_STREAM))
            parts.append(stream.named)
        stream.ready = False
        if stream.ending:
            if stream.trailers is not None:
                block = self._encoder.write(stream.trailers, stream.group)
                parts.append(headers_frames(block, END_STREAM, stream.named))
            self._finish(stream)
        return size

    def _stall(self, stream: Http2Stream) -> None:
        """A window is closed: that of the stream, or of the connection."""
        if stream.window > 0:
            self._starve(stream)
        else:
            stream.ready = False

    def _starve(self, stream: Http2Stream) -> None:
        """The window of the connection is closed. Streams that are over are not kept until it opens."""
        self._starved.append(stream)
        if len(self._starved) > 2 * len(self._streams) + FEW_STARVED:
            self._starved = [each for each in self._starved if not each.closed]

    def _finish(self, stream: Http2Stream) -> None:
        """Our side of a stream has ended."""
        stream.done = stream.ending = True
        if stream.whole:
            self._drop(stream)
            self._closing.append((stream.number, NO_ERROR))

    # windows of the peer

    def _widen(self, stream: Http2Stream, count: int) -> bool:
        """The peer takes more, or less, of a stream. False: its window is none any more."""
        stream.window += count
        if stream.queued and not stream.ready and stream.window > 0:
            self._queue(stream)
        return stream.window < 2**31

    def _widen_all(self, count: int) -> bool:
        """The same of the connection."""
        self._window += count
        if self._starved and self._window > 0:
            self._ready += self._starved
            self._starved = []
        return self._window < 2**31


def _window_update(named: bytes, count: int) -> bytes:
    return begun(4, WINDOW_UPDATE, 0) + named + count.to_bytes(4, "big")
