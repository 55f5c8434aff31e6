"""The messages of the Open Inference Protocol by gRPC, as protobuf's own library reads and writes them: the oracle.

The classes are built from the published numbers and types, as `protoc` would.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

Field = descriptor_pb2.FieldDescriptorProto

TYPES = {
    "string": Field.TYPE_STRING,
    "bytes": Field.TYPE_BYTES,
    "bool": Field.TYPE_BOOL,
    "int32": Field.TYPE_INT32,
    "int64": Field.TYPE_INT64,
    "uint32": Field.TYPE_UINT32,
    "uint64": Field.TYPE_UINT64,
    "float": Field.TYPE_FLOAT,
    "double": Field.TYPE_DOUBLE,
}

TENSOR = [
    (1, "name", "string"),
    (2, "datatype", "string"),
    (3, "shape", "*int64"),
    (4, "parameters", "*Parameter"),
    (5, "contents", "Contents"),
]
MESSAGES: dict[str, list[tuple[int, str, str]]] = {
    "Value": [
        (1, "bool_param", "bool"),
        (2, "int64_param", "int64"),
        (3, "string_param", "string"),
        (4, "double_param", "double"),
        (5, "uint64_param", "uint64"),
    ],
    "Parameter": [(1, "key", "string"), (2, "value", "Value")],
    "Contents": [
        (1, "bool_contents", "*bool"),
        (2, "int_contents", "*int32"),
        (3, "int64_contents", "*int64"),
        (4, "uint_contents", "*uint32"),
        (5, "uint64_contents", "*uint64"),
        (6, "fp32_contents", "*float"),
        (7, "fp64_contents", "*double"),
        (8, "bytes_contents", "*bytes"),
    ],
    "Tensor": TENSOR,
    "Requested": [(1, "name", "string")],
    "ModelInferRequest": [
        (1, "model_name", "string"),
        (2, "model_version", "string"),
        (3, "id", "string"),
        (4, "parameters", "*Parameter"),
        (5, "inputs", "*Tensor"),
        (6, "outputs", "*Requested"),
        (7, "raw_input_contents", "*bytes"),
    ],
    "ModelInferResponse": [
        (1, "model_name", "string"),
        (2, "model_version", "string"),
        (3, "id", "string"),
        (4, "parameters", "*Parameter"),
        (5, "outputs", "*Tensor"),
        (6, "raw_output_contents", "*bytes"),
    ],
    "ServerMetadataResponse": [(1, "name", "string"), (2, "version", "string"), (3, "extensions", "*string")],
    "TensorMetadata": TENSOR[:3],
    "ModelMetadataResponse": [
        (1, "name", "string"),
        (2, "versions", "*string"),
        (3, "platform", "string"),
        (4, "inputs", "*TensorMetadata"),
        (5, "outputs", "*TensorMetadata"),
        (6, "properties", "*Parameter"),
    ],
    "ModelStreamInferResponse": [(1, "error_message", "string"), (2, "infer_response", "ModelInferResponse")],
}
"""Name to fields: number, name, type; `*`: repeated."""

CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(name="inference.proto", package="inference", syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, field, kind in fields:
            repeated, kind = kind.startswith("*"), kind.lstrip("*")
            made = message.field.add(name=field, number=number)
            made.label = Field.LABEL_REPEATED if repeated else Field.LABEL_OPTIONAL
            if kind in TYPES:
                made.type = TYPES[kind]
            else:
                made.type, made.type_name = Field.TYPE_MESSAGE, f".inference.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


_POOL = _pool()


def message(name: str, /, **fields: Any) -> Any:
    """A message of that name."""
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"inference.{name}"))(**fields)


def tensor(name: str, datatype: str, shape: list[int], values: list[Any] | None = None) -> Any:
    """A tensor, with typed contents where there are values."""
    made = message("Tensor", name=name, datatype=datatype, shape=shape)
    if values is not None:
        getattr(made.contents, CONTENTS[datatype]).extend(values)
    return made


def framed(*messages: bytes) -> bytes:
    """A gRPC body."""
    return b"".join(b"\0" + len(each).to_bytes(4, "big") + each for each in messages)
