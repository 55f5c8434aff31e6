"""A client's connection whose requests tell versions who the client is. One that tells nothing is a `Downstream`, and
pays for none of this."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final, cast

from proxy.contracts.failure import FAILURES
from proxy.contracts.table import Forwarded
from proxy.dataplane.h1.downstream import Downstream
from proxy.dataplane.introduction import Introduction, Manner, address_of
from proxy.dataplane.shared import Shared
from proxy.http1 import write
from proxy.http1.request_head import Http1RequestHead


class Introduced(Downstream):
    """`identity`: the line of a field, or empty."""

    __slots__ = ("_identity", "_introduction", "_manner", "_scheme")

    _introduction: Introduction

    def __init__(self, shared: Shared, manner: Manner, scheme: bytes, identity: bytes) -> None:
        super().__init__(shared)
        self._manner, self._scheme, self._identity = manner, scheme, identity

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer, manner = address_of(transport.get_extra_info("peername")), self._manner
        self._introduction = Introduction(manner.forwarded, manner.reserved, peer, self._scheme, self._identity)
        super().connection_made(transport)

    def introduction(self) -> Introduction | None:
        return self._introduction

    def request_head(self, head: Http1RequestHead) -> None:
        super().request_head(cast("Http1RequestHead", self._introduction.told(head)))

    def request_trailers(self, fields: bytes) -> None:
        left = self._introduction.trailers(fields)
        if left:
            super().request_trailers(left)


NOT_TLS: Final = write.problem(
    FAILURES["not_tls"].status,
    "not_tls",
    FAILURES["not_tls"].title,
    "this port speaks TLS: ask by https",
    b"Connection: close\r\n",
)
"""The answer, in clear, to a request in clear on a port of TLS."""


def manner_of(forwarded: Forwarded, identity_headers: Iterable[str]) -> Manner:
    """How clients are introduced. `identity_headers`: names (lower case) that no client can write."""
    return Manner(forwarded, frozenset([name.encode() for name in identity_headers]))


def client_of(shared: Shared, manner: Manner, scheme: bytes, identity: bytes = b"") -> Downstream:
    """A new connection of a client."""
    if manner.forwarded == "none" and not manner.reserved:
        return Downstream(shared)
    return Introduced(shared, manner, scheme, identity)
