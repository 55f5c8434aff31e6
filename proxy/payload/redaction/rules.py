"""Rules of redaction: a pointer, and what is done where it leads.

The first part of a pointer says where: `/request` and `/answer` are bodies, `/path` the segments of the path, from 0,
`/query` its query, `/header` header fields, `/request_id` the id of the request, and `/label` what feedback said. What
follows leads into it (RFC 6901), and `*` stands for every member of an object or a list.

One part alone, such as `/request/age`, names a feature rather than a place: the tensor of that name, in JSON or raw,
the column of a data frame, and the members of objects of that name, however deep. So do the pointers of
`analysis.redact`, which lead into examples: of `/request`, `/primary` and `/candidate`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal, cast, get_args

from msgspec import Struct

from proxy.contracts.bounds import MAX_NAME, shortened

Action = Literal["drop", "hash"]
Side = Literal["request", "answer", "query", "header", "path", "request_id", "label"]

SIDES: dict[str, Side] = {side: side for side in get_args(Side)} | {"primary": "answer", "candidate": "answer"}
"""Where the first part of a pointer leads. The answers of a primary and of a candidate are redacted alike: which is
which may change."""

EVERY = "*"
"""The part of a pointer that stands for every member."""

_DERIVED = re.compile(r"(?:\[[0-9]+\]|\.chars|:[a-z_]+)+\Z")
"""Ends of names that features have and bodies have not: the number of a column, what is measured of a value."""


class RedactionRule(Struct, frozen=True):
    """One of them."""

    pointer: str
    """As it was configured."""
    side: Side
    parts: tuple[str, ...]
    action: Action
    names: frozenset[str] = frozenset()
    """Of a feature: what it may be called in a body. Empty for a place."""
    shown: bool = False
    """It is one of `analysis.redact`: what it names has to be gone from what is read of the body, too."""

    def matches(self, name: object) -> bool:
        """Whether this is a name of the feature."""
        return isinstance(name, str) and (name in self.names or shortened(name, MAX_NAME) in self.names)


def rules_of(redact: Mapping[str, str], shown: Iterable[str] = ()) -> tuple[RedactionRule, ...]:
    """The rules of `capture.redact`, and of a route's `analysis.redact`, which drop.

    >>> rules = rules_of({"/request/x[3]": "hash", "/query/user": "drop"})
    >>> [(rule.side, rule.parts, sorted(rule.names)) for rule in rules]
    [('request', ('x[3]',), ['x', 'x[3]']), ('query', ('user',), [])]
    """
    given = [rule_of(pointer, cast("Action", action)) for pointer, action in redact.items()]
    return (*given, *[rule_of(pointer, "drop", shown=True) for pointer in shown])


def rule_of(pointer: str, action: Action, shown: bool = False) -> RedactionRule:
    """One rule. Raises ValueError for a pointer that leads nowhere."""
    parts = tuple([part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]])
    if not parts or parts[0] not in SIDES:
        raise ValueError(pointer)
    side, rest = SIDES[parts[0]], parts[1:]
    names: frozenset[str] = frozenset()
    if side in ("request", "answer") and len(rest) == 1 and rest[0] != EVERY:
        names = _names(rest[0], shown)
    return RedactionRule(pointer, side, rest, action, names, shown)


def _names(name: str, shown: bool) -> frozenset[str]:
    bare = _DERIVED.sub("", name) or name
    inner = (bare.rpartition(".")[2],) if shown else ()  # a feature of objects in rows is called after both
    return frozenset((name, bare, *[each for each in inner if each]))
