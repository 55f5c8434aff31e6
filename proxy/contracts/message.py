"""Heads of messages, whatever protocol carries them: what routing, an exchange and its legs need to know.

1. Header fields are one block of bytes: a line `name: value` for each, ended by CRLF, in the order of arrival. HTTP/1.1
   writes the block as it is, records carry it as it is; another protocol takes it apart.
2. The block holds what is forwarded. Fields for one connection and fields of framing are not in it: each protocol reads
   and writes its own (`http1.fields`).
3. Heads are shared by equal messages, and never change once a reader has handed them over.

Compiled by mypyc: plain classes, every attribute with a value from the start.
"""

from __future__ import annotations

from math import inf


def field_of(block: bytes, name: bytes) -> bytes | None:
    """The value of the first field with `name` (lower case) in a block of fields, or None."""
    lines = b"\r\n" + block
    start = lines.lower().find(b"\r\n" + name + b": ")
    if start < 0:
        return None
    start += len(name) + 4
    return lines[start : lines.index(b"\r\n", start)]


def cookies_of(block: bytes) -> bytes | None:
    """The pairs of all Cookie fields in a block of fields, as one value (RFC 9113 §8.2.3), or None: clients and proxies
    may send one field for each pair."""
    found: list[bytes] = []
    at, lower = 0, b"\r\n" + block.lower()
    while (at := lower.find(b"\r\ncookie: ", at)) >= 0:
        at += 8
        found.append(block[at : block.index(b"\r\n", at)])
    return b"; ".join(found) if found else None


class RequestHead:
    """The head of a request that was admitted.

    - `method`, `scheme`, `authority` (Host or `:authority`; empty where an HTTP/1.0 client gave none)
    - `target`: path and query; `path`: the target without its query
    - `fields`: the block of forwarded fields
    - `length`: bytes of the body as announced, None where nothing was announced
    - `streamed`: a body follows whose length was not announced
    - `request_id`: the value of x-request-id (also in `fields`), empty where the client gave none
    - `hops`: which programs of this kind it has passed through (also in `fields`), empty for most
    - `shadowed`: the request is itself a copy that a proxy made
    - `timeout`: seconds from the head in which a client of gRPC wants its whole answer, inf: it has not said
    - `tunnel`: the client asks for a tunnel (a WebSocket), not for an answer
    - `trailers`: the client takes trailers with its answer (RFC 9110 §10.1.4)
    - `unindexed`: no table of a peer may keep its fields (RFC 7541 §7.1.3), whatever becomes of them
    """

    __slots__ = (
        "authority",
        "fields",
        "hops",
        "length",
        "method",
        "path",
        "request_id",
        "scheme",
        "shadowed",
        "streamed",
        "target",
        "timeout",
        "trailers",
        "tunnel",
        "unindexed",
    )

    def __init__(self, method: bytes, authority: bytes, target: bytes, fields: bytes = b"") -> None:
        self.method, self.authority, self.target, self.fields = method, authority, target, fields
        self.scheme = b"http"
        self.path = target.partition(b"?")[0]
        self.length: int | None = None
        self.timeout = inf
        self.request_id = self.hops = b""
        self.streamed = self.shadowed = self.tunnel = self.trailers = self.unindexed = False

    def changed(self, target: bytes, fields: bytes) -> RequestHead:
        """The same head with another target and other fields."""
        return self._copied(RequestHead(self.method, self.authority, target, fields))

    def _copied(self, head: RequestHead) -> RequestHead:
        head.scheme, head.length, head.request_id, head.hops = self.scheme, self.length, self.request_id, self.hops
        head.streamed, head.shadowed, head.tunnel = self.streamed, self.shadowed, self.tunnel
        head.trailers, head.timeout, head.unindexed = self.trailers, self.timeout, self.unindexed
        return head

    def field(self, name: bytes) -> bytes | None:
        """The value of the first field with `name` (lower case), or None; of Cookie, all of them are one value."""
        if name == b"host":
            return self.authority
        return cookies_of(self.fields) if name == b"cookie" else field_of(self.fields, name)


class ResponseHead:
    """The head of an answer.

    - `status`, and `fields`: the block of forwarded fields
    - `length`: bytes of the body as announced, None where nothing was announced
    - `bodiless`: no body follows, whatever `length` says (answers to HEAD, 204, 304)
    - `request_id`: the value of x-request-id (also in `fields`), empty where the server gave none
    - `tunnel`: the server agrees to the tunnel that was asked for
    - `unindexed`: no table of a peer may keep its fields (RFC 7541 §7.1.3)
    """

    __slots__ = ("bodiless", "fields", "length", "request_id", "status", "tunnel", "unindexed")

    def __init__(self, status: int, fields: bytes = b"") -> None:
        self.status, self.fields = status, fields
        self.length: int | None = None
        self.request_id = b""
        self.bodiless = self.tunnel = self.unindexed = False

    def changed(self, fields: bytes, length: int | None) -> ResponseHead:
        """The same head with other fields, and another length of its body."""
        head = ResponseHead(self.status, fields)
        head.length, head.request_id = length, self.request_id
        head.bodiless, head.tunnel, head.unindexed = self.bodiless, self.tunnel, self.unindexed
        return head

    @property
    def streamed(self) -> bool:
        """True where a body follows whose length was not announced."""
        return self.length is None and not (self.bodiless or self.tunnel)

    def field(self, name: bytes) -> bytes | None:
        """The value of the first field with `name` (lower case), or None."""
        return field_of(self.fields, name)
