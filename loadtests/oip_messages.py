"""Requests and answers of the Open Inference Protocol by gRPC, of those in JSON: what both hold is the same."""

from __future__ import annotations

import struct
from typing import Any

import orjson

GRPC = b"content-type: application/grpc\r\ngrpc-accept-encoding: identity, deflate, gzip\r\n"


def by_grpc(body: bytes, *, raw: bool = False) -> bytes:
    """A body of JSON, whose tensors are FP64 or FP32, as one framed message; `raw`: with the contents beside the
    tensors, as Triton writes them."""
    document: dict[str, Any] = orjson.loads(body)
    asked = "inputs" in document
    tensors = document["inputs" if asked else "outputs"]
    message = b"" if asked else field(1, document["model_name"].encode()) + field(2, document["model_version"].encode())
    contents = b""
    for tensor in tensors:
        single = tensor["datatype"] == "FP32"
        data = struct.pack(f"<{len(tensor['data'])}{'f' if single else 'd'}", *tensor["data"])
        shape = field(3, b"".join(map(varint, tensor["shape"])))
        head = field(1, tensor["name"].encode()) + field(2, tensor["datatype"].encode()) + shape
        message += field(5, head if raw else head + field(5, field(6 if single else 7, data)))
        contents += field(7 if asked else 6, data) if raw else b""
    message += contents
    return b"\0" + len(message).to_bytes(4, "big") + message


def field(number: int, value: bytes) -> bytes:
    """A field of bytes."""
    return bytes((number << 3 | 2,)) + varint(len(value)) + value


def varint(value: int) -> bytes:
    """A number, seven bits at a time."""
    low, rest = value & 0x7F, value >> 7
    return bytes((low | 0x80,)) + varint(rest) if rest else bytes((low,))
