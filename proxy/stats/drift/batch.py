"""Bodies of one stream that wait to be counted, by layout, packed on arrival: 8 bytes a number.

A list of floats takes 32 bytes a number in as many pieces of memory. Packing it at once is cheaper than leaving it to
numpy, and leaves nothing behind that the next batch would push out of the cache.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

import numpy as np

from proxy.contracts.alike import DOUBLE
from proxy.contracts.observation import Tensor
from proxy.stats.arrays import Floats
from proxy.stats.drift.layout import Signature, readable, signature_of
from proxy.stats.finite import number
from proxy.stats.weight import NUMBER_BYTES, weight_of, weight_of_texts

Packed = bytes
"""Numbers as doubles, row by row."""

_layout = attrgetter("name", "columns", "width", "kind", "rows", "vector")
_texts = attrgetter("texts")


class LayoutGroup:
    """Bodies of one layout.

    >>> group = LayoutGroup((("x", (), 2, "number"), ("color", (), 1, "category")))
    >>> for at in (1.0, 2.0):
    ...     group.update((Tensor("x", 1, 2, "number", [at, 0.0]), Tensor("color", 1, 1, "category", ["red"])))
    >>> numbers, categories = group.tables()
    >>> numbers.tolist(), categories.tolist()
    ([[1.0, 0.0], [2.0, 0.0]], [['red'], ['red']])
    """

    __slots__ = ("_blocks", "bodies", "bytes", "rows", "signature")

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        # A block is one tensor of each body: packed numbers, or a list of categories.
        self._blocks: list[list[Any]] = [[] for _ in signature]
        self.bodies = self.rows = self.bytes = 0

    def update(self, body: Sequence[Tensor]) -> None:
        """Adds one body of this layout: its tensors, in the order of the signature."""
        self.bodies += 1
        self.rows += body[0].rows
        self.bytes += weight_of(body)
        for block, tensor in zip(self._blocks, body, strict=True):
            data = tensor.data
            if tensor.kind == "number":
                block.append(_packed(data))
            else:
                block.extend(data)

    def update_rows(self, rows: Sequence[Sequence[Any]]) -> None:
        """Adds bodies of this layout that are one row of one tensor each, `rows` (bodies, width)."""
        self.bodies += len(rows)
        self.rows += len(rows)
        (_, _, width, kind), (block,) = self.signature[0], self._blocks
        if kind == "number":
            pack = _packer(width)
            try:
                block += [pack(*row) for row in rows]
            except NOT_DOUBLES:
                block += map(_packed, rows)
            self.bytes += NUMBER_BYTES * width * len(rows)
        else:
            for row in rows:
                block += row
                self.bytes += weight_of_texts(row)

    def update_packed(self, bodies: int, rows: Packed) -> None:
        """Adds bodies of this layout that are one row of one tensor of numbers each, as doubles, shape (bodies,
        width)."""
        self.bodies += bodies
        self.rows += bodies
        self._blocks[0].append(rows)
        self.bytes += NUMBER_BYTES * (len(rows) // DOUBLE)

    def update_tables(self, bodies: int, rows: int, tables: Sequence[Floats]) -> None:
        """Adds bodies of this layout by their blocks, `tables` (rows of all, width) of numbers."""
        self.bodies += bodies
        self.rows += rows
        for block, table in zip(self._blocks, tables, strict=True):
            block.append(table.tobytes())
            self.bytes += NUMBER_BYTES * table.size

    def tables(self) -> list[Any]:
        """One array (rows, width) for each block of the signature: floats, or objects for categories."""
        return [_table(block, each[3], each[2]) for block, each in zip(self._blocks, self.signature, strict=True)]


def _table(block: list[Any], kind: str, width: int) -> Any:
    if kind == "number":
        return np.frombuffer(b"".join(block)).reshape(-1, width)
    table = np.empty(len(block), dtype=np.object_)
    table[:] = block
    return table.reshape(-1, width)


NOT_DOUBLES = (OverflowError, struct.error)


def _packed(data: Sequence[Any]) -> bytes:
    """Numbers as doubles; NaN for what is none."""
    try:
        return _packer(len(data))(*data)
    except NOT_DOUBLES:
        return _packer(len(data))(*map(number, data))


@lru_cache(maxsize=1024)
def _packer(values: int) -> Callable[..., bytes]:
    return struct.Struct(f"{values}d").pack


class Batch:
    """Bodies of one stream and share since `since` (monotonic seconds), a `LayoutGroup` for each layout."""

    __slots__ = ("bodies", "groups", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        self.bodies = 0
        self.groups: dict[Signature, LayoutGroup] = {}

    @property
    def bytes(self) -> int:
        """What the bodies take."""
        return sum([group.bytes for group in self.groups.values()])

    def update(self, bodies: Sequence[Sequence[Tensor]], alike: bool = False) -> None:
        """Adds bodies, each a sequence of tensors; tensors that are no table of features are left out. `alike`: they
        are known to be (`are_alike`)."""
        first = bodies[0]
        if first[0].rows == 1 and readable(first) and (alike or are_alike(bodies)):
            self._group(first).update_rows([body[0].data for body in bodies])
            self.bodies += len(bodies)
            return
        for body in map(readable, bodies):
            if body:
                self._group(body).update(body)
                self.bodies += 1

    def update_tables(self, bodies: int, rows: int, named: Sequence[tuple[tuple[str, ...], Floats]]) -> None:
        """Adds bodies of one layout by what is derived of them: the names of columns, and a table (rows, columns)."""
        signature: Signature = tuple([("", names, len(names), "number") for names, _ in named])
        self._group_of(signature).update_tables(bodies, rows, [table for _, table in named])
        self.bodies += bodies

    def update_packed(self, bodies: int, layout: Tensor, rows: Packed) -> None:
        """Adds bodies of one row of numbers each: a tensor less its values, and those of all, shape (bodies, width)."""
        self._group((layout,)).update_packed(bodies, rows)
        self.bodies += bodies

    def _group(self, body: Sequence[Tensor]) -> LayoutGroup:
        return self._group_of(signature_of(body))

    def _group_of(self, signature: Signature) -> LayoutGroup:
        group = self.groups.get(signature)
        if group is None:
            group = self.groups[signature] = LayoutGroup(signature)
        return group


def are_alike(bodies: Sequence[Sequence[Tensor]]) -> bool:
    """Whether each body is one tensor without texts, all of one layout, as in most batches: what is true of one of them
    is then true of all, and is asked once."""
    if set(map(len, bodies)) != {1}:
        return False
    tensors = [body[0] for body in bodies]
    return len(set(map(_layout, tensors))) == 1 and not any(map(_texts, tensors))
