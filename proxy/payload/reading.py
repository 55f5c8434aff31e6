"""Parts that all codecs share: a body, its content, the one exception, the bounds, and checks of values."""

from __future__ import annotations

import json
import re
import struct
from array import array
from collections.abc import Callable, Sequence
from functools import lru_cache
from math import nan
from typing import Any

import orjson
from msgspec import Struct

from proxy.contracts.bounds import MAX_NAME, MAX_TEXT, shortened
from proxy.contracts.identity import identity_of
from proxy.contracts.observation import MANY, ColumnKind, Tensor, Text, UnreadReason, Usage
from proxy.contracts.settings import Analysis

MAX_TENSORS = 256
"""Tensors (or columns) of one body. A wider frame is not something a per-feature analysis can be read from."""

MAX_TENSOR_VALUES = 262_144
"""Values of one tensor that are looked at: an image batch fits, a stray gigabyte does not."""

MAX_CATEGORY = 64
"""Characters of a string that still counts as a category."""

MAX_DEPTH = 8
"""Nesting of JSON arrays in tensor data; deeper ones are no tensors."""

HEAD_LENGTH = b"inference-header-content-length"
"""The field that says where the JSON of a binary body ends."""

BOM = b"\xef\xbb\xbf"
ODD_NUMBERS = [re.compile(pattern) for pattern in (rb"NaN", rb"Infinity", rb"e\+?\d{3}", rb"E\+?\d{3}")]
"""What may be why JSON that Python reads is none; one by one they are found 20 times faster than together."""

NUMBER_CLASSES = frozenset((int, float, bool))
NONE_TYPE = type(None)


class Unreadable(Exception):
    """A body gives no features. Never leaves this room."""

    def __init__(self, reason: UnreadReason) -> None:
        super().__init__(reason)
        self.reason = reason


class Body(Struct, gc=False):
    """One body, already decompressed. `fields`: header lines in lower case."""

    data: bytes
    """The bytes of the body."""
    fields: bytes
    """Header lines in lower case."""
    analysis: Analysis
    chunks: Sequence[float] = ()
    """Seconds at which pieces of a streamed answer arrived."""
    ends: Sequence[int] = ()
    """Bytes of `data` that had arrived by each of these times; () where that is not known."""
    no_numbers: bool = False
    """The JSON held NaN or Infinity, which JSON has not (RFC 8259 §6) and Python writes."""
    identity: str = ""
    """What the answer says of who gave it, as far as it was read."""
    asked: str = ""
    """The model that a request names."""
    unary: bool = False
    """An answer by gRPC is of a call that has exactly one message."""

    @property
    def one_row(self) -> bool:
        """A flat list of values is a single row."""
        return self.analysis.rows == "one"

    def identify(self, document: Any, names: Sequence[str] = ()) -> None:
        """Notes who gave an answer: a whole one, or a piece of a stream, whose first one counts. `names`: the fields
        in which its protocol says it."""
        if self.identity or not isinstance(document, dict):
            return
        source, pointer = self.analysis.identity.source, self.analysis.identity.name
        if source == "json":
            try:
                self.identity = identity_of({pointer: pointed(document, pointer)})
            except Unreadable:
                return
        elif source == "protocol":
            self.identity = identity_of({name: document.get(name) for name in names})

    def json(self) -> Any:
        """The body as JSON. Raises orjson.JSONDecodeError."""
        return self.parsed(self.data)

    def parsed(self, data: bytes) -> Any:
        """A part of the body as JSON, a byte order mark before it or not. Raises orjson.JSONDecodeError."""
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            bare = data.removeprefix(BOM)
            if not any(pattern.search(bare) for pattern in ODD_NUMBERS):
                if len(bare) == len(data):
                    raise
                return orjson.loads(bare)
        try:
            document = json.loads(bare.decode())
        except ValueError as error:
            raise orjson.JSONDecodeError("neither JSON nor what Python writes", "", 0) from error
        self.no_numbers = True
        return document


class Content(Struct, frozen=True, gc=False):
    """The tensors and the text that a codec reads in a body."""

    tensors: tuple[Tensor, ...] = ()
    text: Text | None = None
    usage: Usage | None = None


def field(fields: bytes, name: bytes) -> bytes:
    """The first value of header `name` in a block of lines, both in lower case, or b""."""
    if name not in fields:
        return b""
    block = b"\r\n" + fields
    at = block.find(b"\r\n" + name + b":")
    if at < 0:
        return b""
    begin = at + len(name) + 3
    end = block.find(b"\r\n", begin)
    return block[begin : end if end >= 0 else None].strip()


def fields_of(value: Any) -> dict[str, Any]:
    """`value` as a JSON object. Raises Unreadable."""
    if not isinstance(value, dict):
        raise Unreadable("schema")
    return value


def checked(data: list[Any], kind: ColumnKind) -> list[Any]:
    """`data` with only what its kind allows: numbers with NaN for null, or strings. Raises Unreadable."""
    types = set(map(type, data))
    if kind == "category":
        if types <= {str, NONE_TYPE}:
            return data
    elif types <= NUMBER_CLASSES:
        return data
    elif types <= NUMBER_CLASSES | {NONE_TYPE}:
        return [nan if value is None else value for value in data]
    raise Unreadable("values")


def packed(data: list[Any]) -> Sequence[Any]:
    """Many numbers as doubles in one piece of memory, which statistics take as it is; few, and what a double would not
    say the same of, as they are. For numbers that are no whole ones by type."""
    if len(data) < MANY:
        return data
    try:
        return array("d", _packer(len(data))(*data))
    except (OverflowError, struct.error):
        return data


@lru_cache(maxsize=64)
def _packer(values: int) -> Callable[..., bytes]:
    return struct.Struct(f"{values}d").pack


def name_of(name: str, most: int = MAX_NAME) -> str:
    """The name of a tensor or column, as it is kept: at most `most` characters, so that names may be put together."""
    return name if len(name) <= most else shortened(name, most)


def kept_texts(column: Sequence[str | None]) -> tuple[str | None, ...]:
    """Texts as far as they are kept."""
    return tuple([text if text is None or len(text) <= MAX_TEXT else shortened(text, MAX_TEXT) for text in column])


def flatten(data: Any) -> list[Any]:
    """Nested arrays as one flat list, row-major; an already flat list is returned as it is. Raises Unreadable."""
    if not isinstance(data, list):
        raise Unreadable("schema")
    values: list[Any] = data
    for _ in range(MAX_DEPTH):
        if len(values) > MAX_TENSOR_VALUES:
            raise Unreadable("too_many_values")
        if not values or not isinstance(values[0], list):
            return values
        if not all(isinstance(row, list) for row in values):
            raise Unreadable("shape")
        values = [value for row in values for value in row]
    raise Unreadable("schema")


def pointed(document: Any, pointer: str) -> Any:
    """The value that a JSON pointer (RFC 6901) leads to; "" is the whole document. Raises Unreadable."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict) and key in document:
            document = document[key]
        elif isinstance(document, list) and key.isdecimal() and int(key) < len(document):
            document = document[int(key)]
        else:
            raise Unreadable("pointer")
    return document
