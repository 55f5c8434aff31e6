"""Header fields: which names have a meaning to a proxy, and which bytes may go on.

1. Hop-by-hop fields are for one connection and never forwarded (RFC 9110 §7.6.1), nor those that `Connection` names.
2. Framing fields are read and written anew: a message leaves in exactly one form (RFC 9112 §6).
3. Field values hold visible characters, spaces, tabs and bytes above 0x7F, nothing else (RFC 9110 §5.5).
"""

from __future__ import annotations

from proxy.contracts.field_rules import NO_TRAILERS

_LINE_BYTES = bytes(b for b in range(256) if b == 0x09 or (b >= 0x20 and b != 0x7F))
_NAME_BYTES = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


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
