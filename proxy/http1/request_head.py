"""The head of an HTTP/1.1 request: a neutral head, and the words of its framing."""

from __future__ import annotations

from proxy.contracts import message
from proxy.http1.rendered import Rendered
from proxy.http1.shape import Shape


class Http1RequestHead(message.RequestHead):
    """The head of a request that the reader admitted; `streamed` means `Transfer-Encoding: chunked`.

    - `http10`: HTTP/1.0; `keep_alive`: the connection may go on after the answer
    - `expects`: the client waits for 100 before it sends its body (RFC 9110 §10.1.1)
    - `upgrade`: the protocol that a tunnel is for, as the client wrote it
    - `shape`: what it has in common with others, once it is remembered
    - `rendered`: what `write` has made of this head, by base path and Host
    """

    __slots__ = ("expects", "http10", "keep_alive", "rendered", "shape", "upgrade")

    def __init__(self, method: bytes, authority: bytes, target: bytes, fields: bytes = b"") -> None:
        super().__init__(method, authority, target, fields)
        self.http10 = self.expects = False
        self.keep_alive = True
        self.upgrade = b""
        self.shape: Shape[Http1RequestHead] | None = None
        self.rendered: Rendered | None = None

    def changed(self, target: bytes, fields: bytes) -> Http1RequestHead:
        """The same head with another target and other fields."""
        head = Http1RequestHead(self.method, self.authority, target, fields)
        self._copied(head)
        head.http10, head.keep_alive, head.expects = self.http10, self.keep_alive, self.expects
        head.upgrade = self.upgrade
        return head

    def varied(self, fields: bytes, length: int | None, request_id: bytes) -> Http1RequestHead:
        """The same head but for what differs from request to request. Neither has a streamed body or a tunnel."""
        head = Http1RequestHead(self.method, self.authority, self.target, fields)
        head.length, head.request_id = length, request_id
        head.http10, head.keep_alive = self.http10, self.keep_alive
        head.shadowed, head.trailers, head.hops = self.shadowed, self.trailers, self.hops
        return head
