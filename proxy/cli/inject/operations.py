"""Additions to values, and replacements in them: JSON Patch (RFC 6902), as far as it is needed."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from msgspec import Struct

from proxy.cli.inject.pods import Path

END = "-"
"""The place after the last item of a list."""


class Operation(Struct, frozen=True):
    """`value` at `path`: a new key, a new item (the last step is `END`), or in place of what is there (`anew`)."""

    path: Path
    value: Any
    anew: bool = False

    def as_json(self) -> dict[str, Any]:
        """The operation as RFC 6902 has it."""
        pointer = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in self.path)
        return {"op": "replace" if self.anew else "add", "path": pointer, "value": self.value}


def at(value: Any, path: Path) -> Any:
    """What stands at a path; None where nothing does."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def applied(value: Any, operations: list[Operation]) -> Any:
    """The value after the operations; the one that is given stays."""
    made = deepcopy(value)
    for operation in operations:
        *above, last = operation.path
        holder = at(made, tuple(above))
        if isinstance(holder, list) and last == END:
            holder.append(deepcopy(operation.value))
        else:
            holder[last] = deepcopy(operation.value)
    return made


def put(value: Any, path: Path, key: str, new: Any) -> list[Operation]:
    """What makes `key` of the mapping at `path` hold `new`, and the mappings above it where there are none."""
    while path and not isinstance(at(value, path), dict):
        if at(value, path[:-1]) is not None and path[-1] in at(value, path[:-1]):
            return [Operation(path, {key: new}, anew=True)]  # null
        path, key, new = path[:-1], str(path[-1]), {key: new}
    held = at(value, path) or {}
    return [] if held.get(key) == new else [Operation((*path, key), new, anew=key in held)]


def append(value: Any, path: Path, items: list[Any]) -> list[Operation]:
    """What puts the items at the end of the list at `path`, which is made where there is none."""
    if not items:
        return []
    if isinstance(at(value, path), list):
        return [Operation((*path, END), item) for item in items]
    return put(value, path[:-1], str(path[-1]), items)
