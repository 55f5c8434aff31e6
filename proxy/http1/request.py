"""The reader of requests: a head, its body, the next head of the same connection. A doubtful request is refused.

The grammar of heads is llhttp's in its strict mode (no obs-fold, no space before a colon, no repeated or signed
Content-Length); it is given heads alone, so that where they begin and end is known here, and `request_rules` has what
it leaves open. Bodies are read here and in `chunks`.

1. A few empty lines may come before a request line (RFC 9112 §2.2).
2. White space around a value is none of it (RFC 9110 §5.5).
3. Nothing is read after a request that closes its connection (RFC 9112 §9.6).
4. Trailers are handed over apart from the head, and only where each of them may go on (`fields.forwardable`).

A head that arrives whole, before its body or with some of it, and was admitted before (`memo`), or differs from such a
one only in values that decide nothing (`template`), is not parsed again.
"""

from __future__ import annotations

from typing import Any, Final

import httptools

from proxy.contracts.client_bounds import ClientBounds
from proxy.contracts.compiler import mypyc_attr
from proxy.contracts.field_rules import REQUEST_SPECIAL
from proxy.http1 import memo
from proxy.http1.chunks import ChunkError, ChunkReader
from proxy.http1.fields import forwardable
from proxy.http1.request_head import Http1RequestHead
from proxy.http1.request_rules import RequestError, admitted, refusal
from proxy.http1.shape import Shape, Shapes
from proxy.http1.template import Templates

USUAL: Final = ClientBounds()
"""How large a head may be where nothing is said."""

MAX_EMPTY_LINES: Final = 8
"""Empty lines before a request line. RFC 9112 §2.2 asks for one."""

_HEAD_END: Final = b"\r\n\r\n"
_CR: Final = 0x0D
_LF: Final = 0x0A


_MEMO: Final[memo.HeadMemo[bytes, Http1RequestHead]] = memo.HeadMemo()
_SHAPES: Final[Shapes[Http1RequestHead]] = Shapes()
_TEMPLATES: Final = Templates()


@mypyc_attr(allow_interpreted_subclasses=True)
class RequestReader:
    """Base of a client connection. Feed bytes; the hooks are called in order: `request_head`, `request_body` for each
    piece, `request_end`; then the next head. `feed` raises RequestError, after which nothing more is read."""

    __slots__ = (
        "_after_cr",
        "_between",
        "_bounds",
        "_chunks",
        "_closed",
        "_empty_lines",
        "_had",
        "_last",
        "_left",
        "_lines",
        "_method",
        "_parser",
        "_raw",
        "_special",
        "_target",
        "_usual",
        "_version",
    )

    def __init__(self, bounds: ClientBounds = USUAL) -> None:
        self._bounds = bounds
        self._parser: Any = None
        self._between = True  # the next byte is the first of a request
        self._closed = self._after_cr = False
        self._last: Http1RequestHead | None = None
        self._usual: Shape[Http1RequestHead] | None = None
        self._raw = b""
        self._had = 0  # bytes of a head that had come before the last read
        self._chunks: ChunkReader | None = None
        self._left = 0
        self._begin()

    def _begin(self) -> None:
        self._method = self._target = b""
        self._version = ""  # until llhttp has read a whole head
        self._lines: list[bytes] = []
        self._special: list[tuple[bytes, bytes]] = []
        self._empty_lines = 0

    def release(self) -> None:
        """Ends the reader: no more bytes come. Parser and reader refer to each other; this lets both go at once, and a
        head that has come in part."""
        self._parser, self._raw, self._lines = None, b"", []

    def request_head(self, head: Http1RequestHead) -> None:
        """A new request."""
        raise NotImplementedError

    def request_body(self, data: bytes) -> None:
        """A piece of the request's body."""
        raise NotImplementedError

    def request_trailers(self, fields: bytes) -> None:
        """Fields that came after the body, as a block. Nothing is done with them unless this is overridden."""

    def request_end(self) -> None:
        """The end of the request."""
        raise NotImplementedError

    @property
    def in_head(self) -> bool:
        """True while a head has begun and is not complete."""
        return len(self._raw) > 0

    @property
    def head_size(self) -> int:
        """Bytes of a head that is not complete."""
        return len(self._raw)

    def given_id(self) -> bytes:
        """The request id of a head that is not handed over, where it has come so far; else empty."""
        return next((value for name, value in self._special if name == b"x-request-id"), b"")

    def all_of(self, data: bytes) -> bytes:
        """The head under way, as far as it has come, and `data`, in which it was refused."""
        return self._raw[: self._had] + data

    def feed(self, data: bytes) -> None:
        """Reads `data`. Raises RequestError."""
        if not self._between:
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
            head = self._known(raw)
            if head is None:
                self._parse(data)
                head = self._last  # the first one, where what follows is of its body alone
                if head is not None and (head.length or 0) - self._left == len(data) - end:
                    self._remember(raw, head)
                return
        length = head.length
        left = (0 if length is None else length) - len(data) + end
        if left < 0:
            self._parse(data)
            return
        if not head.keep_alive:
            self._closed, self._between = True, False
        if left:
            self._left, self._between, self._parser = left, False, None  # a parser would wait for a head
        self.request_head(head)
        if len(data) > end:
            self.request_body(data[end:])
        if not left:
            self.request_end()

    def _known(self, raw: bytes) -> Http1RequestHead | None:
        head = _MEMO.get(raw)
        if head is not None:
            self._usual = head.shape
            return head
        head, common = _TEMPLATES.head_of(raw)
        if common and head is not None:
            _keep(raw, head)
        return head

    def _remember(self, raw: bytes, head: Http1RequestHead) -> None:
        if not (head.streamed or head.expects or head.tunnel):
            if not head.request_id:
                _keep(raw, head)
            _TEMPLATES.learn(raw, head)

    def _parse(self, data: bytes) -> None:
        self._between, self._last = False, None
        at, end = 0, len(data)
        while at < end:
            if self._left:
                at = self._read_length(data, at)
            elif self._chunks is not None:
                at = self._read_chunks(data, at, self._chunks)
            elif self._raw:
                at = self._read_more_of_head(data, at)
            else:
                at = self._read_head(data, at)
        self._between = not (self._raw or self._left or self._chunks or self._after_cr or self._closed)

    # heads

    def _read_head(self, data: bytes, at: int) -> int:
        at = self._skip_empty_lines(data, at)
        if at == len(data):
            return at
        if self._closed:
            raise RequestError("bad_request", "data after a request that closes the connection")
        stop = data.find(_HEAD_END, at)
        self._had = 0
        self._raw = data[at:] if stop < 0 else data[at : stop + 4]
        self._parse_head(self._raw)
        return self._admit(len(data) if stop < 0 else stop + 4, stop >= 0)

    def _read_more_of_head(self, data: bytes, at: int) -> int:
        had = self._had = len(self._raw)
        raw = self._raw + data[at:]
        stop = raw.find(_HEAD_END, max(had - 3, 0))
        self._raw = raw if stop < 0 else raw[: stop + 4]
        self._parse_head(self._raw[had:])
        return self._admit(len(data) if stop < 0 else at + stop + 4 - had, stop >= 0)

    def _skip_empty_lines(self, data: bytes, at: int) -> int:
        """The place of the first byte that is of no empty line (RFC 9112 §2.2)."""
        while at < len(data):
            byte = data[at]
            if self._after_cr != (byte == _LF):
                raise RequestError("bad_request", "a CR or LF alone before the request line")
            if byte != _CR and byte != _LF:
                break
            self._after_cr = byte == _CR
            self._empty_lines += self._after_cr
            if self._empty_lines > MAX_EMPTY_LINES:
                raise RequestError("bad_request", f"more than {MAX_EMPTY_LINES} empty lines before the request line")
            at += 1
        return at

    def _parse_head(self, piece: bytes) -> None:
        if self._parser is None:
            self._parser = httptools.HttpRequestParser(self)
        try:
            self._parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            self._parser = None  # it takes what follows for another protocol
        except httptools.HttpParserError as error:
            if not self._version:
                raise refusal(error, self._raw) from error
            self._parser = None  # it does not like the framing, which is judged here
        bounds = self._bounds
        if len(self._target) > bounds.target:  # RFC 9110 §15.5.15
            raise RequestError("uri_too_long", f"the target is longer than {bounds.target} bytes")
        if len(self._raw) > bounds.head:  # RFC 6585 §5
            raise RequestError("head_too_large", f"the head is larger than {bounds.head} bytes")

    def _admit(self, at: int, whole: bool) -> int:
        """Hands the head over, where it is whole. Returns `at`, the place where its body begins."""
        if not whole:
            return at
        if not self._version:
            raise refusal(ValueError("the head is not valid"), self._raw)
        most = self._bounds.fields
        head = admitted(self._raw, self._method, self._version, self._target, self._lines, self._special, most)
        self._last = head
        self._raw = b""
        self._left = head.length or 0
        if head.streamed:
            self._chunks = ChunkReader()
        if not head.keep_alive:
            self._closed = True
        if head.streamed or (self._parser is not None and not self._parser.should_keep_alive()):
            self._parser = None
        self._begin()
        self.request_head(head)
        if not (head.streamed or head.length):
            self.request_end()
        return at

    # bodies

    def _read_length(self, data: bytes, at: int) -> int:
        stop = min(at + self._left, len(data))
        piece = data[at:stop] if at or stop < len(data) else data  # compiled, a slice is a copy, of the whole too
        self._left -= stop - at
        if self._parser is not None:
            self._parser.feed_data(piece)  # only so that it is ready for the next head: cheaper than a new one
        self.request_body(piece)
        if not self._left:
            self.request_end()
        return stop

    def _read_chunks(self, data: bytes, at: int, chunks: ChunkReader) -> int:
        pieces: list[bytes] = []
        try:
            at = chunks.read(data, at, pieces)
        except ChunkError as error:
            raise RequestError("head_too_large" if error.too_large else "bad_request", str(error)) from error
        for piece in pieces:
            self.request_body(piece)
        if chunks.done:
            self._chunks = None
            if chunks.trailers and (fields := forwardable(chunks.trailers)):
                self.request_trailers(fields)
            self.request_end()
        return at

    # llhttp's callbacks

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        value = value.strip(b" \t")  # RFC 9110 §5.5
        lower = name.lower()
        if lower in REQUEST_SPECIAL:
            self._special.append((lower, value))
        else:
            self._lines.append(name + b": " + value)

    def on_headers_complete(self) -> None:
        self._method, self._version = self._parser.get_method(), self._parser.get_http_version()


def _keep(raw: bytes, head: Http1RequestHead) -> None:
    head.shape = _SHAPES.shape_of(raw, head)
    _MEMO.put(raw, head)


def forget() -> None:
    """Forgets all heads, as a process does that has just begun."""
    _MEMO.clear()
    _SHAPES.clear()
    _TEMPLATES.clear()
