"""One mapping of a configuration while it is read: every key is either taken by a reader or reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from proxy.config.tree import Tree, join
from proxy.config.values import Parser, Refused, nearest
from proxy.contracts.settings import Problem

T = TypeVar("T")


class Section:
    """A mapping at `path`. Methods take keys; `finish` reports the keys that no method took.

    A value that cannot be read is reported and replaced by its fallback, so that reading goes on and all mistakes of a
    file are reported at once. Fallbacks never leave the configuration: one problem is enough to refuse the file.
    """

    __slots__ = ("_problems", "_taken", "path", "tree")

    def __init__(self, tree: Tree, path: str, problems: list[Problem]) -> None:
        self.path = path
        self._problems = problems
        self._taken: list[str] = []
        self.tree: dict[str, Tree] = tree if isinstance(tree, dict) else {}
        if not isinstance(tree, dict):
            self.refuse("", shown(tree), "a mapping of keys to values")

    def __contains__(self, key: str) -> bool:
        return key in self.tree

    def refuse(self, key: str, found: str, allowed: str, endless: bool = False) -> None:
        """Reports a mistake at `key` ("" for the section itself). `endless`: as in `Problem`."""
        self._problems.append(Problem(join(self.path, key) if key else self.path, found, allowed, endless))

    def refused(self, key: str) -> bool:
        """Whether a mistake of this section was reported at `key`, above it or below it."""
        path = join(self.path, key)
        own = (problem.path for problem in self._problems if _contains(self.path, problem.path))
        return any(_contains(path, place) or _contains(place, path) for place in own)

    def take(self, key: str, parse: Callable[[str], T], fallback: T, *, required: bool = False) -> T:
        """The value of `key`, or `fallback` when it is absent or wrong."""
        self._taken.append(key)
        if key not in self.tree:
            if required:
                self.refuse(key, "nothing", f"this key is required{_hint(parse)}")
            return fallback
        return self._parsed(key, self.tree[key], parse, fallback)

    def fields(self, parsers: Mapping[str, Parser]) -> dict[str, Any]:
        """The given and readable ones of several optional keys: keyword arguments for a Struct with defaults."""
        values = {key: self.take(key, parse, _ABSENT) for key, parse in parsers.items()}
        return {key: value for key, value in values.items() if value is not _ABSENT}

    def section(self, key: str) -> Section:
        """The mapping at `key`; an empty one when it is absent."""
        self._taken.append(key)
        return Section(self.tree.get(key, {}), join(self.path, key), self._problems)

    def choice(
        self, key: str, words: Mapping[str, T], parse: Callable[[str], Any] | None = None
    ) -> T | Section | Any | None:
        """The meaning of a word at `key`, or the mapping that stands there; None when the key is absent. `parse`: reads
        any other text."""
        self._taken.append(key)
        value = self.tree.get(key)
        if value is None or isinstance(value, dict):
            return None if value is None else Section(value, join(self.path, key), self._problems)
        if isinstance(value, str) and value in words:
            return words[value]
        if parse is not None:
            return self._parsed(key, value, parse, None)
        self.refuse(key, shown(value), f"{' | '.join(words)} or a mapping")
        return None

    def one_or_more(self, key: str, parse: Callable[[str], T], *, required: bool = False) -> tuple[T, ...]:
        """The values at `key`: one, or a list that is not empty; none where the key is absent or all are wrong."""
        if not isinstance(self.tree.get(key), list):
            value: Any = self.take(key, parse, _ABSENT, required=required)
            return () if value is _ABSENT else (value,)
        if not self.tree[key]:
            self.refuse(key, "an empty list", f"at least one{_hint(parse)}")
        return self.values(key, parse)

    def items(self, key: str) -> Iterator[Section]:
        """The mappings in the list at `key`."""
        for index, item in enumerate(self._list(key)):
            yield Section(item, f"{join(self.path, key)}[{index}]", self._problems)

    def values(self, key: str, parse: Callable[[str], T]) -> tuple[T, ...]:
        """The values in the list of texts at `key`."""
        parsed = (self._parsed(f"{key}[{index}]", item, parse, _ABSENT) for index, item in enumerate(self._list(key)))
        return tuple(value for value in parsed if value is not _ABSENT)

    def entries(self, key: str, parse_name: Parser) -> Iterator[tuple[str, Section]]:
        """The names and mappings below the mapping at `key`."""
        group = self.section(key)
        for name, tree in group.tree.items():
            section = Section(tree, join(group.path, name), self._problems)
            try:
                parse_name(name)
            except Refused as refused:
                section.refuse("", f"the name {shown(name)}", refused.allowed)
            yield name, section

    def pairs(self, key: str, parse_key: Callable[[str], str], parse: Callable[[str], T]) -> dict[str, T]:
        """The readable keys and values of the mapping at `key`."""
        group, pairs = self.section(key), {}
        for name, tree in group.tree.items():
            parsed_key: Any = group._parsed(name, name, parse_key, _ABSENT)
            value: Any = group._parsed(name, tree, parse, _ABSENT)
            if parsed_key in pairs:
                group.refuse(name, "the same key twice", "each key once, upper and lower case being the same")
            if parsed_key is not _ABSENT and value is not _ABSENT:
                pairs[parsed_key] = value
        return pairs

    def finish(self) -> None:
        """Reports the keys that no method took, each with the nearest key that exists."""
        for key in self.tree:
            if key not in self._taken:
                self.refuse(key, "an unknown key", ", ".join(sorted(set(self._taken))) + nearest(key, self._taken))

    def _list(self, key: str) -> list[Tree]:
        self._taken.append(key)
        tree = self.tree.get(key, [])
        if not isinstance(tree, list):
            self.refuse(key, shown(tree), "a list")
            return []
        return tree

    def _parsed(self, key: str, tree: Tree, parse: Callable[[str], T], fallback: Any) -> T:
        found = None
        try:
            if isinstance(tree, str):
                return parse(tree)
            parse("\0")
            allowed = "a single value"
        except Refused as refused:
            allowed, found = refused.allowed, refused.found if isinstance(tree, str) else None
        self.refuse(key, found or shown(tree), allowed)
        value: T = fallback
        return value


def _contains(outer: str, inner: str) -> bool:
    return inner == outer or inner.startswith((f"{outer}.", f"{outer}["))


_ABSENT: Any = object()


def _hint(parse: Callable[[str], Any]) -> str:
    try:
        parse("\0")
    except Refused as refused:
        return f": {refused.allowed}"
    return ""


def shown(tree: Tree) -> str:
    """A value as a message shows it, cut to 80 characters."""
    if not isinstance(tree, str):
        return "a list" if isinstance(tree, list) else "a mapping"
    if not tree:
        return "nothing"
    return repr(tree if len(tree) <= 80 else tree[:79] + "…")
