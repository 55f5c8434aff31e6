"""Rules on a path, its query, ids, labels and header fields, and the fields of a body that has changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote, unquote_plus

from proxy.contracts.field_rules import same_name
from proxy.payload.redaction.digest import Digest
from proxy.payload.redaction.rules import EVERY, RedactionRule

DROPPED = "-"
"""In place of a segment of a path: what follows keeps its place."""


def redacted_segments(path: str, rules: Sequence[RedactionRule], digest: Digest) -> tuple[str, tuple[str, ...]]:
    """A path by the rules of side `path`, and the pointers of those that found something; its query stays.

    >>> from proxy.payload.redaction.rules import rule_of
    >>> redacted_segments("/users/ada/score?top=3", [rule_of("/path/1", "drop")], Digest(b""))
    ('/users/-/score?top=3', ('/path/1',))
    """
    where, mark, query = path.partition("?")
    if not rules or not where:
        return path, ()
    segments, found = where.removeprefix("/").split("/"), []
    for at, segment in enumerate(segments):
        rule = next((each for each in rules if _names(each, str(at))), None)
        if rule is not None and segment:
            found.append(rule.pointer)
            segments[at] = digest.text(unquote(segment).encode()) if rule.action == "hash" else DROPPED
    return f"/{'/'.join(segments)}{mark}{query}", tuple(dict.fromkeys(found))


def redacted_id(request_id: str, rules: Sequence[RedactionRule], digest: Digest) -> tuple[str, tuple[str, ...]]:
    """A request's id by the rules of side `request_id`, and the pointers of those that found it."""
    if not rules or not request_id:
        return request_id, ()
    rule = rules[0]
    return digest.text(request_id.encode()) if rule.action == "hash" else "", (rule.pointer,)


def redacted_label(label: Any, rules: Sequence[RedactionRule], digest: Digest) -> Any:
    """A label by the rules of side `label`: of the whole, or of members of an object; None: nothing is left of it."""
    for rule in rules:
        if not rule.parts:
            label = digest.value(label) if rule.action == "hash" else None
        elif isinstance(label, dict):
            kept = {name: value for name, value in label.items() if not _names(rule, name)}
            label = (
                kept
                if rule.action == "drop"
                else {name: value if name in kept else digest.value(value) for name, value in label.items()}
            )
    return label


def redacted_path(path: str, rules: Sequence[RedactionRule], digest: Digest) -> tuple[str, tuple[str, ...]]:
    """A path with its query, by the rules of side `query`, and the pointers of those that found something.

    >>> from proxy.payload.redaction.rules import rule_of
    >>> redacted_path("/v1?user=7&top=3", [rule_of("/query/user", "drop")], Digest(b""))
    ('/v1?top=3', ('/query/user',))
    """
    where, mark, query = path.partition("?")
    if not mark or not rules:
        return path, ()
    kept, found = [], []
    for pair in query.replace(";", "&").split("&"):
        name, equals, value = pair.partition("=")
        rule = next((each for each in rules if _names(each, unquote_plus(name))), None)
        if rule is None:
            kept.append(pair)
            continue
        found.append(rule.pointer)
        if rule.action == "hash" and rule.parts:
            kept.append(f"{name}{equals}{digest.text(unquote_plus(value).encode())}")
    return where + "?" * bool(kept) + "&".join(kept), tuple(dict.fromkeys(found))


def redacted_fields(fields: bytes, rules: Sequence[RedactionRule], digest: Digest) -> tuple[bytes, tuple[str, ...]]:
    """A block of header lines by the rules of side `header`, and the pointers of those that found something."""
    kept, found = [], []
    for line in fields.splitlines(keepends=True):
        name, _, value = line.partition(b":")
        rule = next((each for each in rules if _names_field(each, line)), None)
        if rule is None:
            kept.append(line)
            continue
        found.append(rule.pointer)
        if rule.action == "hash" and rule.parts:
            kept.append(b"%b: %b\r\n" % (name, digest.text(value.strip()).encode()))
    return b"".join(kept), tuple(dict.fromkeys(found))


def _names(rule: RedactionRule, name: str) -> bool:
    return not rule.parts or rule.parts[0] in (EVERY, name)


def _names_field(rule: RedactionRule, line: bytes) -> bool:
    if not rule.parts or rule.parts[0] == EVERY:
        return True
    return same_name(rule.parts[0].encode("latin-1", "replace")) == same_name(line).strip()


def without_field(fields: bytes, name: bytes) -> bytes:
    """A block of header lines without the lines of a field; its name in lower case."""
    if name not in fields.lower():
        return fields
    lines = fields.splitlines(keepends=True)
    return b"".join([line for line in lines if line.partition(b":")[0].strip().lower() != name])


def with_field(fields: bytes, name: bytes, value: bytes) -> bytes:
    """A block of header lines with a field, in place of any of that name."""
    return without_field(fields, name) + b"%b: %b\r\n" % (name, value)
