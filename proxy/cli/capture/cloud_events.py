"""Request logs of KServe and Seldon, a CloudEvent a row: a request and an answer that belong together.

| form | what stands in a row |
|---|---|
| structured | the attributes and `data`, or `data_base64`, side by side |
| binary | `headers` with `ce-id`, `ce-type` …, and the body as `body`, `data` or `payload` |
| by Kafka | `headers` with `type` and `requestid`, and the body as `value` or as before (Seldon) |
| of a store | as KServe's logger fills buckets: `ReqType`, `Id`, `Bytes`; in Parquet `req_type`, `id`, `bytes` |
| of an index | `request` and `response`, each with its `payload`, as Seldon's logger stores or a search finds them |

Request and answer have one id: `requestid` where there is one (each event of Seldon has an `id` of its own, and each
node of a graph its `modelid`), else `id`. Either may come first, with not more than `MAX_WAITING` others between them.
A batch is in an index once for each of its items: it is one request.
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

from proxy.cli.capture.columns import UnusableRows, rows_of
from proxy.cli.capture.requests import JSON_FIELDS, ForeignExchange

MAX_WAITING = 10_000
"""Events that wait for the other one, and requests that are remembered."""

REQUEST, ANSWER = "inference.request", "inference.response"
"""Ends of the types of events: `org.kubeflow.serving.…` by KServe, `io.seldon.serving.…` by Seldon."""

BODIES = ("data", "body", "payload", "value")

Key = tuple[str, str]
"""What request and answer have in common: the id, and the node of a graph."""


class Skipped(Struct):
    """Events that became nothing, by reason."""

    counts: dict[str, int] = field(default_factory=dict)

    def note(self, why: str) -> None:
        """Counts one."""
        self.counts[why] = self.counts.get(why, 0) + 1


class _Event(Struct, frozen=True):
    id: str
    node: str
    type: str
    at: float
    model: str
    fields: bytes
    body: bytes


def exchanges_of_events(path: Path, model: str, skipped: Skipped, to: str = "") -> Iterator[ForeignExchange]:
    """The exchanges of a log, in the order in which both events were there; requests without an answer at last. `to`:
    their path. Raises UnusableRows, OSError."""
    pairs = _Pairs(skipped)
    for where, row in rows_of(path):
        try:
            events = list(_events(row))
        except (ValueError, TypeError, KeyError, Error) as error:
            raise UnusableRows(f"{where}: {error}") from error
        if not events:
            raise UnusableRows(f"{where}: no CloudEvent of a request log")
        for event in events:
            yield from (_exchange(*pair, model, to) for pair in pairs.take(event))
    yield from (_exchange(*pair, model, to) for pair in pairs.rest())


Pair = tuple[_Event, _Event | None]


class _Pairs:
    """Requests with their answers; what has no partner waits."""

    def __init__(self, skipped: Skipped) -> None:
        self._skipped = skipped
        self._asked: dict[Key, _Event] = {}
        self._answered: dict[Key, _Event] = {}
        self._done: dict[Key, None] = {}

    def take(self, event: _Event) -> Iterator[Pair]:
        """The pairs that are whole with it, or wait no longer."""
        key = event.id, event.node
        if not event.type.endswith((REQUEST, ANSWER)):
            self._skipped.note(f"events of type {event.type}")
        elif key in self._done:
            self._skipped.note("events of a request that came before, as items of a batch have")
        elif event.type.endswith(REQUEST):
            answer = self._answered.pop(key, None)
            if answer is None:
                self._asked[key] = event
                yield from self._without_answer(MAX_WAITING)
            else:
                yield self._paired(key, event, answer)
        elif (asked := self._asked.pop(key, None)) is not None:
            yield self._paired(key, asked, event)
        else:
            self._answered[key] = event
            self._without_request(MAX_WAITING)

    def rest(self) -> Iterator[Pair]:
        """Those without a partner; no event comes any more."""
        self._without_request(0)
        yield from self._without_answer(0)

    def _paired(self, key: Key, asked: _Event, answer: _Event) -> Pair:
        self._done[key] = None
        if len(self._done) > MAX_WAITING:
            del self._done[next(iter(self._done))]
        return asked, answer

    def _without_answer(self, most: int) -> Iterator[Pair]:
        while len(self._asked) > most:
            yield self._asked.pop(next(iter(self._asked))), None

    def _without_request(self, most: int) -> None:
        while len(self._answered) > most:
            del self._answered[next(iter(self._answered))]
            self._skipped.note("answers without a request")


def _exchange(asked: _Event, answer: _Event | None, model: str, to: str) -> ForeignExchange:
    found = _asked(asked, model, to)
    if answer is None:
        return found
    total = max(answer.at - asked.at, 0.0) if answer.at and asked.at else 0.0
    return replace(found, answer=answer.body, total=total)


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
    if isinstance(row.get("_source"), dict):
        row = {"_id": row.get("_id")} | row["_source"]
    headers = row.get("headers")
    if isinstance(headers, dict) and any(name.lower() in ("ce-type", "type") for name in headers):
        attributes = {name.lower().removeprefix("ce-"): _first(value) for name, value in headers.items()}
        attributes["datacontenttype"] = attributes.get("content-type", "application/json")
        yield _event(attributes, next((row[name] for name in BODIES if name in row), None))
    elif isinstance(row.get("type"), str) and "id" in row:
        if "data_base64" in row:
            yield _event(row, b64decode(row["data_base64"], validate=True))
        else:
            yield _event(row, row.get("data"))
    elif isinstance(kind := row.get("ReqType") or row.get("req_type"), str):
        yield _of_store(row, kind)
    elif isinstance(row.get("request"), dict) or isinstance(row.get("response"), dict):
        yield from _of_index(row)


def _of_store(row: Mapping[str, Any], kind: str) -> _Event:
    body = row["Bytes"] if "Bytes" in row else row["bytes"]
    attributes = {
        "id": row.get("Id") or row.get("id"),
        "type": kind,
        "inferenceservicename": row.get("InferenceService") or row.get("inference_service"),
        "datacontenttype": row.get("ContentType") or row.get("content_type"),
    }
    return _event(attributes, b64decode(body, validate=True) if isinstance(body, str) else body)


def _of_index(row: Mapping[str, Any]) -> Iterator[_Event]:
    for side, kind in (("request", REQUEST), ("response", ANSWER)):
        inner = row.get(side)
        if isinstance(inner, dict) and "payload" in inner:
            name = row.get("RequestId") or row.get("request_id") or inner.get("ce-id") or row.get("_id") or "1"
            attributes = {
                "id": name,
                "type": kind,
                "time": inner.get("ce-time") or row.get("@timestamp"),
                "inferenceservicename": row.get("Ce-Inferenceservicename"),
            }
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
    name = attributes.get("requestid") or attributes.get("id")
    if not name:
        raise ValueError("an event without an id")
    when = _when(attributes.get("time"))
    return _Event(
        str(name), str(attributes.get("modelid") or ""), str(attributes["type"]), when, str(model), fields, body
    )


def _when(text: Any) -> float:
    if not isinstance(text, str):
        return 0.0
    return datetime.fromisoformat(text).timestamp()
