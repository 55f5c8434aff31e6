"""The reader of answers of a model server. Answers are not trusted: a doubtful one fails the leg.

The grammar of heads is llhttp's in its strict mode; it is given heads alone, bodies are read here and in `chunks`.

1. A body ends by chunks, by Content-Length, or by the end of the connection (RFC 9112 §6.3); HEAD, 204, 304 have none.
2. Transfer-Encoding beside Content-Length, or other than `chunked`, is malformed: no guessing (RFC 9112 §6.1).
3. Interim answers (1xx) are read over; 101 only where it was asked for.
4. An answer before the request has ended is passed on, but the connection is not used again.
5. Bytes after the answer: the connection is not used again.
6. No bare CR, no control character in the reason phrase, nothing before the status line.
7. Trailers are handed over apart from the head, and only where each of them may go on (`fields.forwardable`).

A head that arrives whole, before its body or with some of it, and was admitted before, is not parsed again (`memo`).
"""

from __future__ import annotations

from typing import Any, Final

import httptools

from proxy.contracts import message
from proxy.contracts.compiler import mypyc_attr
from proxy.contracts.field_rules import RESPONSE_SPECIAL, content_length
from proxy.http1 import memo
from proxy.http1.chunks import ChunkError, ChunkReader
from proxy.http1.fields import block, forwardable, head_is_clean, tokens, without
from proxy.http1.rendered import Rendered
from proxy.http1.shape import Shape, Shapes

MAX_HEAD: Final = 64 * 1024
"""Bytes of a response head, interim heads included."""

MAX_FIELDS: Final = 256
"""Fields of a response head."""

_HEAD_END: Final = b"\r\n\r\n"
_HTTP10: Final = b"HTTP/1.0 "
_LINE_STARTS: Final = frozenset((b"HTTP/1.1 ", _HTTP10))


class ResponseError(Exception):
    """An answer that cannot be trusted; the text names the rule that it broke."""


class Http1ResponseHead(message.ResponseHead):
    """The head of an HTTP/1.1 answer: a neutral head, and the words of its framing.

    - `reason`: the phrase of the status line
    - `chunked`: the body comes in chunks; where it does not and `length` is None, the connection's end is the body's
    - `keep_alive`: the connection may be used again
    - `shape`: what it has in common with others, once it is remembered
    - `rendered`: what `write` has made of this head, by (chunked, last of its connection, version field)
    """

    __slots__ = ("chunked", "keep_alive", "reason", "rendered", "shape")

    def __init__(self, status: int, fields: bytes = b"", reason: bytes = b"") -> None:
        super().__init__(status, fields)
        self.reason = reason
        self.chunked = False
        self.keep_alive = True
        self.shape: Shape[Http1ResponseHead] | None = None
        self.rendered: Rendered | None = None

    def changed(self, fields: bytes, length: int | None) -> Http1ResponseHead:
        """The same head with other fields, and another length of its body."""
        head = Http1ResponseHead(self.status, fields, self.reason)
        head.length, head.request_id = length, self.request_id
        head.bodiless, head.tunnel = self.bodiless, self.tunnel
        return head


_MEMO: Final[memo.HeadMemo[bytes, Http1ResponseHead]] = memo.HeadMemo()
_SHAPES: Final[Shapes[Http1ResponseHead]] = Shapes()


@mypyc_attr(allow_interpreted_subclasses=True)
class ResponseReader:
    """Base of an upstream connection. Call `expect` before each request is sent; feed bytes; the hooks are called in
    order: `response_head`, `response_body` for each piece, `response_end`. `feed` and `end_of_stream` raise
    ResponseError, after which nothing more is read."""

    __slots__ = (
        "_chunks",
        "_ended",
        "_head",
        "_head_bytes",
        "_left",
        "_lines",
        "_no_body",
        "_parser",
        "_phrase",
        "_raw",
        "_special",
        "_status",
        "_upgrade",
        "_usual",
    )

    def __init__(self) -> None:
        self._parser: Any = None
        self._head: Http1ResponseHead | None = None
        self._usual: Shape[Http1ResponseHead] | None = None
        self._head_bytes = 0  # of interim heads, too
        self._no_body = self._upgrade = self._ended = False
        self._chunks: ChunkReader | None = None
        self._left = 0
        self._begin()

    def _begin(self) -> None:
        self._raw = self._phrase = b""
        self._lines: list[bytes] = []
        self._special: list[tuple[bytes, bytes]] = []
        self._status = 0  # until llhttp has read a whole head

    def release(self) -> None:
        """Ends the reader: no more bytes come. Parser and reader refer to each other; this lets both go at once."""
        self._parser = None

    def response_head(self, head: Http1ResponseHead) -> None:
        """The answer's head."""
        raise NotImplementedError

    def response_body(self, data: bytes) -> None:
        """A piece of the answer's body."""
        raise NotImplementedError

    def response_trailers(self, fields: bytes) -> None:
        """Fields that came after the body, as a block. Nothing is done with them unless this is overridden."""

    def response_end(self) -> None:
        """The end of the answer."""
        raise NotImplementedError

    def expect(self, no_body: bool, upgrade: bool = False) -> None:
        """A request is about to be sent. `no_body`: it is a HEAD; `upgrade`: 101 is a possible answer."""
        self._no_body, self._upgrade = no_body, upgrade
        self._head, self._ended, self._chunks = None, False, None
        self._head_bytes = 0
        if self._raw:
            self._parser = None
            self._begin()

    def nothing_read(self) -> bool:
        """True while not one byte of an answer was received."""
        return self._head is None and not self._head_bytes

    def feed(self, data: bytes) -> None:
        """Reads `data`. Raises ResponseError."""
        if self._head is not None or self._head_bytes or self._no_body:
            self._parse(data)
            return
        usual = self._usual
        head, end = (None, 0) if usual is None else usual.head_of(data)
        if head is None:
            end = data.find(_HEAD_END) + 4
            if not 4 < end <= memo.MAX_HEAD_BYTES:
                self._parse(data)
                return
            raw = data[:end]
            head = _MEMO.get(raw)
            if head is None:
                self._parse(data)
                self._remember(raw, len(data) - end)
                return
            self._usual = head.shape
        length = head.length  # compiled, a number and what may be none are compared by a call
        left = -1 if length is None else length - len(data) + end
        if left < 0:
            self._parse(data)
            return
        self._head = head
        if left:
            self._left, self._parser = left, None  # a parser would wait for a head
        self.response_head(head)
        if len(data) > end:
            self.response_body(data[end:])
        if not left:
            self._end()

    def _remember(self, raw: bytes, length: int) -> None:
        head = self._head
        if head is None or head.length is None:
            return
        # Where all that follows is of its body it is sure that `raw` is its head, and not an interim one before it.
        if head.length - self._left == length and _plain(head):
            head.shape = _SHAPES.shape_of(raw, head)
            _MEMO.put(raw, head)

    def _parse(self, data: bytes) -> None:
        at, end = 0, len(data)
        while at < end:
            if self._ended:
                raise ResponseError("bytes after the answer")
            head = self._head
            if head is None:
                at = self._read_head(data, at)
            elif self._chunks is not None:
                at = self._read_chunks(data, at, self._chunks)
            elif head.length is not None:
                at = self._read_length(data, at)
            else:
                self.response_body(data[at:] if at else data)
                return

    # the head

    def _read_head(self, data: bytes, at: int) -> int:
        had = len(self._raw)
        if had:
            raw = self._raw + data[at:]
            stop = raw.find(_HEAD_END, max(had - 3, 0)) + 4
            self._raw = raw if stop < 4 else raw[:stop]
        else:
            stop = data.find(_HEAD_END, at) + 4
            self._raw = data[at:] if stop < 4 else data[at:stop]
        self._parse_head(self._raw[had:])
        if stop < 4:
            return len(data)
        at += len(self._raw) - had
        self._take_head()
        return at

    def _parse_head(self, piece: bytes) -> None:
        if self._parser is None:
            self._parser = httptools.HttpResponseParser(self)
        self._head_bytes += len(piece)
        if self._raw[:1] != b"H":  # llhttp reads over empty lines
            raise ResponseError("the status line is not valid")
        try:
            self._parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            self._parser = None  # it takes what follows for another protocol
        except httptools.HttpParserError as error:
            if not self._status:
                raise ResponseError(str(error)) from error
            self._parser = None  # it does not like the framing, which is judged here
        if self._head_bytes > MAX_HEAD:
            raise ResponseError(f"the head is larger than {MAX_HEAD} bytes")

    def _take_head(self) -> None:
        status = self._status
        if not status:
            raise ResponseError("the head is not valid")
        if self._raw[:9] not in _LINE_STARTS or self._raw[9:10] == b" ":  # RFC 9112 §4; llhttp lets others pass
            raise ResponseError("the status line is not valid")
        if not head_is_clean(self._raw):  # RFC 9112 §2.2, RFC 9110 §5.5
            raise ResponseError("the head holds a control character, or a CR or LF alone")
        if status < 200 and not (status == 101 and self._upgrade):
            if status == 101:  # RFC 9110 §15.2.2
                raise ResponseError("an upgrade that was not asked for")
            self._parser = None
            self._begin()
            return
        head = self._read_special(status)
        if self._no_body or head.length is None or not head.keep_alive:
            self._parser = None  # it waits for a body that it will not see
        self._begin()
        self._head = head
        if head.chunked and not head.bodiless:
            self._chunks = ChunkReader()
        self._left = head.length or 0
        self.response_head(head)
        if head.bodiless or (head.length == 0 and not head.tunnel):
            self._end()

    # the body

    def _read_length(self, data: bytes, at: int) -> int:
        stop = min(at + self._left, len(data))
        piece = data[at:stop] if at or stop < len(data) else data  # compiled, a slice is a copy, of the whole too
        self._left -= stop - at
        if self._parser is not None:
            self._parser.feed_data(piece)  # only so that it is ready for the next head: cheaper than a new one
        self.response_body(piece)
        if not self._left:
            self._end()
        return stop

    def _read_chunks(self, data: bytes, at: int, chunks: ChunkReader) -> int:
        pieces: list[bytes] = []
        try:
            at = chunks.read(data, at, pieces)
        except ChunkError as error:
            raise ResponseError(str(error)) from error
        for piece in pieces:
            self.response_body(piece)
        if chunks.done:
            if chunks.trailers and (fields := forwardable(chunks.trailers)):
                self.response_trailers(fields)
            self._end()
        return at

    def end_of_stream(self) -> None:
        """The connection has ended. Ends a body that is delimited by it; otherwise raises ResponseError."""
        head = self._head
        if head is None or head.chunked or head.length is not None or head.bodiless:  # RFC 9112 §8
            raise ResponseError("the connection ended before the answer was complete")
        self._end()

    # llhttp's callbacks

    def on_status(self, phrase: bytes) -> None:
        self._phrase += phrase

    def on_header(self, name: bytes, value: bytes) -> None:
        value = value.strip(b" \t")  # RFC 9110 §5.5
        lower = name.lower()
        if lower in RESPONSE_SPECIAL:
            self._special.append((lower, value))
        else:
            self._lines.append(name + b": " + value)

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()

    # what is admitted

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._chunks = None
            self.response_end()

    def _read_special(self, status: int) -> Http1ResponseHead:
        head = Http1ResponseHead(status, b"", self._phrase)
        head.bodiless = self._no_body or status in (204, 304)
        head.tunnel = status == 101
        self._take_special(head)
        if status == 204:
            head.length, head.chunked = None, False  # RFC 9110 §8.6: neither may stand with a 204
        if len(self._lines) > MAX_FIELDS:  # RFC 9110 §5.4
            raise ResponseError(f"the head has more than {MAX_FIELDS} fields")
        head.fields = block(self._lines)
        return head

    def _take_special(self, head: Http1ResponseHead) -> None:
        named: list[bytes] = []
        for name, value in self._special:
            if name == b"content-length":
                length = content_length(value)
                if (
                    length is None or (head.length is not None and head.length != length) or head.chunked
                ):  # RFC 9112 §6.3
                    raise ResponseError("Content-Length is repeated, not a number, or beside Transfer-Encoding")
                head.length = length
            elif name == b"transfer-encoding":
                if value.lower() != b"chunked" or head.chunked or head.length is not None:  # RFC 9112 §6.1
                    raise ResponseError("Transfer-Encoding is not `chunked` alone")
                head.chunked = True
            elif name == b"connection":
                named += tokens(value)
            elif name == b"x-request-id":
                head.request_id = value
                self._lines.append(b"x-request-id: " + value)
        ends = head.bodiless or head.chunked or head.length is not None
        http10 = self._raw[:9] == _HTTP10
        head.keep_alive = ends and b"close" not in named and (not http10 or b"keep-alive" in named)  # RFC 9112 §9.3
        if len(named) > 1 or (named and named[0] not in (b"keep-alive", b"close", b"upgrade")):
            self._lines = without(self._lines, named)


def _plain(head: Http1ResponseHead) -> bool:
    return not (head.bodiless or head.request_id or head.tunnel)


def forget() -> None:
    """Forgets all heads, as a process does that has just begun."""
    _MEMO.clear()
    _SHAPES.clear()
