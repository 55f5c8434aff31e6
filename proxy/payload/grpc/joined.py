"""The tensors of all messages of a stream as those of one answer: a batch whose rows came one after the other.

1. Numbers of the same name are one tensor, with the rows of all messages. Where messages differ in their width there
   are no rows to tell apart: all values are one.
2. Strings are joined to a text, in their order: what a stream of strings means is what it spells, however a server
   cuts it. Numbers beside them are not kept: they are of pieces that another server would cut elsewhere.
3. Everything is bounded: values by `MAX_TENSOR_VALUES` in all, names by `MAX_TENSORS`, the text by `MAX_SAID`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from proxy.contracts.observation import Tensor
from proxy.payload.language.stream import MAX_SAID
from proxy.payload.reading import MAX_TENSOR_VALUES, MAX_TENSORS, Unreadable


class JoinedTensors:
    """`add` the tensors of each message; `numbers` and `text` are those of the whole.

    - `spells`: whether any of them are strings
    """

    __slots__ = ("_left", "_named", "_room", "_said", "spells")

    def __init__(self) -> None:
        self._named: dict[str, tuple[Tensor, list[int], list[Any]]] = {}
        self._said: list[str] = []
        self._left, self._room = MAX_TENSOR_VALUES, MAX_SAID
        self.spells = False

    @property
    def size(self) -> int:
        """Bytes that it holds, about."""
        return 8 * (MAX_TENSOR_VALUES - self._left) + MAX_SAID - self._room

    def add(self, tensors: tuple[Tensor, ...]) -> None:
        """Takes in the tensors of the next message. Raises Unreadable."""
        for tensor in tensors:
            if tensor.kind == "category":
                self.spells = True
                self._spell(tensor)
            elif not self.spells:
                self._join(tensor)

    def numbers(self) -> tuple[Tensor, ...]:
        """The tensors of numbers, where there are no strings."""
        return () if self.spells else tuple([_whole(*each) for each in self._named.values()])

    def text(self) -> str:
        """What the strings spell."""
        return "".join(self._said)

    def _spell(self, tensor: Tensor) -> None:
        for value in tensor.data:
            if value and self._room > 0:
                self._said.append(value[: self._room])
                self._room -= len(value)

    def _join(self, tensor: Tensor) -> None:
        self._left -= len(tensor.data)
        if self._left < 0:
            raise Unreadable("too_many_values")
        held = self._named.get(tensor.name)
        if held is None:
            if len(self._named) == MAX_TENSORS:
                raise Unreadable("too_many_tensors")
            self._named[tensor.name] = tensor, [tensor.width], list(tensor.data)
            return
        first, widths, values = held
        if tensor.integer != first.integer:
            raise Unreadable("schema")
        if tensor.width != widths[-1]:
            widths.append(tensor.width)
        values += tensor.data


def _whole(first: Tensor, widths: list[int], values: list[Any]) -> Tensor:
    width = len(values) if len(widths) > 1 else widths[0]
    return replace(first, rows=len(values) // width if width else 0, width=width, data=values)
