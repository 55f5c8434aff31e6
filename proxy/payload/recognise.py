"""Which protocol an exchange speaks, by what it looks like.

The answer tells more than the path, which gateways rename, and the path more than the request. Only marks count that no
other protocol has; JSON without any is plain JSON.

| protocol | answer | path | request |
|---|---|---|---|
| `oip` | tensors in `outputs`, `text_output` of a model; gRPC | `…/infer` | tensors in `inputs`, `text_input`; gRPC |
| `mlflow` | | `/invocations` | `dataframe_split`, `dataframe_records` |
| `kserve-v1` | `predictions` | `…:predict` | `instances` |
| `openai` | `choices`, objects and events of its kin | `…/completions` | `messages`, `input` of a model |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import orjson

from proxy.contracts.grpc_status import is_grpc
from proxy.contracts.record import Record
from proxy.contracts.settings import DEFAULT_ANALYSIS
from proxy.contracts.table import OIP_SERVICE, Protocol
from proxy.payload.cost import refuse_costly_document, refuse_costly_stream
from proxy.payload.encoding import coding_of, decompress
from proxy.payload.reading import HEAD_LENGTH, Body, Unreadable, field
from proxy.payload.sse import EventReader, events_from, is_stream

Spoken = Protocol | Literal[""]
"""A protocol, or "": nothing tells which."""

OBJECTS = frozenset(("response", "text_completion", "chat.completion", "chat.completion.chunk", "list", "message"))
"""Values of `object` and `type` in answers of OpenAI's kin."""

PATHS: dict[str, Protocol] = {
    **dict.fromkeys(("/infer", "/infer_stream"), "oip"),
    **dict.fromkeys((":predict", ":explain", ":classify", ":regress"), "kserve-v1"),
    "/invocations": "mlflow",
    **dict.fromkeys(("/completions", "/responses", "/messages", "/embeddings", "/rerank", "/moderations"), "openai"),
    **dict.fromkeys(("/transcriptions", "/translations", "/speech", "/images/generations", "/api/chat"), "openai"),
    **dict.fromkeys(("/api/generate", "/api/embed", "/api/embeddings", "/embed", "/v2/chat", "/detokenize"), "openai"),
    **dict.fromkeys((":generateContent", ":streamGenerateContent", ":embedContent", "/generate_stream"), "openai"),
}
"""Ends of paths that one protocol has."""


def looks_like(record: Record) -> Spoken:
    """The protocol that an exchange speaks. Never raises."""
    if any(
        is_grpc(field(fields.lower(), b"content-type")) for fields in (record.response_fields, record.request_fields)
    ):
        return "oip" if not record.path or OIP_SERVICE in record.path else "grpc"
    answered = not record.failure and 200 <= record.status < 300
    answer = _first(record.response or record.beginning, record.response_fields) if answered else None
    told = _by(ANSWERS, answer)
    path = _by_path(record.path.replace("%3A", ":").replace("%3a", ":"))
    if told == "kserve-v1" and path == "mlflow":
        return path
    asked = _first(record.request, record.request_fields)
    return told or path or _by(REQUESTS, asked) or ("json" if answer is not None else "")


def _by_path(path: str) -> Spoken:
    if "/v2/models/" in path:
        return "oip"
    return next((spoken for end, spoken in PATHS.items() if path.endswith(end)), "")


def _first(data: bytes | None, fields: bytes) -> Any:
    """A body as JSON, or the first event of a stream; None: it is none."""
    body = Body(data or b"", fields.lower(), DEFAULT_ANALYSIS)
    try:
        if coding := coding_of(body.fields):
            body.data = decompress(body.data, coding)
        if is_stream(body):
            return _event(events_from(body), body.data)
        length = field(body.fields, HEAD_LENGTH)
        head = body.data[: int(length)] if length.isdigit() and len(length) < 10 else body.data
        refuse_costly_document(head)
        return orjson.loads(head)
    except (Unreadable, orjson.JSONDecodeError):
        return None


def _event(events: EventReader, data: bytes) -> Any:
    refuse_costly_stream(data)
    event = events.next()
    return None if event is None else orjson.loads(event.data)


def _by(marks: Mapping[Protocol, Callable[[Mapping[str, Any]], bool]], document: Any) -> Spoken:
    if isinstance(document, list) and document and isinstance(document[0], dict):
        document = {name: document[0][name] for name in GENERATED if name in document[0]}  # in an array: TGI, Gemini
    if not isinstance(document, dict):
        return ""
    return next((spoken for spoken, marked in marks.items() if marked(document)), "")


def _are_tensors(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(e, dict) and "datatype" in e for e in value)


def _is_openai(answer: Mapping[str, Any]) -> bool:
    if not GENERATED.isdisjoint(answer) or ("done" in answer and not OLLAMA.isdisjoint(answer)):
        return True
    kinds = {kind for name in ("object", "type") if isinstance(kind := answer.get(name), str)}
    if isinstance(answer.get("choices"), list) or not OBJECTS.isdisjoint(kinds):
        return True
    return any(kind.startswith(("response.", "message_", "content_block", "transcript.")) for kind in kinds)


GENERATED = frozenset(("generated_text", "candidates", "usageMetadata"))
"""Fields of answers of TGI and Gemini."""
OLLAMA = frozenset(("response", "message"))
"""Fields of Ollama's answers, beside `done`."""
ASKED = frozenset(("input", "prompt"))

CONTENTS = frozenset(("messages", "contents"))

ANSWERS: dict[Protocol, Callable[[Mapping[str, Any]], bool]] = {
    "oip": lambda answer: _are_tensors(answer.get("outputs")) or ("model_name" in answer and "text_output" in answer),
    "kserve-v1": lambda answer: isinstance(answer.get("predictions"), list),
    "openai": _is_openai,
}
REQUESTS: dict[Protocol, Callable[[Mapping[str, Any]], bool]] = {
    "oip": lambda request: _are_tensors(request.get("inputs")) or "text_input" in request,
    "mlflow": lambda request: "dataframe_split" in request or "dataframe_records" in request,
    "kserve-v1": lambda request: isinstance(request.get("instances"), list),
    "openai": lambda request: (
        not CONTENTS.isdisjoint(request) or ("model" in request and not ASKED.isdisjoint(request))
    ),
}
