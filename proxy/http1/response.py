"""The reader of answers of a model server. Answers are not trusted: a doubtful one fails the leg.

1. A body ends by chunks, by Content-Length, or by the end of the connection (RFC 9112 §6.3); HEAD, 204, 304 have none.
2. Transfer-Encoding beside Content-Length, or other than `chunked`, is malformed: no guessing (RFC 9112 §6.1).
3. Interim answers (1xx) are read over; 101 only where it was asked for.
4. An answer before the request has ended is passed on, but the connection is not used again.
5. Bytes after the answer: the connection is not used again.
6. Trailers are handed over apart from the head, and only where each of them may go on (`fields.forwardable`).

An answer that arrives whole, with a head that was admitted before, is not parsed again (`memo`).
"""

from __future__ import annotations

from typing import Any, Final

import httptools

from proxy.contracts import message
from proxy.contracts.compiler import mypyc_attr
from proxy.http1 import memo
from proxy.http1.fields import RESPONSE_SPECIAL, content_length, forwardable, joined, tokens, without

MAX_HEAD: Final = 64 * 1024
"""Bytes of a response head, interim heads included."""

MAX_FIELDS: Final = 256
"""Fields of a response head."""


class ResponseError(Exception):
    """An answer that cannot be trusted; the text names the rule that it broke."""


class Http1ResponseHead(message.ResponseHead):
    """The head of an HTTP/1.1 answer: a neutral head, and the words of its framing.

    - `reason`: the phrase of the status line
    - `chunked`: the body comes in chunks; where it does not and `length` is None, the connection's end is the body's
    - `keep_alive`: the connection may be used again
    - `rendered`: what `write` has made of this head, by (chunked, last of its connection, version field)
    """

    __slots__ = ("chunked", "keep_alive", "reason", "rendered")

    def __init__(self, status: int, fields: bytes = b"", reason: bytes = b"") -> None:
        super().__init__(status, fields)
        self.reason = reason
        self.chunked = False
        self.keep_alive = True
        self.rendered: dict[tuple[bool, bool, bytes], bytes] = {}


_MEMO: memo.HeadMemo[bytes, Http1ResponseHead] = memo.HeadMemo()


@mypyc_attr(allow_interpreted_subclasses=True)
class ResponseReader:
    """Base of an upstream connection. Call `expect` before each request is sent; feed bytes; the hooks are called in
    order: `response_head`, `response_body` for each piece, `response_end`. `feed` and `end_of_stream` raise
    ResponseError, after which nothing more is read."""

    __slots__ = (
        "_ended",
        "_error",
        "_head",
        "_head_bytes",
        "_lines",
        "_no_body",
        "_parser",
        "_phrase",
        "_special",
        "_trailers",
        "_upgrade",
    )

    def __init__(self) -> None:
        self._parser: Any = httptools.HttpResponseParser(self)
        self._head: Http1ResponseHead | None = None
        self._head_bytes = 0
        self._no_body = self._upgrade = self._ended = False
        self._error: ResponseError | None = None
        self._clear()

    def _clear(self) -> None:
        self._phrase = b""
        self._lines: list[bytes] = []
        self._special: list[tuple[bytes, bytes]] = []
        self._trailers: list[bytes] = []

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
        if self._no_body:
            # llhttp does not know that this was the answer to a HEAD and still waits for the body.
            self._parser = httptools.HttpResponseParser(self)
        self._no_body, self._upgrade = no_body, upgrade
        self._head, self._ended = None, False
        self._head_bytes = 0

    def untouched(self) -> bool:
        """True while not one byte of an answer was received."""
        return self._head is None and not self._head_bytes

    def feed(self, data: bytes) -> None:
        """Reads `data`. Raises ResponseError."""
        if self._head is not None or self._head_bytes or self._no_body:
            self._parse(data)
            return
        end = data.find(b"\r\n\r\n") + 4
        if not 4 < end <= memo.MAX_HEAD_BYTES:
            self._parse(data)
            return
        raw = data[:end]
        head = _MEMO.get(raw)
        if head is None or head.length != len(data) - end:
            self._parse(data)
            self._remember(raw, len(data) - end)
            return
        self._head = head
        self.response_head(head)
        if head.length:
            self.response_body(data[end:])
        self._end()

    def _remember(self, raw: bytes, length: int) -> None:
        head = self._head
        # Only of an answer that has ended is it sure that `raw` is its head, and not an interim one before it.
        if self._ended and head is not None and head.length == length and _plain(head):
            _MEMO.put(raw, head)

    def _parse(self, data: bytes) -> None:
        self._head_bytes += len(data)  # since the head began, or since the last piece of the body
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgraded(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            raise self._error or ResponseError(str(error)) from error
        if self._head_bytes > MAX_HEAD and not self._ended and not (self._head and self._head.tunnel):
            raise ResponseError(f"a head, chunk extension or trailer section is larger than {MAX_HEAD} bytes")

    def end_of_stream(self) -> None:
        """The connection has ended. Ends a body that is delimited by it; otherwise raises ResponseError."""
        head = self._head
        if head is None or head.chunked or head.length is not None or head.bodiless:  # RFC 9112 §8
            raise ResponseError("the connection ended before the answer was complete")
        self._end()

    def _upgraded(self, rest: bytes) -> None:
        if self._head is None or not self._head.tunnel:  # RFC 9110 §15.2.2
            raise ResponseError("an upgrade that was not asked for")
        if rest:
            self.response_body(rest)

    def _fail(self, text: str) -> ResponseError:
        self._error = ResponseError(text)
        return self._error

    # llhttp's callbacks

    def on_message_begin(self) -> None:
        if self._head is not None:
            raise self._fail("bytes after the answer")
        self._clear()

    def on_status(self, phrase: bytes) -> None:
        self._phrase += phrase

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head is not None:
            self._trailers.append(name + b": " + value)
            return
        lower = name.lower()
        if lower in RESPONSE_SPECIAL:
            self._special.append((lower, value))
        else:
            self._lines.append(name + b": " + value)

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200 and not (status == 101 and self._upgrade):
            if status == 101:  # RFC 9110 §15.2.2
                raise self._fail("an upgrade that was not asked for")
            return
        self._head = head = self._read_head(status)
        self.response_head(head)
        if self._no_body:
            self._end()

    def on_body(self, data: bytes) -> None:
        if self._head is None or self._head.bodiless:  # RFC 9112 §6.3
            raise self._fail("a body where none may be")
        self._head_bytes = 0
        self.response_body(data)

    def on_message_complete(self) -> None:
        if self._head is None or self._head.tunnel:
            return
        if self._trailers and not self._ended and (fields := forwardable(self._trailers)):
            self.response_trailers(fields)
        self._end()

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self.response_end()

    def _read_head(self, status: int) -> Http1ResponseHead:
        head = Http1ResponseHead(status, b"", self._phrase)
        head.bodiless = self._no_body or status in (204, 304)
        head.keep_alive = self._parser.should_keep_alive()
        head.tunnel = status == 101
        self._take_special(head)
        if status == 204:
            head.length, head.chunked = None, False  # RFC 9110 §8.6: neither may stand with a 204
        fields = joined(self._lines)
        if fields is None or len(self._lines) > MAX_FIELDS or len(fields) > MAX_HEAD:  # RFC 9110 §5.4, §5.5
            raise self._fail("the head is too large or holds a control character")
        head.fields = fields
        return head

    def _take_special(self, head: Http1ResponseHead) -> None:
        named: list[bytes] = []
        for name, value in self._special:
            if name == b"content-length":
                length = content_length(value)
                if (
                    length is None or (head.length is not None and head.length != length) or head.chunked
                ):  # RFC 9112 §6.3
                    raise self._fail("Content-Length is repeated, not a number, or beside Transfer-Encoding")
                head.length = length
            elif name == b"transfer-encoding":
                if value.lower() != b"chunked" or head.chunked or head.length is not None:  # RFC 9112 §6.1
                    raise self._fail("Transfer-Encoding is not `chunked` alone")
                head.chunked = True
            elif name == b"connection":
                named += tokens(value)
            elif name == b"x-request-id":
                head.request_id = value
                self._lines.append(b"x-request-id: " + value)
        if len(named) > 1 or (named and named[0] not in (b"keep-alive", b"close", b"upgrade")):
            self._lines = without(self._lines, named)


def _plain(head: Http1ResponseHead) -> bool:
    return not (head.bodiless or head.request_id)
