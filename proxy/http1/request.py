"""The reader of requests: a head, its body, the next head of the same connection. A doubtful request is refused.

The grammar is llhttp's in its strict mode (no bare LF, no obs-fold, no space before a colon, no repeated or signed
Content-Length, no junk in chunk sizes). The rules that llhttp leaves open:

1. Exactly one valid Host in HTTP/1.1; an absolute target replaces it (RFC 9112 §3.2, §3.2.2).
2. Transfer-Encoding is `chunked` alone, in HTTP/1.1 only (RFC 9112 §6.1).
3. No CONNECT and no TRACE; targets in origin form or absolute form (RFC 9112 §3.2).
4. Trailers are handed over apart from the head, and only where each of them may go on (`fields.forwardable`).
5. `Upgrade` is ignored unless it asks for a WebSocket (RFC 9110 §7.8 lets a server ignore it).

A request that arrives whole, with a head that was admitted before (`memo`) or that differs from such a one only in
values that decide nothing (`template`), is not parsed again.
"""

from __future__ import annotations

from typing import Any, Final

import httptools

from proxy.contracts.compiler import mypyc_attr
from proxy.http1 import memo
from proxy.http1.fields import (
    REQUEST_SPECIAL,
    content_length,
    forwardable,
    host_is_clean,
    joined,
    target_is_clean,
    tokens,
    without,
)
from proxy.http1.request_head import Http1RequestHead
from proxy.http1.template import Templates

MAX_TARGET: Final = 16 * 1024
"""Bytes of a request target: RFC 9112 §3 asks for at least 8,000."""

MAX_HEAD: Final = 64 * 1024
"""Bytes of a request head. Envoy's default is 60 KiB."""

MAX_FIELDS: Final = 128
"""Fields of a request head. Envoy's default is 100."""


class RequestError(Exception):
    """A request that is refused.

    - `reason`: a key of `contracts.failure.FAILURES`
    - `detail`: the rule that was broken, for the client
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


_MEMO: memo.HeadMemo[bytes, Http1RequestHead] = memo.HeadMemo()
_TEMPLATES = Templates()


@mypyc_attr(allow_interpreted_subclasses=True)
class RequestReader:
    """Base of a client connection. Feed bytes; the hooks are called in order: `request_head`, `request_body` for each
    piece, `request_end`; then the next head. `feed` raises RequestError, after which nothing more is read."""

    __slots__ = (
        "_between",
        "_head_bytes",
        "_in_head",
        "_last",
        "_lines",
        "_parser",
        "_reason",
        "_resume",
        "_special",
        "_target",
        "_trailers",
    )

    def __init__(self) -> None:
        self._parser: Any = httptools.HttpRequestParser(self)
        self._resume = b""
        self._between = True
        self._last: Http1RequestHead | None = None
        self._start()

    def _start(self) -> None:
        self._target = b""
        self._lines: list[bytes] = []
        self._special: list[tuple[bytes, bytes]] = []
        self._trailers: list[bytes] = []
        self._in_head = True
        self._head_bytes = 0
        self._reason: RequestError | None = None

    def release(self) -> None:
        """Ends the reader: no more bytes come. Parser and reader refer to each other; this lets both go at once."""
        self._parser = None

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
        return self._in_head and self._head_bytes > 0

    def feed(self, data: bytes) -> None:
        """Reads `data`. Raises RequestError."""
        if not self._between:
            self._parse(data)
            return
        end = data.find(b"\r\n\r\n") + 4
        if not 4 < end <= memo.MAX_HEAD_BYTES:
            self._parse(data)
            return
        raw = data[:end]
        head = _MEMO.get(raw) or self._by_template(raw)
        if head is None or (head.length or 0) != len(data) - end:
            self._parse(data)
            head = self._last
            if head is not None and self._between and (head.length or 0) == len(data) - end:
                self._remember(raw, head)
            return
        self.request_head(head)
        if len(data) > end:
            self.request_body(data[end:])
        self.request_end()

    def _by_template(self, raw: bytes) -> Http1RequestHead | None:
        head, common = _TEMPLATES.head_of(raw)
        if common and head is not None:
            _MEMO.put(raw, head)
        return head

    def _remember(self, raw: bytes, head: Http1RequestHead) -> None:
        if not (head.streamed or head.expects or head.tunnel):
            if not head.request_id:
                _MEMO.put(raw, head)
            _TEMPLATES.learn(raw, head)

    def _parse(self, data: bytes) -> None:
        self._between, self._last = False, None
        while data:
            self._head_bytes += len(data)  # since the head began, or since the last piece of the body
            try:
                self._parser.feed_data(data)
                break
            except httptools.HttpParserUpgrade as upgrade:
                # llhttp takes all that follows for another protocol. It is not: the upgrade is ignored, or it begins
                # once the upstream has agreed. A new parser goes on, with the framing of a body still to come.
                self._parser = httptools.HttpRequestParser(self)
                data = self._resume + data[upgrade.args[0] :]
            except httptools.HttpParserError as error:
                raise self._refusal(error) from error
        if self._head_bytes > MAX_HEAD and not self._between:  # RFC 6585 §5
            raise RequestError("head_too_large", f"a head, chunk extension or trailers larger than {MAX_HEAD} bytes")

    def _refusal(self, error: Exception) -> RequestError:
        if self._reason is not None:
            return self._reason
        if isinstance(error, httptools.HttpParserInvalidMethodError):
            return RequestError("not_implemented", "unknown method")
        if "HTTP version" in str(error) or "HTTP/2" in str(error) or "PRI/Upgrade" in str(error):
            return RequestError("version_not_supported", str(error))
        return RequestError("bad_request", str(error))

    def _refuse(self, reason: str, detail: str) -> RequestError:
        self._reason = RequestError(reason, detail)
        return self._reason

    # llhttp's callbacks

    def on_message_begin(self) -> None:
        self._between = False
        if not self._in_head and not self._resume:
            self._start()
            self._head_bytes = 1

    def on_url(self, url: bytes) -> None:
        if self._resume:
            return
        self._target += url
        if len(self._target) > MAX_TARGET:  # RFC 9110 §15.5.15
            raise self._refuse("uri_too_long", f"the target is longer than {MAX_TARGET} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            if not self._resume:  # otherwise it is of the head that resumes
                self._trailers.append(name + b": " + value)
            return
        lower = name.lower()
        if lower in REQUEST_SPECIAL:
            self._special.append((lower, value))
        else:
            self._lines.append(name + b": " + value)

    def on_headers_complete(self) -> None:
        if self._resume:
            self._resume = b""
            return
        self._in_head = False
        head = self._head()
        if self._parser.should_upgrade():
            self._resume = _resuming(head)
        self._last = head
        self.request_head(head)

    def on_body(self, data: bytes) -> None:
        self._head_bytes = 0
        self.request_body(data)

    def on_message_complete(self) -> None:
        if not self._resume:
            self._between = True
            if self._trailers and (fields := forwardable(self._trailers)):
                self.request_trailers(fields)
            self.request_end()

    def _head(self) -> Http1RequestHead:
        parser = self._parser
        method, version = parser.get_method(), parser.get_http_version()
        if method in (b"CONNECT", b"TRACE"):  # RFC 9110 §15.6.2
            raise self._refuse("not_implemented", f"{method.decode()} is not supported")
        if version not in ("1.0", "1.1"):  # RFC 9110 §15.6.6
            raise self._refuse("version_not_supported", f"HTTP/{version}")
        authority, target = self._split_target()
        head = Http1RequestHead(method, authority, target)
        head.http10, head.keep_alive = version == "1.0", parser.should_keep_alive()
        self._take_special(head)
        fields = joined(self._lines)
        if fields is None:  # RFC 9110 §5.5
            raise self._refuse("bad_request", "a field holds a control character")
        head.fields = fields
        if self._head_bytes > MAX_HEAD and len(fields) + len(target) > MAX_HEAD:  # RFC 6585 §5
            raise self._refuse("head_too_large", f"the head is larger than {MAX_HEAD} bytes")
        if len(self._lines) + len(self._special) > MAX_FIELDS:  # RFC 6585 §5
            raise self._refuse("head_too_large", f"the head has more than {MAX_FIELDS} fields")
        return head

    def _split_target(self) -> tuple[bytes, bytes]:
        """Authority (empty in origin form) and target."""
        authority, target = b"", self._target
        if absolute := target[:7].lower() == b"http://":
            # RFC 9112 §3.2.2: the authority of an absolute target replaces the Host field.
            authority, slash, rest = target[7:].partition(b"/")
            target = slash + rest if slash else b"/"
        # RFC 9110 §4.2.1: an empty host identifier is invalid.
        if not target_is_clean(target) or (absolute and not authority):  # RFC 9112 §3.2
            raise self._refuse("bad_request", "the request target is not valid")
        return authority, target

    def _take_special(self, head: Http1RequestHead) -> None:
        named: list[bytes] = []
        hosts: list[bytes] = []
        for name, value in self._special:
            if name == b"host":
                hosts.append(value)
            elif name == b"content-length":
                head.length = self._length(head, value)
            elif name == b"transfer-encoding":
                self._take_coding(head, value)
            elif name == b"connection":
                named += tokens(value)
            elif name == b"upgrade":
                head.upgrade = value
            elif name == b"te":
                head.trailers = b"trailers" in tokens(value)
            elif name == b"expect":
                self._take_expectation(head, value)
            elif name == b"x-request-id":
                head.request_id = head.request_id or value
            elif name == b"x-penumbra-shadow":
                head.shadowed = True
        self._take_host(head, hosts)
        if head.request_id:
            self._lines.append(b"x-request-id: " + head.request_id)
        if head.shadowed:
            self._lines += [b"x-penumbra-shadow: " + v for n, v in self._special if n == b"x-penumbra-shadow"]
        head.tunnel = head.upgrade.lower() == b"websocket" and b"upgrade" in named and head.method == b"GET"
        if len(named) > 1 or (named and named[0] not in (b"keep-alive", b"close", b"upgrade")):
            self._lines = without(self._lines, named)

    def _length(self, head: Http1RequestHead, value: bytes) -> int:
        length = content_length(value)
        if length is None or head.length is not None or head.streamed:  # RFC 9112 §6.3
            raise self._refuse("bad_request", "Content-Length is repeated, not a number, or beside Transfer-Encoding")
        return length

    def _take_coding(self, head: Http1RequestHead, value: bytes) -> None:
        if head.streamed or head.length is not None or head.http10:
            # RFC 9112 §6.1: both framings, two codings fields, or a coding in HTTP/1.0 are what smuggling is made of.
            raise self._refuse("bad_request", "Transfer-Encoding is repeated, beside Content-Length, or in HTTP/1.0")
        if value.lower() != b"chunked":  # RFC 9112 §6.1
            raise self._refuse("not_implemented", "the only transfer coding supported is `chunked`")
        head.streamed = True

    def _take_host(self, head: Http1RequestHead, hosts: list[bytes]) -> None:
        if len(hosts) > 1 or (not hosts and not head.http10):  # RFC 9112 §3.2
            raise self._refuse("bad_request", "exactly one Host field is needed")
        head.authority = head.authority or (hosts[0] if hosts else b"")
        given = [*hosts, head.authority] if head.authority else hosts
        if not all(host_is_clean(host) for host in given):  # RFC 9110 §7.2
            raise self._refuse("bad_request", "the Host field is not valid")

    def _take_expectation(self, head: Http1RequestHead, value: bytes) -> None:
        if value.lower() != b"100-continue":  # RFC 9110 §10.1.1
            raise self._refuse("expectation_failed", "the only expectation supported is `100-continue`")
        head.expects = not head.http10


def _resuming(head: Http1RequestHead) -> bytes:
    """A head with the framing of the body that `head` announces; nothing when it announces none."""
    if head.streamed:
        framing = b"Transfer-Encoding: chunked"
    elif head.length:
        framing = b"Content-Length: %d" % head.length
    else:
        return b""
    return b"POST / HTTP/1.1\r\n" + framing + (b"\r\n\r\n" if head.keep_alive else b"\r\nConnection: close\r\n\r\n")
