"""Request logs of KServe and Seldon, a CloudEvent a line: a request and an answer with the same id.

| form | what stands in a line |
|---|---|
| structured | the attributes and `data`, or `data_base64`, side by side |
| binary | `headers` with `ce-id`, `ce-type` …, and the body as `body`, `data` or `payload` |
| of an index | `request` and `response`, each with its `payload`, as Seldon's logger stores both in one document |

An answer comes after its request, and not after `MAX_WAITING` others.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from msgspec import Struct, field
from msgspec.structs import replace

from proxy.cli.capture.columns import UnusableRows, objects_of
from proxy.cli.capture.requests import JSON_FIELDS, ForeignExchange

MAX_WAITING = 10_000
"""Requests that wait for their answers."""

REQUEST, ANSWER = "inference.request", "inference.response"
"""Ends of the types of events: `org.kubeflow.serving.…` by KServe, `io.seldon.serving.…` by Seldon."""

BODIES = ("data", "body", "payload")


class Skipped(Struct):
    """Events that became nothing, by reason."""

    counts: dict[str, int] = field(default_factory=dict)

    def note(self, why: str) -> None:
        """Counts one."""
        self.counts[why] = self.counts.get(why, 0) + 1


class _Event(Struct, frozen=True):
    id: str
    type: str
    at: float
    model: str
    fields: bytes
    body: bytes


def exchanges_of_events(path: Path, model: str, skipped: Skipped, to: str = "") -> Iterator[ForeignExchange]:
    """The exchanges of a log, in the order of their requests' answers; requests without one at last. `to`: their path.
    Raises UnusableRows, OSError."""
    waiting: dict[str, ForeignExchange] = {}
    for where, row in objects_of(path):
        try:
            events = list(_events(row))
        except (ValueError, TypeError, Error) as error:
            raise UnusableRows(f"{where}: {error}") from error
        if not events:
            raise UnusableRows(f"{where}: no CloudEvent of a request log")
        for event in events:
            if event.type.endswith(REQUEST):
                waiting[event.id] = _asked(event, model, to)
                if len(waiting) > MAX_WAITING:
                    yield waiting.pop(next(iter(waiting)))
            elif not event.type.endswith(ANSWER):
                skipped.note(f"events of type {event.type}")
            elif (asked := waiting.pop(event.id, None)) is None:
                skipped.note("answers without a request")
            else:
                total = max(event.at - asked.started, 0.0) if event.at and asked.started else 0.0
                yield replace(asked, answer=event.body, total=total)
    yield from waiting.values()


def _asked(event: _Event, model: str, to: str) -> ForeignExchange:
    name = model or event.model or "model"
    found = to or _path(event.body, name)
    return ForeignExchange(found, event.body, None, event.fields, request_id=event.id, started=event.at)


def _path(body: bytes, model: str) -> str:
    """Where a request of this form goes."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    if isinstance(document, dict) and isinstance(document.get("inputs"), list):
        return f"/v2/models/{model}/infer"
    if isinstance(document, dict) and "data" in document and "instances" not in document:
        return "/api/v1.0/predictions"
    return f"/v1/models/{model}:predict"


def _events(row: Mapping[str, Any]) -> Iterator[_Event]:
    headers = row.get("headers")
    if isinstance(headers, dict) and any(name.lower() == "ce-type" for name in headers):
        attributes = {name.lower().removeprefix("ce-"): _first(value) for name, value in headers.items()}
        attributes["datacontenttype"] = attributes.get("content-type", "application/json")
        yield _event(attributes, next((row[name] for name in BODIES if name in row), None))
    elif isinstance(row.get("type"), str) and "id" in row:
        if "data_base64" in row:
            yield _event(row, b64decode(row["data_base64"], validate=True))
        else:
            yield _event(row, row.get("data"))
    elif isinstance(row.get("request"), dict):
        yield from _of_index(row)


def _of_index(row: Mapping[str, Any]) -> Iterator[_Event]:
    for side, kind in (("request", REQUEST), ("response", ANSWER)):
        inner = row.get(side)
        if isinstance(inner, dict) and "payload" in inner:
            name = row.get("RequestId") or row.get("request_id") or inner.get("ce-id") or row.get("_id") or "1"
            attributes = {"id": name, "type": kind, "time": inner.get("ce-time") or row.get("@timestamp")}
            yield _event(attributes, inner["payload"])


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _event(attributes: Mapping[str, Any], data: Any) -> _Event:
    if data is None:
        raise ValueError("an event without data")
    body = data if isinstance(data, bytes) else data.encode() if isinstance(data, str) else orjson.dumps(data)
    media = attributes.get("datacontenttype") or "application/json"
    fields = b"content-type: %b\r\n" % str(media).encode("ascii") if media != "application/json" else JSON_FIELDS
    model = attributes.get("inferenceservicename") or attributes.get("modelid") or ""
    return _Event(
        str(attributes["id"]), str(attributes["type"]), _when(attributes.get("time")), str(model), fields, body
    )


def _when(text: Any) -> float:
    if not isinstance(text, str):
        return 0.0
    return datetime.fromisoformat(text).timestamp()
