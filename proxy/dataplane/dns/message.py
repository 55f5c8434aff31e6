"""DNS messages (RFC 1035 §4): a question to bytes, and bytes to the records of an answer.

1. An answer is taken only if it repeats the question, by its number and by its name (case aside) and type.
2. Every length is checked; a name's pointers go backwards only, so that none goes round in circles.
3. Records of other types and classes are passed over; so is what follows `MAX_RECORDS`.
"""

from __future__ import annotations

import socket
from typing import Final

A: Final = 1
CNAME: Final = 5
AAAA: Final = 28
SRV: Final = 33
IN: Final = 1

NOERROR: Final = 0
NXDOMAIN: Final = 3

HEADER_BYTES: Final = 12
MAX_RECORDS: Final = 512
"""Records of a message that are read: more than any service has endpoints."""
MAX_NAME_BYTES: Final = 255
MAX_LABEL_BYTES: Final = 63

RESPONSE: Final = 0x8000
TRUNCATED: Final = 0x0200
RECURSION_DESIRED: Final = 0x0100


class Garbled(Exception):
    """Bytes that are no answer to the question."""


class Resource:
    """A resource record. `name`, `target`: lower case, without a last dot.

    - `address`: of A and AAAA; `target`: of CNAME and SRV
    - `priority`, `weight`, `port`: of SRV (RFC 2782)
    """

    __slots__ = ("address", "kind", "name", "port", "priority", "target", "ttl", "weight")

    def __init__(self, name: str, kind: int, ttl: int) -> None:
        self.name, self.kind, self.ttl = name, kind, ttl
        self.address = self.target = ""
        self.priority = self.weight = self.port = 0


class Reply:
    """An answer. `truncated`: there is more, by TCP; `answers`, `additional`: its sections of these names."""

    __slots__ = ("additional", "answers", "code", "truncated")

    def __init__(self, code: int, truncated: bool, answers: list[Resource], additional: list[Resource]) -> None:
        self.code, self.truncated, self.answers, self.additional = code, truncated, answers, additional


def question(number: int, name: str, kind: int) -> bytes:
    """The query for records of `kind` of `name`. Raises Garbled where no name can be so long."""
    head = number.to_bytes(2, "big") + RECURSION_DESIRED.to_bytes(2, "big") + b"\0\1\0\0\0\0\0\0"
    return head + _name_bytes(name) + kind.to_bytes(2, "big") + IN.to_bytes(2, "big")


def _name_bytes(name: str) -> bytes:
    out = b""
    for label in name.removesuffix(".").encode("ascii", "replace").split(b"."):
        if not 0 < len(label) <= MAX_LABEL_BYTES:
            raise Garbled(f"a label of {len(label)} bytes")
        out += bytes((len(label),)) + label
    if len(out) >= MAX_NAME_BYTES:
        raise Garbled(f"a name of {len(out)} bytes")
    return out + b"\0"


def read(data: bytes, number: int, name: str, kind: int) -> Reply:
    """The answer to that question. Raises Garbled."""
    if len(data) < HEADER_BYTES or _u16(data, 0) != number:
        raise Garbled("another question's answer")
    flags = _u16(data, 2)
    if not flags & RESPONSE or _u16(data, 4) != 1:
        raise Garbled("no answer to one question")
    asked, at = _name(data, HEADER_BYTES)
    if asked != name.removesuffix(".").lower() or _u16(data, at) != kind or _u16(data, at + 2) != IN:
        raise Garbled("the answer to another question")
    at += 4
    truncated = bool(flags & TRUNCATED)
    sections: list[list[Resource]] = []
    if not truncated:  # else whatever is there is a part
        for place in (6, 8, 10):
            records, at = _records(data, at, _u16(data, place))
            sections.append(records)
    return Reply(flags & 0xF, truncated, sections[0] if sections else [], sections[2] if sections else [])


def _records(data: bytes, at: int, count: int) -> tuple[list[Resource], int]:
    found: list[Resource] = []
    for _ in range(count):
        name, at = _name(data, at)
        kind, family, ttl, size = _u16(data, at), _u16(data, at + 2), _u32(data, at + 4), _u16(data, at + 8)
        start, at = at + 10, at + 10 + size
        if at > len(data):
            raise Garbled("a record is cut off")
        if family == IN and len(found) < MAX_RECORDS:
            # RFC 2181 §8: a TTL with the highest bit set is none.
            record = Resource(name, kind, ttl if ttl < 1 << 31 else 0)
            if _filled(record, data, start, size):
                found.append(record)
    return found, at


def _filled(record: Resource, data: bytes, start: int, size: int) -> bool:
    """Reads what the record says; False: nothing that we want."""
    if record.kind == A and size == 4:
        record.address = socket.inet_ntop(socket.AF_INET, data[start : start + 4])
    elif record.kind == AAAA and size == 16:
        record.address = socket.inet_ntop(socket.AF_INET6, data[start : start + 16])
    elif record.kind == CNAME:
        record.target = _name(data, start)[0]
    elif record.kind == SRV and size >= 7:
        record.priority, record.weight, record.port = _u16(data, start), _u16(data, start + 2), _u16(data, start + 4)
        record.target = _name(data, start + 6)[0]
    else:
        return False
    return True


def _name(data: bytes, at: int) -> tuple[str, int]:
    """The name at `at`, in lower case, and what is behind it."""
    labels: list[str] = []
    behind, size, first = -1, 0, at
    while True:
        if at >= len(data):
            raise Garbled("a name is cut off")
        length = data[at]
        if length >= 0xC0:
            pointer = _u16(data, at) & 0x3FFF
            if pointer >= first:
                raise Garbled("a name's pointer does not go backwards")
            if behind < 0:
                behind = at + 2
            at = first = pointer
            continue
        if length > MAX_LABEL_BYTES:
            raise Garbled("a label of a kind that is none")
        at += 1
        if not length:
            return ".".join(labels), at if behind < 0 else behind
        size += length + 1
        if at + length > len(data) or size >= MAX_NAME_BYTES:
            raise Garbled("a name is too long")
        labels.append(data[at : at + length].decode("latin-1").lower())
        at += length


def _u16(data: bytes, at: int) -> int:
    if at + 2 > len(data):
        raise Garbled("cut off")
    return data[at] << 8 | data[at + 1]


def _u32(data: bytes, at: int) -> int:
    return _u16(data, at) << 16 | _u16(data, at + 2)
