"""Keyed hashes in place of values: equal values stay equal, and whoever has not the key cannot try values out.

A hash has the kind of what it replaces, so that the body stays one that a model takes: a text becomes a text, a whole
number a whole number, a tensor keeps its datatype. Of values that have few forms the hash tells too much, and they go:
true and false become null.

BLAKE2b in its keyed mode (RFC 7693 §2.9).
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np
import orjson

from proxy.payload.oip_binary import TYPES

BITS: dict[str, int] = {
    "BOOL": 0,
    "UINT8": 8,
    "INT8": 7,
    "UINT16": 16,
    "INT16": 15,
    "FP16": 11,
    "BF16": 8,
    "UINT32": 32,
    "INT32": 31,
    "FP32": 24,
    "UINT64": 53,
    "INT64": 53,
    "FP64": 53,
}
"""Bits of a hash that a number of the datatype holds exactly."""

INTEGER_BITS, FLOAT_BITS = 31, 24
"""The same of numbers whose datatype nobody says: a model reads them as 32 bits at the least."""


class Raw(msgspec.Struct, frozen=True):
    """The bytes of a raw tensor."""

    data: bytes
    datatype: str


class Digest:
    """Hashes by one key."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = blake2b(key, digest_size=64).digest()

    def fingerprint(self) -> str:
        """What tells one key from another, and tells nothing else."""
        return self._of(b"fingerprint").hex()

    def number(self, value: int) -> int:
        """A whole number of 63 bits in place of another; 0 stays 0."""
        return int.from_bytes(self._of(b"k%d" % value), "big") >> 1 or 1 if value else 0

    def text(self, value: bytes) -> str:
        """A text in place of another."""
        return self._of(b"s" + value).hex()

    def value(self, value: Any, datatype: str = "") -> Any:
        """What stands in place of a value of JSON, or of a raw tensor."""
        if isinstance(value, Raw):
            return Raw(self._raw(value), value.datatype)
        if value is None or isinstance(value, bool):
            return None
        if isinstance(value, str):
            return self.text(value.encode(errors="surrogatepass"))
        if isinstance(value, list):
            return [self.value(each, datatype) for each in value]
        if isinstance(value, dict):
            return self.text(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))
        return self._numeric(value, datatype)

    def _numeric(self, value: float, datatype: str) -> float:
        whole = isinstance(value, int)
        bits = BITS.get(datatype, INTEGER_BITS if whole else FLOAT_BITS)
        plain = int(value) if whole or float(value).is_integer() else value
        found = int.from_bytes(self._of(f"n{plain!r}".encode()), "big") & ((1 << bits) - 1)
        return found if whole else float(found)

    def _raw(self, tensor: Raw) -> bytes:
        if tensor.datatype == "BYTES":
            return _joined([self.text(each).encode() for each in _strings(tensor.data)])
        if tensor.datatype == "BF16":  # two bytes that numpy has no name for
            words = np.frombuffer(tensor.data, dtype="<u2")
            return np.array([self._numeric(int(each), "BF16") for each in words], dtype="<u2").tobytes()
        kind = TYPES[tensor.datatype]
        hashed = [self._numeric(each, tensor.datatype) for each in np.frombuffer(tensor.data, dtype=kind).tolist()]
        return np.array(hashed, dtype=kind).tobytes()

    def _of(self, data: bytes) -> bytes:
        return blake2b(data, key=self._key, digest_size=8).digest()


def _strings(raw: bytes) -> list[bytes]:
    """The elements of a tensor of BYTES. Raises ValueError."""
    found, at = [], 0
    while at < len(raw):
        size = int.from_bytes(raw[at : at + 4], "little")
        if at + 4 + size > len(raw):
            raise ValueError("an element that leads beyond the end")
        found.append(raw[at + 4 : at + 4 + size])
        at += 4 + size
    return found


def _joined(elements: list[bytes]) -> bytes:
    return b"".join([len(each).to_bytes(4, "little") + each for each in elements])
