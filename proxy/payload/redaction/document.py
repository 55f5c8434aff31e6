"""Rules on a document of JSON, in which raw tensors stand as `digest.Raw`. The document is changed.

What is dropped is gone: a member from its object, a tensor from its list, a column from its frame. An element of a list
becomes null, because the ones behind it would move to other features.
"""

from __future__ import annotations

from typing import Any

from proxy.payload.redaction.digest import Digest
from proxy.payload.redaction.rules import EVERY, RedactionRule

STRUCTURE = frozenset(("name", "shape", "datatype", "data", "parameters"))
"""Members of a tensor that say what it is: none is a feature of that name."""

CALLED = ("name", "key", "feature", "column")
"""Members by which objects say what they are about."""


class Uncertain(Exception):
    """It cannot be said for certain that all is redacted; the message is a key of `body.REASONS`."""


def redact(document: Any, rule: RedactionRule, digest: Digest) -> bool:
    """Applies a rule; whether there was anything that it names. Raises Uncertain."""
    if not rule.names:
        return _place(document, rule.parts, rule, digest)
    found = _Feature(rule, digest).of(document)
    # A number may be the place in a list instead.
    return (isinstance(document, list) and _place(document, rule.parts, rule, digest)) or found


def _place(node: Any, parts: tuple[str, ...], rule: RedactionRule, digest: Digest) -> bool:
    head, rest = parts[0], parts[1:]
    found = False
    for key in _keys(node, head):
        if rest:
            found = _place(node[key], rest, rule, digest) or found
            continue
        found = True
        if rule.action == "hash":
            node[key] = digest.value(node[key], _datatype(node))
        elif isinstance(node, list):
            node[key] = None
        else:
            del node[key]
    return found


def _keys(node: Any, part: str) -> list[Any]:
    if isinstance(node, dict):
        return list(node) if part == EVERY else [part] if part in node else []
    if not isinstance(node, list):
        return []
    if part == EVERY:
        return list(range(len(node)))
    return [int(part)] if part.isascii() and part.isdigit() and int(part) < len(node) else []


def _datatype(node: Any) -> str:
    datatype = node.get("datatype") if isinstance(node, dict) else ""
    return datatype if isinstance(datatype, str) else ""


def _is_tensor(node: dict[str, Any]) -> bool:
    return isinstance(node.get("name"), str) and ("datatype" in node or "shape" in node)


class _Feature:
    """A feature, wherever it stands."""

    __slots__ = ("_digest", "_rule", "found")

    def __init__(self, rule: RedactionRule, digest: Digest) -> None:
        self._rule, self._digest, self.found = rule, digest, False

    def of(self, document: Any) -> bool:
        """Redacts it in a document."""
        if self._is_called(document):
            if self._rule.action == "drop":
                raise Uncertain("dropped")
            self._hash_called(document)
        self._in(document)
        return self.found

    def _in(self, node: Any) -> None:
        if isinstance(node, list):
            self._in_list(node)
        elif isinstance(node, dict):
            self._in_frame(node)
            tensor = _is_tensor(node)
            for name in list(node):
                if tensor and name in STRUCTURE:
                    if name == "parameters":
                        self._in(node[name])
                elif self._rule.matches(name) or self._is_called(node[name]):
                    self._take(node, name)
                else:
                    self._in(node[name])

    def _in_list(self, node: list[Any]) -> None:
        gone = []
        for at, each in enumerate(node):
            if not self._is_called(each):
                self._in(each)
            elif self._rule.action == "drop":
                gone.append(at)
            else:
                self._hash_called(each)
        for at in reversed(gone):
            self.found = True
            del node[at]

    def _take(self, node: dict[str, Any], name: str) -> None:
        self.found = True
        if self._rule.action == "drop":
            del node[name]
        elif self._is_called(node[name]):
            self._hash_called(node[name])
        else:
            node[name] = self._digest.value(node[name])

    def _is_called(self, node: Any) -> bool:
        return isinstance(node, dict) and any(self._rule.matches(node.get(name)) for name in CALLED)

    def _hash_called(self, node: dict[str, Any]) -> None:
        self.found = True
        for name in node:
            if name not in CALLED and name not in ("shape", "datatype", "parameters"):
                node[name] = self._digest.value(node[name], _datatype(node))

    def _in_frame(self, node: dict[str, Any]) -> None:
        """The columns of a data frame that is split into `columns` and `data`."""
        names = node.get("columns")
        if not isinstance(names, list):
            return
        places = [at for at, name in enumerate(names) if self._rule.matches(name)]
        if not places:
            return
        rows = node.get("data")
        if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == len(names) for row in rows):
            raise Uncertain("form")
        self.found = True
        for at in reversed(places):
            for row in rows:
                if self._rule.action == "hash":
                    row[at] = self._digest.value(row[at])
                else:
                    del row[at]
            if self._rule.action == "drop":
                del names[at]
