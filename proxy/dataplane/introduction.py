"""What versions are told about the client that a request came from, in fields that no client can write itself.

1. `x-forwarded`: the client's address is appended to X-Forwarded-For, and X-Forwarded-Proto is how it came here.
   `forwarded`: both, and the host it asked for, are appended to Forwarded (RFC 7239 §4).
2. The identity that a client has proved is one field, and only the proxy's own: what clients send under that name goes
   nowhere, whoever they are.
3. A name with `_` for `-` is the same name: servers that make variables of fields cannot tell them apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from proxy.contracts.field_rules import same_name, without_fields
from proxy.contracts.message import RequestHead
from proxy.contracts.table import Forwarded

LISTS: Final[dict[Forwarded, bytes]] = {"none": b"", "x-forwarded": b"X-Forwarded-For", "forwarded": b"Forwarded"}
"""The field that the client is appended to."""

_PROTO: Final = b"x-forwarded-proto"
_TOKEN: Final = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Manner:
    """How clients are introduced at present.

    - `forwarded`: which fields say where they come from
    - `reserved`: names (lower case) of fields that say who they are, and that none of them can write: of all listeners,
      since versions cannot tell by which one a request came
    """

    __slots__ = ("forwarded", "reserved")

    def __init__(self, forwarded: Forwarded, reserved: frozenset[bytes]) -> None:
        self.forwarded, self.reserved = forwarded, reserved


PLAIN: Final = Manner("none", frozenset())
"""Nothing is said about clients."""


def manner_of(forwarded: Forwarded, identity_headers: Iterable[str]) -> Manner:
    """How clients are introduced. `identity_headers`: names (lower case) that no client can write."""
    return Manner(forwarded, frozenset([name.encode() for name in identity_headers]))


class Introduction:
    """How the client of one connection is introduced.

    - `peer`: its address, empty where that is not known; `scheme`: how it came, `http` or `https`
    - `reserved`: names (lower case) that are the proxy's own; `identity`: the line of the one that is set, or empty
    """

    __slots__ = ("_drop", "_head", "_identity", "_kind", "_list", "_peer", "_reserved", "_scheme", "_told")

    def __init__(
        self, kind: Forwarded, reserved: frozenset[bytes], peer: bytes, scheme: bytes, identity: bytes
    ) -> None:
        self._kind, self._peer, self._scheme, self._identity = kind, peer, scheme, identity
        self._list = LISTS[kind].lower()
        self._reserved = frozenset([name.replace(b"_", b"-") for name in reserved])
        written = {self._list, _PROTO} if kind == "x-forwarded" else {self._list}
        self._drop = (self._reserved | written) - {b""}
        self._head: RequestHead | None = None  # heads of equal bytes are one object: so is what is made of them
        self._told: RequestHead | None = None

    def told(self, head: RequestHead) -> RequestHead:
        """The head as versions get it."""
        if head is self._head and self._told is not None:
            return self._told
        made = head.changed(head.target, self._fields(head))
        self._head, self._told = head, made
        return made

    def trailers(self, fields: bytes) -> bytes:
        """A block of trailers without what only the proxy may say."""
        return without_fields(fields, self._drop)

    def _fields(self, head: RequestHead) -> bytes:
        kept: list[bytes] = []
        before: list[bytes] = []
        for line in head.fields.split(b"\r\n")[:-1]:
            if same_name(line) not in self._drop:
                kept.append(line)
            elif self._list and line[: len(self._list) + 2].lower() == self._list + b": ":
                before.append(line[len(self._list) + 2 :])
        if self._list:
            before.append(self._element(head.authority))
            kept.append(b"%b: %b" % (LISTS[self._kind], b", ".join([each for each in before if each])))
        if self._kind == "x-forwarded":
            kept.append(b"X-Forwarded-Proto: " + self._scheme)
        if self._identity:
            kept.append(self._identity)
        return b"\r\n".join([*kept, b""]) if kept else b""

    def _element(self, host: bytes) -> bytes:
        peer = self._peer or b"unknown"
        if self._kind == "x-forwarded":
            return peer
        shown = b'"[%b]"' % peer if b":" in peer else peer
        asked = b";host=" + _quoted(host) if host else b""
        return b"for=%b%b;proto=%b" % (shown, asked, self._scheme)


def introduction_of(manner: Manner, transport: Any) -> Introduction | None:
    """How the client at the other end of a transport is introduced; None: not at all. It is asked for what is known of
    the client: `peername`; `ssl_object`, None where it came in clear; `identity`, the line of the field."""
    if manner.forwarded == "none" and not manner.reserved:
        return None
    known = transport.get_extra_info
    scheme = b"http" if known("ssl_object") is None else b"https"
    return Introduction(
        manner.forwarded, manner.reserved, address_of(known("peername")), scheme, known("identity") or b""
    )


def _quoted(value: bytes) -> bytes:
    """A value of Forwarded: a token, or a quoted string (RFC 7239 §4). A host has nothing to be escaped in it."""
    return b'"%b"' % value if value.translate(None, _TOKEN) else value


def address_of(peername: object) -> bytes:
    """The address in what a socket says of its other end: that of IPv4 where IPv6 only carries it, without a zone."""
    if not isinstance(peername, tuple) or not peername:
        return b""
    host = str(peername[0]).partition("%")[0].lower()
    mapped = host.removeprefix("::ffff:")
    return (mapped if "." in mapped else host).encode("ascii", "replace")
