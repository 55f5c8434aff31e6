"""Rules of field values and names that hold whatever protocol carries them (RFC 9110). Compiled by mypyc."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product


def spelled(names: frozenset[bytes]) -> frozenset[bytes]:
    """Names as servers may read them: one that makes variables of fields takes `_` for `-`, and who writes one for the
    other would say what others decide by and the server reads.

    >>> sorted(spelled(frozenset((b"host", b"keep-alive"))))
    [b'host', b'keep-alive', b'keep_alive']
    """
    spellings: set[bytes] = set()
    for name in names:
        words = name.split(b"-")
        for signs in product((b"-", b"_"), repeat=len(words) - 1):
            spellings.add(words[0] + b"".join([sign + word for sign, word in zip(signs, words[1:], strict=True)]))
    return frozenset(spellings)


def same_name(line: bytes) -> bytes:
    """The name of a field line as servers may read it (`spelled`): in lower case, with `-` for `_`.

    >>> same_name(b"X_Api_Key: abc")
    b'x-api-key'
    """
    return line.partition(b":")[0].lower().replace(b"_", b"-")


def same_names(names: Iterable[str]) -> frozenset[bytes]:
    """Names of fields, as `same_name` tells them."""
    return frozenset([same_name(name.encode("latin-1")) for name in names])


def without_fields(block: bytes, names: frozenset[bytes]) -> bytes:
    """A block of fields without those of these `same_names`; of the type that it was.

    >>> without_fields(b"a: 1\\r\\nX_Api_Key: abc\\r\\n", same_names(["x-api-key"]))
    b'a: 1\\r\\n'
    """
    if not names:
        return block
    lines = block.split(b"\r\n")
    return type(block)(b"\r\n".join([line for line in lines if same_name(line) not in names]))


HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"http2-settings",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"upgrade",
    )
)
"""Fields for one connection, in lower case (RFC 9110 §7.6.1; `HTTP2-Settings`: RFC 7540 §3.2.1)."""

FRAMING = frozenset((b"content-length", b"transfer-encoding"))
"""Fields that say where a body ends."""

REQUEST_SPECIAL = spelled(
    HOP_BY_HOP
    | FRAMING
    | {
        b"host",
        b"expect",
        b"x-request-id",
        b"x-penumbra-hop",
        b"x-penumbra-shadow",
    }
)
"""Request fields that the reader keeps apart, with `_` for `-` too, which are dropped; all others are forwarded as they
are."""

RESPONSE_SPECIAL = HOP_BY_HOP | FRAMING | {b"x-penumbra-version", b"x-request-id"}
"""Response fields that the reader keeps apart."""

NO_TRAILERS = spelled(
    HOP_BY_HOP
    | FRAMING
    | {b"host", b"expect", b"max-forwards", b"range", b"pragma", b"cache-control", b"age", b"date", b"expires"}
    | {b"location", b"retry-after", b"vary", b"warning", b"content-type", b"content-encoding", b"content-range"}
    | {b"authorization", b"www-authenticate", b"set-cookie", b"cookie"}
    | {b"x-request-id", b"x-penumbra-version", b"x-penumbra-shadow", b"x-penumbra-hop"}
)
"""Fields that mean something before the body is read, or to one connection: not allowed as trailers (RFC 9110 §6.5.1).
"""

_TARGET_BYTES = bytes(b for b in range(0x21, 0x7F) if b != ord("#"))
_DIGITS = frozenset(b"0123456789")
_HOST_BYTES = bytes(b for b in range(0x21, 0x7F) if b not in b'/?#@\\"<>^`{|}, ')


def target_is_clean(target: bytes) -> bool:
    """True for an origin-form target of visible ASCII without a fragment (RFC 9112 §3.2.1)."""
    return target[:1] == b"/" and not target.translate(None, _TARGET_BYTES)


def host_is_clean(host: bytes) -> bool:
    """True for a plausible `uri-host [":" port]` (RFC 9110 §7.2): no spaces, lists, paths or user information."""
    if not host or host.translate(None, _HOST_BYTES):
        return False
    name, bracket, port = host.partition(b"]") if host[:1] == b"[" else (host, b"", b"")
    if not bracket:
        name, colon, port = host.partition(b":")
        port = colon + port
    return bool(name) and (not port or (port[:1] == b":" and not port[1:].translate(None, b"0123456789")))


def content_length(value: bytes) -> int | None:
    """The value of Content-Length: digits alone (RFC 9112 §6.3), at most 18 of them; None otherwise.

    A sign, a list, white space inside, or hexadecimal digits are what smuggling is made of.
    """
    if not value or len(value) > 18 or not _DIGITS.issuperset(value):
        return None
    return int(value)
