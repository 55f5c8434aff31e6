"""The corpus: requests and answers as the public specifications show them, each with what is read of them.

A file of `corpus/` holds the pairs of one protocol. Of a pair:

| key | is |
|---|---|
| `ask`, `answer` | a body, as JSON |
| `text`, `media` | a body as it is, and its media type; within `ask` or in place of `answer` |
| `hex`, `media` | bytes in hexadecimal, likewise |
| `form` | a form: fields by name, files as [name, content] |
| `binary`, `raw` | JSON, and the bytes behind it in hexadecimal |
| `events`, `lines` | a stream of events, whose data are JSON or texts; or JSON Lines |
| `named` | whether events have the name of their type |
| `reads` | what is read; what is not in it is not read |
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import yaml
from msgspec import Struct

from proxy.contracts.observation import Observation, Tensor, Text, Usage
from proxy.contracts.record import Record
from proxy.contracts.table import Protocol
from proxy.payload.decode import decode
from tests.support.records import record as made
from tests.support.yaml12 import SafeLoader

CORPUS = Path(__file__).parent / "corpus"
BOUNDARY = "XxX"


class Wire(Struct, frozen=True):
    """A body as it crosses the wire, and its header fields."""

    data: bytes
    fields: bytes


class Exchange(Struct, frozen=True):
    """One pair of the corpus."""

    protocol: Protocol
    path: str
    asked: Wire
    answered: Wire
    reads: dict[str, Any]
    stream: bool


@cache
def exchanges() -> dict[str, Exchange]:
    """All pairs by file and name."""
    return {f"{path.stem}: {pair['name']}": _exchange(file, pair) for path, file in _files() for pair in file["pairs"]}


def _files() -> list[tuple[Path, dict[str, Any]]]:
    return [(path, yaml.load(path.read_text(encoding="utf-8"), SafeLoader)) for path in sorted(CORPUS.glob("*.yaml"))]


def _exchange(file: dict[str, Any], pair: dict[str, Any]) -> Exchange:
    streamed = "events" in pair or "lines" in pair or pair.get("media") == "text/event-stream"
    answered = wire(pair.get("answer", pair), "answer" in pair)
    asked = wire(pair["ask"], not _is_told(pair["ask"]))
    return Exchange(file["protocol"], pair["path"], asked, answered, pair["reads"], streamed)


def _is_told(body: Any) -> bool:
    return (
        isinstance(body, dict)
        and any(name in body for name in ("text", "form", "binary", "hex"))
        and "model" not in body
    )


def wire(told: Any, plain: bool) -> Wire:
    """The body that is told of; `plain`: it is JSON."""
    if plain:
        return Wire(orjson.dumps(told), b"Content-Type: application/json\r\n")
    if "text" in told:
        return Wire(told["text"].encode(), f"Content-Type: {told.get('media', 'application/json')}\r\n".encode())
    if "hex" in told:
        return Wire(bytes.fromhex(told["hex"]), f"Content-Type: {told['media']}\r\n".encode())
    if "form" in told:
        return Wire(_form(told["form"]), f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n".encode())
    if "binary" in told:
        head = orjson.dumps(told["binary"])
        return Wire(head + bytes.fromhex(told["raw"]), b"Inference-Header-Content-Length: %d\r\n" % len(head))
    if "lines" in told:
        lines = [orjson.dumps(line) + b"\n" for line in told["lines"]]
        return Wire(b"".join(lines), b"Content-Type: application/x-ndjson\r\n")
    events = [_event(event, told.get("named", False)) for event in told["events"]]
    return Wire(b"".join(events), b"Content-Type: text/event-stream; charset=utf-8\r\n")


def _event(event: Any, named: bool) -> bytes:
    name = b"event: %s\n" % event["type"].encode() if named and isinstance(event, dict) else b""
    return name + b"data: " + (event.encode() if isinstance(event, str) else orjson.dumps(event)) + b"\n\n"


def _form(fields: dict[str, Any]) -> bytes:
    parts = []
    for name, value in fields.items():
        file = f'; filename="{value[0]}"' if isinstance(value, list) else ""
        content = value[1] if isinstance(value, list) else value
        parts.append(f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n{content}\r\n')
    return ("".join(parts) + f"--{BOUNDARY}--\r\n").encode()


def record_of(pair: Exchange, **more: Any) -> Record:
    """The record of the leg that answered."""
    return made(
        path=pair.path,
        request=pair.asked.data,
        request_fields=pair.asked.fields,
        response=pair.answered.data,
        response_fields=pair.answered.fields,
        **more,
    )


def read(pair: Exchange, **more: Any) -> Observation:
    """What is read of a pair."""
    return decode(record_of(pair, **more), pair.protocol, (0, "a"))


def reading(seen: Observation) -> dict[str, Any]:
    """An observation in the words of the corpus."""
    told: dict[str, Any] = {
        "inputs": [_tensor(each) for each in seen.inputs],
        "unread request": seen.unreadable_request,
        "asked": seen.asked,
        "outputs": [_tensor(each) for each in seen.outputs],
        "text": seen.text and _text(seen.text),
        "usage": seen.usage and _usage(seen.usage),
        "identity": seen.identity,
        "unread": seen.unreadable_response,
        "failed": seen.content,
    }
    return {name: value for name, value in told.items() if value}


def _tensor(tensor: Tensor) -> list[Any]:
    data = [None if isinstance(value, float) and math.isnan(value) else value for value in tensor.data]
    kind = "vector" if tensor.vector else "integer" if tensor.integer else tensor.kind
    columns = [list(tensor.columns)] if tensor.columns else []
    return [tensor.name, f"{tensor.rows}x{tensor.width} {kind}", data, *columns]


def _text(text: Text) -> dict[str, Any]:
    told: dict[str, Any] = {
        "text": text.text,
        "finish": text.finish,
        "tools": [list(call) for call in text.tools],
        "reasoning": text.reasoning,
        "refusal": text.refusal,
        "others": [_text(other) for other in text.others],
    }
    return {name: value for name, value in told.items() if value} or {"text": ""}


def _usage(usage: Usage) -> dict[str, int]:
    counts = {name: getattr(usage, name) for name in usage.__struct_fields__}
    return {name: count for name, count in counts.items() if count is not None}
