"""Header fields: which names have a meaning to a proxy, and which bytes may go on.

1. Hop-by-hop fields are for one connection and never forwarded (RFC 9110 §7.6.1), nor those that `Connection` names.
2. Framing fields are read and written anew: a message leaves in exactly one form (RFC 9112 §6).
3. Field values hold visible characters, spaces, tabs and bytes above 0x7F, nothing else (RFC 9110 §5.5).
"""

from __future__ import annotations

HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"upgrade",
    )
)
FRAMING = frozenset((b"content-length", b"transfer-encoding"))

REQUEST_SPECIAL = (
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
"""Request fields that the reader keeps apart; all others are forwarded as they are."""

RESPONSE_SPECIAL = HOP_BY_HOP | FRAMING | {b"x-penumbra-version", b"x-request-id"}
"""Response fields that the reader keeps apart."""

NO_TRAILERS = (
    HOP_BY_HOP
    | FRAMING
    | {b"host", b"expect", b"max-forwards", b"range", b"pragma", b"cache-control", b"age", b"date", b"expires"}
    | {b"location", b"retry-after", b"vary", b"warning", b"content-type", b"content-encoding", b"content-range"}
    | {b"authorization", b"www-authenticate", b"set-cookie", b"cookie"}
    | {b"x-request-id", b"x-penumbra-version", b"x-penumbra-shadow", b"x-penumbra-hop"}
)
"""Fields that mean something before the body is read, or to one connection: not allowed as trailers (RFC 9110 §6.5.1).
"""

_LINE_BYTES = bytes(b for b in range(256) if b == 0x09 or (b >= 0x20 and b != 0x7F))
_NAME_BYTES = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TARGET_BYTES = bytes(b for b in range(0x21, 0x7F) if b != ord("#"))
_DIGITS = frozenset(b"0123456789")
_HOST_BYTES = bytes(b for b in range(0x21, 0x7F) if b not in b'/?#@\\"<>^`{|}, ')


def joined(lines: list[bytes]) -> bytes | None:
    """`lines` as a block of fields, each ended by CRLF, or None when one holds a byte that no field may hold.

    What is left after deleting all allowed bytes must be the CRLFs that were put in here: one pass in C.
    """
    fields = block(lines)
    return fields if len(fields.translate(None, _LINE_BYTES)) == 2 * len(lines) else None


def block(lines: list[bytes]) -> bytes:
    """`lines` as a block of fields, each ended by CRLF."""
    return b"\r\n".join(lines) + b"\r\n" if lines else b""


def head_is_clean(raw: bytes) -> bool:
    """True where a whole head has no CR or LF alone and no control character (RFC 9112 §2.2, RFC 9110 §5.5): one pass
    in C, after which only its line ends must be left."""
    left = raw.translate(None, _LINE_BYTES)
    return left == b"\r\n" * (len(left) >> 1)


def field_line(line: bytes) -> bytes | None:
    """`name: value` of a field line with its CRLF, without the white space around the value; None where it is none
    (RFC 9112 §5: a folded line, a space before the colon, an empty name, a control character)."""
    name, colon, value = line[:-2].partition(b":")
    if line[-2:] != b"\r\n" or not colon or not name or name.translate(None, _NAME_BYTES):
        return None
    value = value.strip(b" \t")
    return None if value.translate(None, _LINE_BYTES) else name + b": " + value


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


def tokens(value: bytes) -> list[bytes]:
    """The members of a comma-separated list, in lower case (RFC 9110 §5.6.1)."""
    return [token for part in value.lower().split(b",") if (token := part.strip(b" \t"))]


def without(lines: list[bytes], names: list[bytes]) -> list[bytes]:
    """`lines` without the fields that a Connection field named (RFC 9110 §7.6.1)."""
    drop = tuple(name + b":" for name in names)
    return [line for line in lines if not line.lower().startswith(drop)]


def forwardable(lines: list[bytes]) -> bytes:
    """The block of those trailers in `lines` that may be passed on; empty when one holds a byte that no field may."""
    passed = [line for line in lines if line.partition(b":")[0].lower() not in NO_TRAILERS]
    return joined(passed) or b""
