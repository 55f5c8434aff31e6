"""Operations on the text of YAML: comments, order, quotes and all that is not touched stay byte for byte.

Each operation becomes an insertion or a replacement at the place of its node. What comes out is read again: where it is
not what the operations make of the values (an alias, a form that this does not know), the document is written anew, and
its comments are lost; the caller is told.
"""

from __future__ import annotations

import re
from json import dumps
from typing import Any

import yaml
from msgspec import Struct
from msgspec.structs import replace

from proxy.cli.inject.operations import END, Operation, applied
from proxy.cli.inject.pods import Path

_UNPRINTABLE = re.compile("[\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")

_BREAKS = re.compile("[\x85\u2028\u2029]")
"""Ends of lines to YAML; a reader makes others of them where they are not escaped."""

_PLAIN = re.compile(r"[a-z]+-[a-z-]*[a-z]")
"""Texts that need no quotes: names of ours."""


MAX_VALUES = 200_000
"""Values of a document. Aliases make it larger than its text; this keeps it from exploding."""


class Document(Struct):
    """A document of a stream: its node and its value."""

    node: yaml.Node
    value: Any


class _Edit(Struct, frozen=True):
    """`text` in place of what is from `begin` to `end`."""

    begin: int
    end: int
    text: str
    depth: int = 0
    """Steps of the path: of two insertions at one place the deeper one comes first."""


class _Dumper(yaml.SafeDumper):
    """Lists are indented below their key, as people write manifests."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


class _Literal(_Dumper):
    """Texts of several lines are written as such."""


def _text(dumper: yaml.SafeDumper, data: str) -> yaml.ScalarNode:
    lines = isinstance(dumper, _Literal) and "\n" in data
    style = '"' if _BREAKS.search(data) else "|" if lines else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _text)


def documents(text: str) -> list[Document]:
    """The documents of a stream that are not empty. Raises yaml.YAMLError, ValueError, RecursionError."""
    loader = yaml.SafeLoader(text)
    try:
        found = []
        while loader.check_node():
            node: Any = loader.get_node()
            found.append(Document(node, _tree(loader.construct_document(node), [MAX_VALUES])))
        return [each for each in found if each.value is not None]
    finally:
        loader.dispose()


def _tree(value: Any, left: list[int]) -> Any:
    """A value in which nothing stands in two places: an alias of YAML is one object."""
    left[0] -= 1
    if left[0] < 0:
        raise ValueError(f"more than {MAX_VALUES} values, aliases included")
    if isinstance(value, dict):
        return {key: _tree(each, left) for key, each in value.items()}
    return [_tree(each, left) for each in value] if isinstance(value, list) else value


def written(value: Any) -> str:
    """A document as text, in block style."""
    return _block(value, _Literal)


def _block(value: Any, dumper: type[_Dumper] = _Dumper) -> str:
    return str(yaml.dump(value, Dumper=dumper, sort_keys=False, width=10_000, allow_unicode=True))


def _flow(value: Any, indent: int | None = None) -> str:
    """JSON, which is YAML in flow style once what YAML does not take, or takes for the end of a line, is escaped."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", dumps(value, ensure_ascii=False, indent=indent))


def edited(text: str, changes: list[tuple[Document, list[Operation]]]) -> tuple[str, bool]:
    """The text after the changes, and whether it is the same otherwise; False: comments of what changed are lost."""
    wanted = [applied(document.value, operations) for document, operations in changes]
    try:
        grown: set[int] = set()
        edits = [_edit(text, document.node, each, grown) for document, operations in changes for each in operations]
        made = _applied(text, edits)
        values = [each.value for each in documents(made)]
        if all(value in values for value in wanted):
            return made, True
    except (yaml.YAMLError, LookupError, ValueError):
        pass
    whole = [_anew(document.node, value) for (document, _), value in zip(changes, wanted, strict=True)]
    return _applied(text, whole), False


def _applied(text: str, edits: list[_Edit]) -> str:
    """Edits from the end to the beginning."""
    for _, edit in sorted(enumerate(edits), key=lambda pair: (pair[1].begin, -pair[1].depth, pair[0]), reverse=True):
        text = text[: edit.begin] + edit.text + text[edit.end :]
    return text


def _anew(node: yaml.Node, value: Any) -> _Edit:
    """A document in place of another; its last value may be an alias, so its own mark says where it ends."""
    flow = isinstance(node, yaml.CollectionNode) and bool(node.flow_style)
    return _Edit(node.start_mark.index, node.end_mark.index, _flow(value, 2) if flow else written(value))


def _edit(text: str, root: yaml.Node, operation: Operation, grown: set[int]) -> _Edit:
    *above, last = operation.path
    holder = _node(root, tuple(above))
    if operation.anew:
        return _replacement(root, _node(holder, (last,)), operation.value)
    more: Any
    if last == END:
        more, flow = [operation.value], _flow(operation.value)
    else:
        more = {last: operation.value}
        flow = _flow(more)[1:-1]
    made = _grown(text, holder, more, f", {flow}" if id(holder) in grown or _children(holder) else flow)
    grown.add(id(holder))
    return replace(made, depth=len(operation.path))


def _children(node: yaml.Node) -> bool:
    return isinstance(node, yaml.CollectionNode) and bool(node.value)


def _node(node: yaml.Node, path: Path) -> yaml.Node:
    for step in path:
        if isinstance(node, yaml.MappingNode):
            node = next(value for key, value in node.value if key.value == step)
        else:
            node = node.value[step]
    return node


def _replacement(root: yaml.Node, node: yaml.Node, value: Any) -> _Edit:
    begin, end = node.start_mark.index, _end(node)
    json = isinstance(root, yaml.CollectionNode) and root.flow_style
    said = value if not json and isinstance(value, str) and _PLAIN.fullmatch(value) else _flow(value)
    return _Edit(begin, end, f" {said}" if begin == end else said)


def _grown(text: str, node: yaml.Node, more: Any, flow: str) -> _Edit:
    """A collection with something more at its end: `more` in block style, `flow` in flow style."""
    end = _end(node)
    if not isinstance(node, yaml.CollectionNode):
        raise ValueError("not a collection")
    if node.flow_style:
        if not node.value:
            return _Edit(end - 1, end - 1, flow)
        last = node.value[-1]
        place = _end(last[1] if isinstance(last, tuple) else last)
        return _Edit(place, place, flow)
    indent = " " * node.start_mark.column
    lines = [indent + line if line else line for line in _block(more).rstrip("\n").split("\n")]
    block = "\n".join(lines)
    if text[end - 1 : end] == "\n":
        return _Edit(end, end, block + "\n")
    line_end = text.find("\n", end)
    place = len(text) if line_end < 0 else line_end
    if text[place - 1 : place] == "\r":
        place -= 1
    return _Edit(place, place, "\n" + block)


def _end(node: yaml.Node) -> int:
    """Where the text of a node ends; a block collection ends with its last value."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)
