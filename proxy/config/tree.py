"""YAML text → a tree of mappings, lists and texts, with every mistake of form reported at its path.

Rules:
- A scalar stays the text that was written. YAML would turn a commit `123e4567` into a float, `off` into False and
  `22:22` into 1342; here the field that reads a text decides what it means.
- `${VAR}` and `${VAR:-default}` are replaced after parsing, so a value from the environment can hold anything and still
  never change the structure of the file. `$${` stands for a literal `${`.
- A key that appears twice, a tag, a merge key and a recursive alias are mistakes: each would hide something.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import yaml

from proxy.contracts.settings import Problem

Tree = str | list["Tree"] | dict[str, "Tree"]
"""Contents of a file: texts, lists and mappings, which keep their order."""

MAX_CHARACTERS = 1024 * 1024
"""Characters of a configuration. A thousand routes take about a third of it."""

MAX_TREE_VALUES = 100_000
"""Values in the tree. Aliases make a tree larger than its text; this keeps it from exploding."""

_VARIABLE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}\n]*))?\}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_MARK = re.compile("\ue000([0-9]+)\ue001")
_PLAIN = {
    f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "timestamp", "value", "map", "seq")
}


class UnreadableFile(Exception):
    """Not a tree at all; nothing more can be said about the file."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def read_tree(text: str, environ: Mapping[str, str], problems: list[Problem]) -> Tree:
    """The tree of a file; mistakes that leave a tree go to `problems`, others raise UnreadableFile."""
    if len(text) > MAX_CHARACTERS:
        raise UnreadableFile(Problem("", f"{len(text)} characters", f"at most {MAX_CHARACTERS}"))
    if "\ue000" in text:
        raise UnreadableFile(Problem("", "the character U+E000", "text without private-use characters"))
    text, values = _mark_variables(text)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        return "" if node is None else _Walk(environ, values, problems).tree(node, "")
    except yaml.MarkedYAMLError as error:
        raise UnreadableFile(_syntax(error)) from error
    except yaml.YAMLError as error:
        raise UnreadableFile(Problem("", " ".join(str(error).split()), "YAML")) from error
    except RecursionError as error:
        raise UnreadableFile(Problem("", "values nested too deeply", "at most a few hundred levels")) from error


def _mark_variables(text: str) -> tuple[str, list[re.Match[str]]]:
    """The text with a mark in place of each substitution: `{` and `}` would mean something to YAML."""
    matches: list[re.Match[str]] = []

    def mark(match: re.Match[str]) -> str:
        matches.append(match)
        return f"\ue000{len(matches) - 1}\ue001"

    return _VARIABLE.sub(mark, text), matches


def _syntax(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark
    where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return Problem(where, _MARK.sub("${…}", error.problem or "a syntax error"), "valid YAML")


class _Walk:
    """One pass over the nodes of a file."""

    __slots__ = ("_count", "_environ", "_open", "_problems", "_variables")

    def __init__(self, environ: Mapping[str, str], variables: list[re.Match[str]], problems: list[Problem]) -> None:
        self._environ = environ
        self._variables = variables
        self._problems = problems
        self._open: set[int] = set()
        self._count = 0

    def tree(self, node: yaml.Node, path: str) -> Tree:
        self._admit(node, path)
        if isinstance(node, yaml.ScalarNode):
            return self._text(node.value, path)
        self._open.add(id(node))
        tree = self._mapping(node, path) if isinstance(node, yaml.MappingNode) else self._list(node, path)
        self._open.discard(id(node))
        return tree

    def _admit(self, node: yaml.Node, path: str) -> None:
        self._count += 1
        if self._count > MAX_TREE_VALUES:
            raise UnreadableFile(Problem(path, f"more than {MAX_TREE_VALUES} values", f"at most {MAX_TREE_VALUES}"))
        if id(node) in self._open:
            raise UnreadableFile(Problem(path, "an alias of a value inside itself", "aliases of finished values"))
        if node.tag not in _PLAIN:
            self._problems.append(Problem(path, f"the tag {node.tag}", "values without tags"))

    def _list(self, node: yaml.Node, path: str) -> Tree:
        return [self.tree(child, f"{path}[{index}]") for index, child in enumerate(node.value)]

    def _mapping(self, node: yaml.MappingNode, path: str) -> Tree:
        tree: dict[str, Tree] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._problems.append(Problem(path, "a list or mapping as a key", "a text as each key"))
                continue
            key = self._text(key_node.value, path)
            at = join(path, key)
            if key in tree:
                self._problems.append(Problem(at, "the same key twice", "each key once"))
            tree[key] = self.tree(value_node, at)
        return tree

    def _text(self, text: str, path: str) -> str:
        text = _MARK.sub(lambda mark: self._value(self._variables[int(mark[1])], path), text)
        if _SURROGATE.search(text):  # an escape in the file, or a byte of the environment that is not UTF-8
            self._problems.append(Problem(path, "half of a character (a lone surrogate)", "whole characters"))
            return ""
        return text

    def _value(self, variable: re.Match[str], path: str) -> str:
        name, default = variable[1], variable[2]
        if name is None:
            return "${"
        value = self._environ.get(name, "")
        if value or default is not None:
            return value or default
        if name in self._environ:
            return ""
        allowed = f"a variable that is set, or ${{{name}:-a default}}"
        self._problems.append(Problem(path, f"the environment variable {name}, which is not set", allowed))
        return ""


def join(path: str, key: str) -> str:
    """The path of `key` below `path`."""
    return f"{path}.{key}" if path else key
