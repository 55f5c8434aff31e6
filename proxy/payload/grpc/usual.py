"""Messages that are like one that was read before, but for their numbers: read in one step, as nearly all are.

A client writes its requests alike, and a server its answers: the same names, types and shapes at the same places. Of a
message that was read the slow way it is kept where its numbers stand, and what stands around them (`MessageForm`). In a
message of that length which has the same around them, every tag and every length is the same, so its numbers stand
there, too. Its id may differ: it says nothing.

1. A form is made at the second, fourth, eighth … message in a row that has none of its length: messages that are never
   alike cost nothing.
2. Only tensors of two dimensions, of numbers, in one field each, have forms. All else is read the slow way.
3. What forms keep is bounded: `MAX_LENGTHS` x `MAX_FORMS` x `MAX_AROUND` bytes.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any

import numpy as np

from proxy.contracts.datatypes import INTEGER_TYPES, LETTERS
from proxy.contracts.grpc_status import PREFIX
from proxy.contracts.identity import IDENTITY_FIELDS, identity_of
from proxy.contracts.observation import MANY, Tensor
from proxy.payload.grpc import inference
from proxy.payload.grpc.numbers import DOUBLE, FLOAT, INT64
from proxy.payload.grpc.wire import BYTES, located
from proxy.payload.reading import MAX_DEPTH, MAX_TENSOR_VALUES, MAX_TENSORS, Unreadable, name_of, packed

MAX_LENGTHS = 256
"""Lengths of messages that have forms; with one more all begin anew."""
MAX_FORMS = 4
"""MessageForms of one length: models that are asked alike."""
MAX_AROUND = 2048
"""Bytes around the numbers of a message that has a form."""

ID = 3
"""The field of a request's, or an answer's, id."""

MAX_VALUES = MAX_TENSOR_VALUES // 4
"""Values of all tensors of a message that has a form."""

ReadNumbers = Callable[[bytes], list[Any]]


class TensorPlace:
    """Where the numbers of a tensor stand, and all that is known of it."""

    __slots__ = ("begin", "datatype", "end", "integer", "name", "read", "rows", "width")

    def __init__(self, name: str, rows: int, width: int, datatype: str) -> None:
        self.name, self.rows, self.width, self.datatype = name_of(name), rows, width, datatype
        self.integer = datatype in INTEGER_TYPES
        self.begin = self.end = 0
        self.read: ReadNumbers | Struct | None = None

    def tensor(self, data: bytes) -> Tensor | None:
        """The tensor in a message of the form; None: it has other values than its shape asks for."""
        read, size = self.read, self.rows * self.width
        if isinstance(read, Struct) and size >= MANY and not self.integer:
            wide = np.frombuffer(data, read.format[:1] + read.format[-1:], size, self.begin).astype(np.float64)
            return self._made(array("d", wide.tobytes()))
        if isinstance(read, Struct):
            values = list(read.unpack_from(data, self.begin))
        else:
            assert read is not None
            values = read(data[self.begin : self.end])
            if len(values) != size:
                return None
        return self._made(values if self.integer else packed(values))

    def _made(self, kept: Sequence[Any]) -> Tensor:
        return Tensor(
            *(self.name, self.rows, self.width, "number", kept, (), self.integer, False, False, (), self.datatype)
        )


class MessageForm:
    """Messages that differ in their numbers and ids alone. `said`: the model that a request names, or who answers."""

    __slots__ = ("_around", "_places", "said")

    def __init__(self, around: list[tuple[int, int, bytes]], places: list[TensorPlace], said: str) -> None:
        self._around, self._places, self.said = around, places, said

    def read(self, data: bytes) -> tuple[Tensor, ...] | None:
        """The tensors of a message; None: it is not of this form."""
        for begin, end, piece in self._around:
            if data[begin:end] != piece:
                return None
        tensors = []
        for place in self._places:
            tensor = place.tensor(data)
            if tensor is None:
                return None
            tensors.append(tensor)
        return tuple(tensors)


class MessageForms:
    """The forms of messages in one direction."""

    __slots__ = ("_known", "_misses", "_raw", "_tensors")

    def __init__(self, tensors: int, raw: int) -> None:
        self._tensors, self._raw = tensors, raw
        self._known: dict[int, list[MessageForm]] = {}
        self._misses: dict[int, int] = {}

    def read(self, data: bytes) -> tuple[tuple[Tensor, ...], str] | None:
        """The tensors of a framed message, and what it says of its model; None: it is to be read the slow way."""
        size = len(data)
        for form in self._known.get(size, ()):
            try:
                tensors = form.read(data)
            except Unreadable:
                continue
            if tensors is not None:
                return tensors, form.said
        misses = self._misses[size] = self._misses.get(size, 0) + 1
        if misses > 1 and not misses & (misses - 1):
            self._learn(data)
        elif len(self._misses) > MAX_LENGTHS:
            self._misses.clear()
            self._known.clear()
        return None

    def _learn(self, data: bytes) -> None:
        try:
            form = form_of(data, self._tensors, self._raw)
        except (Unreadable, UnicodeDecodeError):
            return
        if form is not None:
            self._known[len(data)] = [form, *self._known.get(len(data), ())][:MAX_FORMS]


REQUESTS = MessageForms(inference.INPUTS, inference.RAW)
ANSWERS = MessageForms(inference.OUTPUTS, inference.RAW_OUTPUTS)


def form_of(data: bytes, tensors: int, raw: int) -> MessageForm | None:
    """The form of a framed message; None: it has none. Raises Unreadable, UnicodeDecodeError."""
    if data[0] or int.from_bytes(data[1:PREFIX], "big") != len(data) - PREFIX:
        return None
    places: list[TensorPlace] = []
    raws: list[tuple[int, int]] = []
    gaps: list[tuple[int, int]] = []
    names: dict[str, str] = {}
    for number, kind, begin, end in located(data, PREFIX, len(data)):
        if kind != BYTES:
            return None
        if number == ID:
            gaps.append((begin, end))
        elif number == raw:
            raws.append((begin, end))
        elif number in (inference.MODEL_NAME, inference.MODEL_VERSION):
            names["model_name" if number == inference.MODEL_NAME else "model_version"] = data[begin:end].decode()
        elif number == tensors:
            place = _place(data, begin, end)
            if place is None:
                return None
            places.append(place)
    if not places or len(places) > MAX_TENSORS or (raws and len(raws) != len(places)):
        return None
    for place, span in zip(places, raws, strict=False):
        if place.read is not None or not _read_raw(place, *span):
            return None
    gaps += [(place.begin, place.end) for place in places]
    if any(place.read is None for place in places) or sum(place.rows * place.width for place in places) > MAX_VALUES:
        return None
    if raw == inference.RAW:
        said = names.get("model_name", "")
    else:
        said = identity_of({name: names.get(name) for name in IDENTITY_FIELDS["oip"]})
    around = _around(data, sorted(gaps))
    return MessageForm(around, places, said) if sum(len(piece) for _, _, piece in around) <= MAX_AROUND else None


def _place(data: bytes, begin: int, end: int) -> TensorPlace | None:
    """The tensor in these bytes; where its numbers are, if they are typed."""
    name = datatype = ""
    shape: list[int] = []
    typed: list[tuple[int, int]] = []
    for number, kind, at, until in located(data, begin, end):
        if number == inference.NAME and kind == BYTES:
            name = data[at:until].decode()
        elif number == inference.DATATYPE and kind == BYTES:
            datatype = data[at:until].decode()
        elif number == inference.SHAPE and kind == BYTES:
            INT64.take(shape, kind, data[at:until], MAX_DEPTH)
        elif number == inference.TYPED and kind == BYTES:
            typed.append((at, until))
        elif number == inference.SHAPE:
            return None
    if len(shape) != 2 or min(shape) < 1 or len(typed) > 1 or datatype not in LETTERS:
        return None
    place = TensorPlace(name, shape[0], shape[1], datatype)
    return place if not typed or _read_typed(place, data, *typed[0]) else None


def _read_typed(place: TensorPlace, data: bytes, begin: int, end: int) -> bool:
    number, numbers = inference.CONTENTS.get(place.datatype, (0, None))
    found = list(located(data, begin, end))
    if numbers is None or len(found) != 1 or found[0][:2] != (number, BYTES):
        return False
    _, _, place.begin, place.end = found[0]
    if numbers in (DOUBLE, FLOAT):
        return _fixed(place, "d" if numbers is DOUBLE else "f")
    place.read = numbers.packed
    return True


def _read_raw(place: TensorPlace, begin: int, end: int) -> bool:
    place.begin, place.end = begin, end
    return _fixed(place, LETTERS[place.datatype])


def _fixed(place: TensorPlace, letter: str) -> bool:
    read = Struct(f"<{place.rows * place.width}{letter}") if place.rows * place.width <= MAX_VALUES else None
    place.read = read
    return read is not None and read.size == place.end - place.begin


def _around(data: bytes, gaps: list[tuple[int, int]]) -> list[tuple[int, int, bytes]]:
    begins, ends = [0, *[end for _, end in gaps]], [*[begin for begin, _ in gaps], len(data)]
    return [(begin, end, data[begin:end]) for begin, end in zip(begins, ends, strict=True) if begin < end]
