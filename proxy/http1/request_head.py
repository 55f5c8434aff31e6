"""What a request asks for, once it was admitted."""

from __future__ import annotations


class RequestHead:
    """A request that was admitted. `fields` is the block of forwarded fields, each ended by CRLF.

    `length` is the Content-Length, or None; at most one of `length` and `chunked` is set. `path` is the target without
    the query. `upgrade` is set for a WebSocket handshake. `shadowed`: the request is itself a copy made by a proxy.
    Heads are shared by equal requests and never change; `rendered` keeps what `write` has made of this one.
    """

    __slots__ = (
        "chunked",
        "expects",
        "fields",
        "host",
        "http10",
        "keep_alive",
        "length",
        "method",
        "path",
        "rendered",
        "request_id",
        "shadowed",
        "target",
        "upgrade",
    )

    method: bytes
    target: bytes
    path: bytes
    host: bytes
    fields: bytes
    length: int | None
    chunked: bool
    http10: bool
    keep_alive: bool
    expects: bool
    upgrade: bytes
    request_id: bytes
    shadowed: bool
    rendered: dict[tuple[bytes, bytes], bytes]

    def field(self, name: bytes) -> bytes | None:
        """The value of the first field with `name` (lower case), or None."""
        if name == b"host":
            return self.host
        fields = b"\r\n" + self.fields
        start = fields.lower().find(b"\r\n" + name + b": ")
        if start < 0:
            return None
        start += len(name) + 4
        return fields[start : fields.index(b"\r\n", start)]
