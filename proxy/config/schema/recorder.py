"""The shape of a configuration, recorded from its reader: which keys it takes, by which parsers, and which it needs.

`KeyRecorder` stands in for a `Section`: it has every key, gives each fallback as value, and notes each question.
So a key that the reader takes is in the schema and in the reference, and one that it does not take is in neither. The
strategy of a release decides which keys it takes; the reader is run once for each of `CASES`, and the answers merged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from proxy.config.load import settings_of
from proxy.config.section import Section
from proxy.config.values import Parser
from proxy.contracts.strategies import STRATEGIES, Strategy

T = TypeVar("T")


class Value(Struct, frozen=True):
    """A single value; `several`: or a list of such."""

    parser: Parser
    several: bool = False


class Names(Struct, frozen=True):
    """A mapping whose keys the user chooses."""

    key: Parser
    node: Node


class Items(Struct, frozen=True):
    """A list."""

    node: Node


class Group(Struct):
    """A mapping with known keys; `required` are those that must be there."""

    keys: dict[str, Node] = {}
    required: set[str] = set()


class Choice(Struct, frozen=True):
    """A word, or a mapping; where there is a parser, also another text."""

    words: tuple[str, ...]
    group: Group
    parser: Parser | None = None


Node = Value | Names | Items | Group | Choice


class Case(Struct, frozen=True):
    """Answers of the recorder where the reader branches on a value."""

    strategy: Strategy
    """The strategy of the release."""
    absent: str = ""
    """A key that is not there ("": all are)."""


CASES = (
    *(Case(row.name) for row in STRATEGIES.values()),
    *(Case(row.name, absent="arms") for row in STRATEGIES.values() if row.arms),
)
"""A strategy with arms names them, or a candidate that gets half."""

ANY = "*"
"""A name that the user chooses, in a path."""


class KeyRecorder(Section):
    """A section that has everything and writes down into `group` what is taken from it."""

    __slots__ = ("_case", "group")

    def __init__(self, group: Group, case: Case) -> None:
        super().__init__({}, "", [])
        self.group, self._case = group, case

    def __contains__(self, key: str) -> bool:
        return key != self._case.absent

    def refuse(self, key: str, found: str, allowed: str, endless: bool = False) -> None:
        """Nothing is wrong with what is not there."""

    def take(self, key: str, parse: Callable[[str], T], fallback: T, *, required: bool = False) -> T:
        self.group.keys[key] = Value(parse)
        if required:
            self.group.required.add(key)
        answer: Any = self._case.strategy if key == "strategy" else fallback
        return answer  # type: ignore[no-any-return]

    def one_or_more(self, key: str, parse: Callable[[str], T], *, required: bool = False) -> tuple[T, ...]:
        self.take(key, parse, None, required=required)
        self.group.keys[key] = Value(parse, several=True)
        return ()

    def section(self, key: str) -> KeyRecorder:
        before = self.group.keys.get(key)
        return self._below(key, before if isinstance(before, Group) else Group())

    def choice(self, key: str, words: Mapping[str, T], parse: Callable[[str], Any] | None = None) -> Section:
        group = Group()
        self.group.keys[key] = Choice(tuple(words), group, parse)
        return KeyRecorder(group, self._case)

    def items(self, key: str) -> Iterator[Section]:
        group = Group()
        self.group.keys[key] = Items(group)
        yield KeyRecorder(group, self._case)

    def values(self, key: str, parse: Callable[[str], T]) -> tuple[T, ...]:
        self.group.keys[key] = Items(Value(parse))
        return ()

    def entries(self, key: str, parse_name: Parser) -> Iterator[tuple[str, Section]]:
        group = Group()
        self.group.keys[key] = Names(parse_name, group)
        yield ANY, KeyRecorder(group, self._case)

    def pairs(self, key: str, parse_key: Callable[[str], str], parse: Callable[[str], T]) -> dict[str, T]:
        self.group.keys[key] = Names(parse_key, Value(parse))
        percent: Any = 1.0
        return {ANY: percent}

    def finish(self) -> None:
        """No key is unknown here."""

    def _below(self, key: str, group: Group) -> KeyRecorder:
        self.group.keys[key] = group
        return KeyRecorder(group, self._case)


def recorded(case: Case) -> Group:
    """The nodes of a file that the reader takes in one case."""
    root = Group()
    settings_of(KeyRecorder(root, case))
    return root


def shape() -> Group:
    """The nodes that the reader takes in any case; a key is required when all cases require it."""
    whole, *others = map(recorded, CASES)
    for other in others:
        whole = _merged(whole, other)
    return whole


def _merged(one: Any, other: Any) -> Any:
    if isinstance(one, Group):
        both = {key: _merged(one.keys[key], other.keys[key]) for key in one.keys if key in other.keys}
        return Group(one.keys | other.keys | both, one.required & other.required)
    return replace(one, node=_merged(one.node, other.node)) if isinstance(one, Names | Items) else one


def walk(node: Node, path: str = "") -> Iterator[tuple[str, Node, bool]]:
    """(path, node, whether it must be there) of everything below `node`, parents first."""
    if isinstance(node, Group):
        for key, child in node.keys.items():
            yield f"{path}.{key}".lstrip("."), child, key in node.required
            yield from walk(child, f"{path}.{key}".lstrip("."))
    if isinstance(node, Names | Items) and not isinstance(node.node, Value):
        yield from walk(node.node, path + (".*" if isinstance(node, Names) else "[]"))
    if isinstance(node, Choice):
        yield from walk(node.group, path)
