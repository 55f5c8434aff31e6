"""Sticky assignment: the key of a request, and the point in [0, 1) that the key hashes to.

The point depends on the route's name and the key alone, so every worker, machine and restart agrees on it, and the same
users meet every canary of a route first. The routes of one release have its name in place of their own: a user who
meets the candidate on one of them meets it on all. A request without a key is assigned at random, or on such a route to
the primary, since nobody knows what its user meets elsewhere.
"""

from __future__ import annotations

from hashlib import blake2b

from proxy.contracts.table import Sticky
from proxy.routing.documents import FieldOf, document_of


def point(name: str, key: bytes) -> tuple[float, int]:
    """The point in [0, 1) and the 64-bit hash of a key under the name of a route, or of a release over several."""
    hashed = int.from_bytes(blake2b(key, digest_size=8, key=name.encode()[:64]).digest(), "big")
    return (hashed >> 11) / (1 << 53), hashed


def key_of(sticky: Sticky, field: FieldOf, body: bytes | None) -> bytes | None:
    """The key of a request, or None: absent, empty, or the body cannot be read or is not at hand."""
    if sticky.source == "header":
        return field(sticky.name.lower().encode()) or None
    if sticky.source == "cookie":
        return _cookie(field(b"cookie"), sticky.name.encode())
    return _pointed(document_of(body, field), sticky.name)


def _cookie(value: bytes | None, name: bytes) -> bytes | None:
    for pair in (value or b"").split(b";"):
        key, equals, content = pair.strip().partition(b"=")
        if equals and key == name:
            return content.strip(b'"') or None
    return None


def _pointed(value: object, pointer: str) -> bytes | None:
    """The value at a JSON pointer (RFC 6901) as a key; containers and null are not keys."""
    try:
        for part in pointer.split("/")[1:]:
            value = _step(value, part.replace("~1", "/").replace("~0", "~"))
    except (ValueError, LookupError, OverflowError):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).encode("utf-8", "surrogatepass") or None


def _step(value: object, part: str) -> object:
    if isinstance(value, dict):
        return value[part]
    if isinstance(value, list) and part.isascii() and part.isdigit():
        return value[int(part)]
    raise LookupError(part)
