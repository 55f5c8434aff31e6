"""Rows of the state file as values: a row that does not decode is a `DamagedRow` with a name and a reason, never an
error that stops the rest.

SQLite keeps whatever is put in a column, and damage to a file can change a type as well as a value: nothing is assumed
of either.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from msgspec import Struct

from proxy.contracts.release import RouteState
from proxy.release.audit import Link
from proxy.release.soundness import fault_of

MAX_BODY = 16 * 2**20
"""Bytes of a state that are read: a route's is a few kilobytes."""
MAX_REVISION = 2**53
"""Table revisions beyond it are damage: one a millisecond would take 285,000 years."""
HASH_DIGITS = 64


class DamagedRow(Struct, frozen=True):
    """A row that cannot be read."""

    table: str
    name: str
    """The key of the row, as far as it can be told."""
    why: str
    body: bytes = b""


class ChainHead(Struct, frozen=True):
    """The newest table revision, and the number and last hash of the audit entries."""

    revision: int
    count: int
    hash: str


def text_or_bytes(raw: bytes) -> str | bytes:
    """What SQLite holds as text: text, or the bytes where it is none by UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def text_of(value: Any) -> str:
    """A value of any type as text."""
    if isinstance(value, bytes):
        return value.decode(errors="surrogateescape")
    return value if isinstance(value, str) else repr(value)


def bytes_of(value: Any) -> bytes:
    """A value of any type as bytes."""
    return value if isinstance(value, bytes) else text_of(value).encode(errors="surrogateescape")


def state_of(route: Any, body: Any) -> RouteState | DamagedRow:
    """The live state in a row of `states`."""
    why = _why_no_row(route, body)
    if not why:
        try:
            state = msgspec.json.decode(body, type=RouteState)
            why = fault_of(state) if state.route == route else f"it is of route {state.route!r}"
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            why = str(error)
        if not why:
            return state
    return DamagedRow("states", text_of(route), why, bytes_of(body))


def _why_no_row(route: Any, body: Any) -> str:
    if not isinstance(route, str):
        return "its route is no text"
    if not isinstance(body, bytes | str):
        return f"its body is {'missing' if body is None else 'a number'}"
    return f"it has {len(body):,} bytes" if len(body) > MAX_BODY else ""


def head_of(row: Any) -> ChainHead | DamagedRow:
    """The head of the chain in its row."""
    if row is None:
        return DamagedRow("head", "head", "it is missing")
    revision, count, last = row
    numbers = all(isinstance(number, int) and 0 <= number <= MAX_REVISION for number in (revision, count))
    if numbers and isinstance(last, str) and len(last) == HASH_DIGITS and last.isascii():
        return ChainHead(revision, count, last)
    return DamagedRow("head", "head", "its figures are none", repr(row).encode(errors="replace"))


def with_room(head: ChainHead | DamagedRow) -> ChainHead | DamagedRow:
    """A head that can be gone on from: half of all numbers are left, or it would be damage after the next changes."""
    if isinstance(head, ChainHead) and max(head.revision, head.count) > MAX_REVISION // 2:
        return DamagedRow("head", "head", "its figures leave no room for changes")
    return head


def link_of(body: Any, digest: Any) -> Link:
    """A link in its row, whatever stands there: what is wrong with it is for `audit.verify` to say."""
    return Link(text_of(body), text_of(digest))


def among(names: Collection[str]) -> str:
    """The condition of SQL that the route of a row is one of these; "" without any."""
    return f" AND route IN ({', '.join('?' * len(names))})" if names else ""
