"""One HTTP/2 connection, as client or as server: bytes in, hooks called; calls in, bytes out (RFC 9113).

1. Windows are given back when bytes have been passed on (`credit`), not when they were read: a client that does not
   read stops its own stream. What a stream still owes when it ends is credited to its connection.
2. `room` says how many more requests there may be: nothing waits here for the peer's limit of streams.
3. Only a stream that the peer refused, or that its GOAWAY left out, was not processed for sure (`unprocessed`).
4. Resets that a peer makes us send count as its own do.
5. Beyond a few pieces that were read together, those of one body are one: each is an object, however small it is.
6. What breaks a rule of RFC 9113 §8 ends its stream alone, and is not handed over.
7. Nothing is kept of streams that are over: what comes on one of them is thrown away, and its window given back.

Header fields are pairs of name and value, names in lower case, pseudo-fields first.
"""

from __future__ import annotations

from typing import Final

from proxy.contracts.compiler import mypyc_attr
from proxy.http2.bounds import HARD, MAX_STREAM_ID, Http2Bounds
from proxy.http2.codes import (
    BEHIND_END,
    COMPRESSION_ERROR,
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    MALFORMED_HEAD,
    MALFORMED_TRAILERS,
    NO_ERROR,
    NO_HEAD,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    STREAM_CLOSED,
    TOO_MUCH,
    WRONG_LENGTH,
    Http2Error,
)
from proxy.http2.fields import FieldGroup, FieldList
from proxy.http2.frames import END_STREAM
from proxy.http2.hpack_reader import HeaderBlock, HpackError, HpackReader, ListTooLarge
from proxy.http2.inbound import ON_ITSELF, Http2Inbound
from proxy.http2.outbound import AT_ONCE
from proxy.http2.stream import Http2Stream, Waiting

FEW: Final = 16
"""Pieces of bodies that are handed over as they came, of what was read together."""

_BODILESS: Final = (204, 304)
"""Statuses whose answers have no body, whatever length they tell; those to HEAD have none either."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Http2Engine(Http2Inbound):
    """Base of a connection. `feed` it bytes, and send what `take` gives after each feed and each batch of calls.

    - `heading`: the block of the head, or of the trailers, that is being handed over
    """

    __slots__ = ("_decoder", "_gathered", "_pieces", "heading")

    def __init__(self, client: bool, bounds: Http2Bounds) -> None:
        super().__init__(client, bounds)
        # A server's connection carries calls of many clients, and what a block can cost is bounded by its frames.
        self._decoder = HpackReader(bounds.fields * HARD, bounds.head * HARD, client)
        self._gathered: dict[int, list[bytes]] = {}
        self._pieces = 0
        self.heading = HeaderBlock()

    # bytes

    def feed(self, data: bytes, now: float) -> None:
        """Reads `data` and calls the hooks. Raises Http2Error, after which nothing more is read."""
        self._forgive(now)
        self._pieces = 0
        try:
            self._read(data)
        except HpackError as unreadable:
            raise Http2Error(COMPRESSION_ERROR, str(unreadable)) from unreadable
        except ListTooLarge as large:
            raise Http2Error(ENHANCE_YOUR_CALM, str(large)) from large
        finally:
            if self._gathered:
                self._hand_over_all()

    def _hand_over_all(self) -> None:
        while self._gathered:
            self._hand_over_gathered(next(iter(self._gathered)))

    def _hand_over_gathered(self, stream: int) -> None:
        pieces = self._gathered.pop(stream, None)
        if pieces is not None:
            self.stream_data(stream, b"".join(pieces), False)

    # calls

    def request(self, fields: FieldList, ended: bool, group: FieldGroup | None = None) -> int:
        """Queues a request's head: `group`, and `fields` behind it. Returns the number of its stream. Only while
        `room`. Raises Http2Error where the connection takes none any more."""
        if self._dead or self._told or self._left_us or self._last >= MAX_STREAM_ID - 1:
            raise Http2Error(REFUSED_STREAM, "the connection takes no further stream")
        number = self._last = self._last + (2 if self._last else 1)
        stream = self._streams[number] = Http2Stream(number, self._window_of_streams)
        stream.begun, stream.ending = True, ended
        first = fields if group is None else group.fields
        stream.bare = bool(first) and first[0][1] == b"HEAD"
        self.open.add(number)
        self._heads.append(Waiting(stream, fields, ended, group))
        return number

    # states

    def room(self) -> int:
        """How many more streams may be opened now."""
        if self._dead or self._told or self._left_us:
            return 0
        return max(min(self._allowed, self._bounds.streams) - len(self.open), 0)

    def has_ended(self) -> bool:
        """True when nothing more is to be read or written."""
        if self._dead:
            return True  # what came could not be read, and nothing more will be
        over = (self._told or self._left_us) and not self._terminated
        return over and not (self._streams or self._control or self._heads)

    # hooks

    def stream_head(self, stream: int, fields: tuple[tuple[bytes, bytes], ...], ended: bool) -> None:
        """The head of a request or of an answer. `ended`: there is nothing behind it."""
        raise NotImplementedError

    def stream_data(self, stream: int, data: bytes, ended: bool) -> None:
        """A piece of a body, perhaps empty; it is to be credited."""
        raise NotImplementedError

    def stream_trailers(self, stream: int, fields: tuple[tuple[bytes, bytes], ...]) -> None:
        """The fields after a body; it has ended."""
        raise NotImplementedError

    def stream_closed(self, stream: int, code: int, unprocessed: bool) -> None:
        """A stream is over: with `NO_ERROR` both sides have ended, otherwise one has reset it. `unprocessed`: for sure
        the peer has done nothing of it."""
        raise NotImplementedError

    def stream_broken(self, stream: int, rule: str) -> None:
        """A stream ends because the peer has broken a rule in it, and was reset: `rule` says which. Its end is told as
        that of any other one, behind this. What is said of it now goes nowhere."""

    def stream_refused(self, stream: int, code: int) -> None:
        """A stream ended before its head was one: it broke a rule of RFC 9113 §8, or a bound."""

    def going_away(self, last: int, code: int) -> None:
        """The peer takes no further stream; those above `last` it will not answer."""

    # ends of streams

    def _hand_over(self) -> None:
        while self._closing:
            closing, self._closing = self._closing, []
            for number, code in closing:
                self._tell_end(number, code)

    def _tell_end(self, number: int, code: int) -> None:
        if number in self.open:
            self.open.discard(number)
            self.stream_closed(number, code, self._client and code == REFUSED_STREAM)
        else:
            self.stream_refused(number, code)

    def _close(self, stream: Http2Stream, code: int) -> None:
        """A stream is over as of now."""
        if self._gathered:
            self._hand_over_gathered(stream.number)
        if not stream.closed:
            self._drop(stream)
            self._tell_end(stream.number, code)

    def _break(self, stream: Http2Stream, code: int, rule: str) -> None:
        """A stream breaks a rule."""
        if self._gathered:
            self._hand_over_gathered(stream.number)
        if not stream.closed:
            self._reset(stream, code)
            self.stream_broken(stream.number, rule)
            self._count_broken(code)

    def _peer_reset(self, number: int, code: int) -> None:
        stream = self._streams.get(number)
        if stream is None:
            self._check_known(number)
        else:
            self._close(stream, code)
            self._forget_closed()
        self._count_reset()

    def _peer_leaves(self, last: int, code: int) -> None:
        self.going_away(last, code)
        if not self._client:
            return
        for stream in list(self._streams.values()):
            if stream.number > last or not self._was_taken(stream):
                self._close(stream, REFUSED_STREAM)

    # bodies

    def _begin_body(self, number: int, length: int, flags: int, data: bytes, size: int) -> None:
        if not number:
            raise Http2Error(PROTOCOL_ERROR, "a body has no stream")
        self._left -= length
        if self._left < 0:
            raise Http2Error(FLOW_CONTROL_ERROR, "more has come than the window of the connection")
        stream = self._streams.get(number)
        if stream is None or stream.whole:
            self._give_back(length - size + len(data))
            if stream is None:
                self._check_known(number)
                if not length:
                    self._glitch()
            else:
                self._break(stream, STREAM_CLOSED, BEHIND_END)
            return
        stream.left -= length
        if not stream.heard or stream.left < 0:
            self._give_back(length - size + len(data))
            if stream.heard:
                self._break(stream, FLOW_CONTROL_ERROR, TOO_MUCH)
            else:
                self._break(stream, PROTOCOL_ERROR, NO_HEAD)
            return
        if length != size:
            self._return_padding(stream, length - size)
        ended = bool(flags & END_STREAM)
        stream.came += size
        if stream.announced >= 0 and (stream.came > stream.announced or (ended and stream.came != stream.announced)):
            self._give_back(len(data))
            self._break(stream, PROTOCOL_ERROR, WRONG_LENGTH)
        elif len(data) == size:
            self._pass_on(stream, data, ended)
        elif data:
            self._pass_on(stream, data, False)

    def _more_of_body(self, data: bytes) -> None:
        self._body_left -= len(data)
        stream = self._streams.get(self._body_of)
        if stream is None:
            self._give_back(len(data))
        else:
            self._pass_on(stream, data, not self._body_left and bool(self._body_flags & END_STREAM))

    def _return_padding(self, stream: Http2Stream, count: int) -> None:
        """Nobody passes padding on."""
        self._give_back(count)
        stream.padding += count
        if stream.padding >= AT_ONCE:
            self._open_window(stream, stream.padding)
            stream.padding = 0

    def _pass_on(self, stream: Http2Stream, data: bytes, ended: bool) -> None:
        number = stream.number
        if not (data or ended):
            self._glitch()
            return
        stream.owed += len(data)
        self._pieces += 1
        if self._pieces > FEW:
            if not ended:
                self._gathered.setdefault(number, []).append(data)
                return
            self._hand_over_gathered(number)
        stream.whole = ended
        self.stream_data(number, data, ended)
        if ended and stream.done:
            self._close(stream, NO_ERROR)

    # heads

    def _block_came(self, number: int, flags: int, data: bytes) -> None:
        block = self.heading = self._decoder.read(data)
        stream = self._streams.get(number)
        ended = bool(flags & END_STREAM)
        if stream is None:
            if self._client or number <= self._last:
                self._check_known(number)
                self._glitch()
            else:
                self._request_came(number, flags, block, ended)
        elif stream.whole:
            self._break(stream, STREAM_CLOSED, BEHIND_END)
        elif not stream.heard:
            self._response_came(stream, block, ended)
        else:
            self._trailers_came(stream, block, ended)

    def _check_known(self, number: int) -> None:
        if self._client or not self._told or not number & 1:
            super()._check_known(number)  # otherwise it may be one that our GOAWAY has left out (RFC 9113 §6.8)

    def _request_came(self, number: int, flags: int, block: HeaderBlock, ended: bool) -> None:
        if not number & 1:
            raise Http2Error(PROTOCOL_ERROR, "a client opens a stream that is not its own")
        if self._told:
            return  # the peer knows that it is not taken
        self._last = number
        if len(self.open) >= self._bounds.streams:
            self._say_reset(number, REFUSED_STREAM)
            self._count_broken(REFUSED_STREAM)
            return
        if flags & ON_ITSELF or not block.is_request() or (ended and block.length > 0):
            self._say_reset(number, PROTOCOL_ERROR)
            self._closing.append((number, PROTOCOL_ERROR))
            self._count_broken(PROTOCOL_ERROR)
            return
        stream = self._streams[number] = Http2Stream(number, self._window_of_streams)
        stream.heard, stream.whole, stream.announced = True, ended, block.length
        self.open.add(number)
        self.stream_head(number, block.fields, ended)

    def _response_came(self, stream: Http2Stream, block: HeaderBlock, ended: bool) -> None:
        status = block.status
        final = status >= 200
        if not block.is_response() or status == 101 or (ended and not final):
            self._break(stream, PROTOCOL_ERROR, MALFORMED_HEAD)
            return
        if not final:
            self._glitch()
            return
        stream.announced = 0 if stream.bare or status in _BODILESS else block.length
        if ended and stream.announced > 0:
            self._break(stream, PROTOCOL_ERROR, WRONG_LENGTH)
            return
        stream.heard, stream.whole = True, ended
        self.stream_head(stream.number, block.fields, ended)
        if ended and stream.done:
            self._close(stream, NO_ERROR)

    def _trailers_came(self, stream: Http2Stream, block: HeaderBlock, ended: bool) -> None:
        short = stream.announced >= 0 and stream.came != stream.announced
        if not ended or short or not block.is_trailers():
            self._break(stream, PROTOCOL_ERROR, WRONG_LENGTH if short else MALFORMED_TRAILERS)
            return
        if self._gathered:
            self._hand_over_gathered(stream.number)
        stream.whole = True
        self.stream_trailers(stream.number, block.fields)
        if stream.done:
            self._close(stream, NO_ERROR)
