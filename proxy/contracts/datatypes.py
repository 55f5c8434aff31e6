"""The datatypes of tensors in the Open Inference Protocol, and how a value of each is written.

The raw form is little endian, the same bytes in the binary data of REST and in `raw_*_contents` of gRPC. BF16 is the
upper half of an FP32, which `struct` and numpy do not have. BYTES is text of any length, after its length.
"""

from __future__ import annotations

import struct
from typing import Final

LETTERS: Final = {
    "BOOL": "?",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "FP16": "e",
    "FP32": "f",
    "FP64": "d",
}
"""Datatype to how `struct` writes it, and numpy names it."""

FLOAT_TYPES: Final = frozenset(("FP16", "BF16", "FP32", "FP64"))

INTEGER_TYPES: Final = frozenset(LETTERS) - FLOAT_TYPES
"""Booleans are among them."""

WIDTHS: Final = {"BF16": 2} | {datatype: struct.calcsize(f"<{letter}") for datatype, letter in LETTERS.items()}
"""Datatype to the bytes of a raw value."""

CONTENTS_FIELDS: Final = {
    "BOOL": 1,
    "INT8": 2,
    "INT16": 2,
    "INT32": 2,
    "INT64": 3,
    "UINT8": 4,
    "UINT16": 4,
    "UINT32": 4,
    "UINT64": 5,
    "FP32": 6,
    "FP64": 7,
    "BYTES": 8,
}
"""Datatype to the field of `InferTensorContents` (gRPC) that has its values; FP16 and BF16 are raw alone."""
