"""JSON documents that say the same: objects by key at any depth, whatever the order and the spaces; lists by place.

A whole number is what it is; other numbers are near each other by the tolerance of the route. Paths are names of
features: `order.items[0].price`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from proxy.stats.agreement.numbers import FLOOR, near
from proxy.stats.agreement.rules import AnswerRules

MAX_DEPTH = 32
"""Depth below which parts are compared as they are."""

MAX_UNORDERED = 128
"""Members of a list without order; longer ones are compared by place."""

MAX_DOCUMENT = 1_048_576
"""Characters of a text that is read as JSON."""

PRINTED = 1e-9
"""Part of a number that is lost where it is printed and read again."""

SameText = Callable[[str, str], bool]

NO_DOCUMENT: Any = object()

FENCE = re.compile(r"^[ \t]*+(```|~~~)[ \t]*+(\w*+)[ \t]*+\r?$", re.MULTILINE)
"""A line that begins or ends a block of code, as Markdown has it (CommonMark 0.31, 4.5)."""
LANGUAGES = frozenset(("", "json", "json5", "jsonc"))


class Enclosed(NamedTuple):
    """A document, and the text that stands around it."""

    document: Any
    before: str = ""
    behind: str = ""


def enclosed(text: str) -> Enclosed:
    """The document that a text is, or has between fences; `NO_DOCUMENT` without one, or with several.

    >>> enclosed("Here it is:\\n```json\\n[1]\\n```"), enclosed("[1]").document
    (Enclosed(document=[1], before='Here it is:', behind=''), [1])
    """
    if text.lstrip()[:1] in ("{", "[") or len(text) > MAX_DOCUMENT:
        return Enclosed(document_of(text))
    if "```" not in text and "~~~" not in text:
        return Enclosed(NO_DOCUMENT)
    fences = list(islice(FENCE.finditer(text), 3))
    if len(fences) != 2 or fences[0][2].lower() not in LANGUAGES or fences[1].group(1, 2) != (fences[0][1], ""):
        return Enclosed(NO_DOCUMENT)
    begin, end = fences
    return Enclosed(
        document_of(text[begin.end() : end.start()]), text[: begin.start()].strip(), text[end.end() :].strip()
    )


def document_of(text: str) -> Any:
    """The object or the list that a text holds; `NO_DOCUMENT` for any other."""
    begun = text.lstrip()[:1]
    if begun not in ("{", "[") or len(text) > MAX_DOCUMENT:
        return NO_DOCUMENT
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
        return NO_DOCUMENT


class DocumentComparison:
    """The comparison of two documents.

    - `rules`: of the route; None: numbers and texts as they are, as arguments of tools are
    - `same_text`: whether two texts inside say the same
    - `steps`: parts that may be looked at; further ones are compared as they are, and lists by place
    """

    __slots__ = ("_rules", "_same_text", "left")

    def __init__(self, rules: AnswerRules | None, same_text: SameText = str.__eq__, steps: int = MAX_DOCUMENT) -> None:
        self._rules, self._same_text = rules, same_text
        self.left = steps
        """Parts that may still be looked at."""

    def differs(self, a: Any, b: Any, path: str = "", depth: int = 0) -> str | None:
        """The path of the first difference, "" being the whole; None where there is none.

        >>> exact = DocumentComparison(None)
        >>> exact.differs({"a": 1, "b": [1, 2]}, {"b": [1.0, 2], "a": 1}), exact.differs({"a": [1]}, {"a": [2]})
        (None, 'a[0]')
        """
        if path and self._rules is not None and self._rules.ignored.has(path):
            return None
        self.left -= 1
        if depth >= MAX_DEPTH or self.left < 0 or type(a) is bool or type(b) is bool:
            return None if type(a) is type(b) and a == b else path
        if isinstance(a, dict) and isinstance(b, dict):
            return self._objects(a, b, path, depth)
        if isinstance(a, list) and isinstance(b, list):
            return self._lists(a, b, path, depth)
        return None if self._leaves(a, b, path) else path

    def _objects(self, a: dict[str, Any], b: dict[str, Any], path: str, depth: int) -> str | None:
        for key in sorted(a.keys() | b.keys()):
            place = f"{path}.{key}" if path else key
            if key not in a or key not in b:
                if self._rules is None or not self._rules.ignored.has(place):
                    return place
            elif (found := self.differs(a[key], b[key], place, depth + 1)) is not None:
                return found
        return None

    def _lists(self, a: list[Any], b: list[Any], path: str, depth: int) -> str | None:
        if len(a) != len(b):
            return path
        if self._rules is not None and len(a) <= MAX_UNORDERED and self._rules.of(path).unordered:
            return self._sets(a, b, path, depth)
        return self._in_order(a, b, path, depth)

    def _in_order(self, a: list[Any], b: list[Any], path: str, depth: int) -> str | None:
        for at, (x, y) in enumerate(zip(a, b, strict=True)):
            if (found := self.differs(x, y, f"{path}[{at}]", depth + 1)) is not None:
                return found
        return None

    def _sets(self, a: list[Any], b: list[Any], path: str, depth: int) -> str | None:
        left = list(b)
        for at, x in enumerate(a):
            place = f"{path}[{at}]"
            met = next((to for to, y in enumerate(left) if self.differs(x, y, place, depth + 1) is None), None)
            if self.left < 0:
                return self._in_order(a, b, path, depth)
            if met is None:
                return place
            del left[met]
        return None

    def _leaves(self, a: Any, b: Any, path: str) -> bool:
        if isinstance(a, str) and isinstance(b, str):
            return a == b or self._same_text(a, b)
        if isinstance(a, int | float) and isinstance(b, int | float):
            return numbers_alike(a, b, self._rules, path)
        return type(a) is type(b) and bool(a == b)


def numbers_alike(a: float, b: float, rules: AnswerRules | None, path: str = "") -> bool:
    """Whether two numbers are near each other: whole ones if they are the same, others by the tolerance of the route,
    or of what `path` names. Without rules they are as they were printed."""
    if type(a) is int and type(b) is int:
        return a == b
    if rules is None:
        return near(a, b, PRINTED, 0.0)
    rule, analysis = rules.of(path), rules.analysis
    relative = analysis.tolerance if rule.tolerance is None else rule.tolerance
    given = analysis.absolute_tolerance if rule.absolute_tolerance is None else rule.absolute_tolerance
    return near(a, b, relative, FLOOR if given is None else given)
