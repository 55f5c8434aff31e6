"""Heads, chunks and the proxy's own problem answers, as bytes.

A message leaves in exactly one form: at most one of Content-Length and `Transfer-Encoding: chunked`, once.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Final

from proxy.contracts.message import RequestHead, ResponseHead
from proxy.http1.rendered import kept
from proxy.http1.request_head import Http1RequestHead
from proxy.http1.response import Http1ResponseHead

CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"
LAST_CHUNK: Final = b"0\r\n\r\n"
_MOST_SIZE_LINES: Final = 512
"""Sizes of chunks that are written beforehand: those of tokens are; formatting one costs what all else of it does."""
_SIZE_LINES: Final = [b"%x\r\n" % size for size in range(_MOST_SIZE_LINES)]
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_STATUS_LINES: Final = {s.value: b"HTTP/1.1 %d %s\r\n" % (s.value, s.phrase.encode()) for s in HTTPStatus}


def request_head(head: RequestHead, base_path: bytes, host: bytes, extra: bytes, length: int = -1) -> bytes:
    """A request's head for an upstream: `base_path` before the target, `host` as Host, `extra` as more field lines.

    `length`: the whole body of so many bytes is at hand, whatever the head announces; -1: as it announces.
    """
    if length >= 0:
        announced = head.length
        if (announced is None or announced != length) and (head.streamed or length):
            return b"%b%b\r\n" % (_request_start(head, base_path, host, _length(length)), extra)
    if not isinstance(head, Http1RequestHead):
        return b"%b%b\r\n" % (_request_start(head, base_path, host, _framing(head)), extra)
    known = head.rendered
    start = known.find(0, base_path, host) if known is not None else None
    if start is None:
        start = _request_start(head, base_path, host, _framing(head))
        head.rendered = kept(known, 0, base_path, host, start)
    if head.tunnel:
        # RFC 6455 §4.1: a handshake alone keeps its hop-by-hop fields.
        return b"%b%bConnection: Upgrade\r\nUpgrade: %b\r\n\r\n" % (start, extra, head.upgrade)
    return b"%b%b\r\n" % (start, extra)


def _request_start(head: RequestHead, base_path: bytes, host: bytes, framing: bytes) -> bytes:
    line = b"%b %b%b HTTP/1.1\r\n" % (head.method, base_path, head.target)
    return b"%bHost: %b\r\n%b%b" % (line, host, head.fields, framing)


def _framing(head: RequestHead) -> bytes:
    return CHUNKED if head.streamed else _length(head.length)


def _length(length: int | None) -> bytes:
    return b"" if length is None else b"Content-Length: %d\r\n" % length


def response_head(head: ResponseHead, chunked: bool, close: bool, version: bytes, extra: bytes) -> bytes:
    """An answer's head for the client. `chunked`: its body is sent in chunks; `close`: the connection ends with it;
    `version` and `extra` are more field lines, `extra` those that differ from answer to answer."""
    if not isinstance(head, Http1ResponseHead):
        return b"%b%b\r\n" % (_response_start(head, b"", chunked, close, version), extra)
    known, flags = head.rendered, 2 * chunked + close
    start = known.find(flags, b"", version) if known is not None else None
    if start is None:
        start = _response_start(head, head.reason, chunked, close, version)
        head.rendered = kept(known, flags, b"", version, start)
    return b"%b%b\r\n" % (start, extra)


def _response_start(head: ResponseHead, reason: bytes, chunked: bool, close: bool, version: bytes) -> bytes:
    status = _STATUS_LINES.get(head.status)
    if status is None or (reason and not status.endswith(reason + b"\r\n")):
        status = b"HTTP/1.1 %d %b\r\n" % (head.status, reason)
    framing = CHUNKED if chunked else _length(head.length)
    return b"".join((status, head.fields, framing, version, b"Connection: close\r\n" if close else b""))


def switching_head(head: ResponseHead, extra: bytes) -> bytes:
    """A 101 answer (RFC 9110 §15.2.2)."""
    return b"".join((_STATUS_LINES[101], head.fields, extra, b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"))


def chunk(data: bytes) -> bytes:
    """One chunk (RFC 9112 §7.1); `data` must not be empty, or it would end the body."""
    size = len(data)
    line = _SIZE_LINES[size] if size < _MOST_SIZE_LINES else b"%x\r\n" % size
    return b"".join((line, data, b"\r\n"))


def chunk_in_parts(data: bytes) -> tuple[bytes, bytes, bytes]:
    """The same without a copy of `data`."""
    return b"%x\r\n" % len(data), data, b"\r\n"


def last_chunk(trailers: bytes) -> bytes:
    """The end of a body in chunks, with a block of trailers (RFC 9112 §7.1.2)."""
    return b"0\r\n%b\r\n" % trailers


def problem(status: int, reason: str, title: str, detail: str, extra: bytes = b"", head_only: bool = False) -> bytes:
    """A whole answer with an `application/problem+json` body (RFC 9457), without the Connection field's blank line.

    `reason` is the stable name that programs go by; the type is `about:blank` with the reason beside it.
    """
    body = json.dumps(
        {"type": "about:blank", "title": title, "status": status, "reason": reason, "detail": detail}
    ).encode()
    line = _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
    head = b"%bContent-Type: application/problem+json\r\nContent-Length: %d\r\n%b\r\n" % (line, len(body), extra)
    return head if head_only else head + body
