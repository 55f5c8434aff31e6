"""Sticky assignment: the key of a request, and the point in [0, 1) that the key hashes to.

The point depends on the route's name and the key alone, so every worker, machine and restart agrees on it, and the same
users meet every canary of a route first. The routes of one release have its name in place of their own: a user who
meets the candidate on one of them meets it on all. A request without a key is assigned at random, or on such a route to
the primary, since nobody knows what its user meets elsewhere.
"""

from __future__ import annotations

from hashlib import blake2b

from proxy.contracts.table import Sticky
from proxy.contracts.unread_key import ABSENT
from proxy.routing.documents import FieldOf, member_of


def point(name: str, key: bytes) -> tuple[float, int]:
    """The point in [0, 1) and the 64-bit hash of a key under the name of a route, or of a release over several."""
    hashed = int.from_bytes(blake2b(key, digest_size=8, key=name.encode()[:64]).digest(), "big")
    return (hashed >> 11) / (1 << 53), hashed


def key_of(sticky: Sticky, field: FieldOf, body: bytes | None, whole: bool = True) -> tuple[bytes | None, str]:
    """The key of a request, and "", or None and the reason why there is none (`contracts.unread_key`).

    - `body`: as far as it is at hand; `whole`: that is all of it
    """
    if sticky.source == "json":
        value, reason = member_of(body, sticky.name, field, whole)
        key = _as_key(value)
        return key, reason if reason or key else ABSENT
    if sticky.source == "header":
        key = field(sticky.name.lower().encode()) or None
    else:
        key = _cookie(field(b"cookie"), sticky.name.encode())
    return key, "" if key else ABSENT


def _cookie(value: bytes | None, name: bytes) -> bytes | None:
    for pair in (value or b"").split(b";"):
        key, equals, content = pair.strip().partition(b"=")
        if equals and key == name:
            return content.strip(b'"') or None
    return None


def _as_key(value: object) -> bytes | None:
    """A value as a key; containers and null are not keys."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).encode("utf-8", "surrogatepass") or None
