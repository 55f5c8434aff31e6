"""The door of payload: a record in, an observation out. Never raises; what cannot be read is a reason and a count.

A codec turns one parsed body into tensors. Protocols without a codec are `opaque`: latency and status still count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import orjson
from msgspec import Struct

from proxy.contracts.bounds import shortened
from proxy.contracts.grpc_status import is_grpc
from proxy.contracts.identity import MAX_IDENTITY
from proxy.contracts.json_cost import SMALL_BYTES, may_be_costly
from proxy.contracts.observation import (
    NO_ANSWER,
    NOT_LOOKED_AT,
    Answer,
    Observation,
    Tensor,
    Text,
    UnreadReason,
    Usage,
    observed,
)
from proxy.contracts.outcome import ContentReason
from proxy.contracts.record import Record
from proxy.contracts.settings import DEFAULT_ANALYSIS, Analysis
from proxy.contracts.stream_end import EVENTS, LINES, can_show_its_end, media_of
from proxy.contracts.table import Protocol
from proxy.payload import kserve_v1, mlflow, oip, openai, plain
from proxy.payload.content import CONTENT_OF, judged
from proxy.payload.cost import refuse_costly
from proxy.payload.encoding import coding_of, decompress
from proxy.payload.ending import content_of_beginning, content_of_ending
from proxy.payload.grpc.calls import is_unary
from proxy.payload.grpc.frames import is_call, is_taken
from proxy.payload.grpc.stream import CallReader
from proxy.payload.grpc.usual import ANSWERS, REQUESTS
from proxy.payload.language.stream import StreamReader
from proxy.payload.language.usual import usual_embeddings
from proxy.payload.oip import joined
from proxy.payload.parts import AnswerReader, Assembly, PartedAnswer
from proxy.payload.pictures.found import in_place_of_texts, is_picture, of_body
from proxy.payload.reading import Body, Content, Unreadable
from proxy.payload.recognise import looks_like
from proxy.payload.unpacking import unpack

Decode = Callable[[Record, Protocol, tuple[int, str], Analysis, PartedAnswer | None], Observation]
"""`decode`, and what stands around it."""
UsualRequest = Callable[[bytes], tuple[Tensor, ...] | None]
UsualResponse = Callable[[bytes], tuple[tuple[Tensor, ...], str, Usage | None] | None]
"""Tensors, who answers, and its tokens."""


class Codec(Struct, frozen=True):
    """Readers of the two bodies of a protocol. Both may raise Unreadable or orjson.JSONDecodeError.

    A `usual` reader is tried first: it reads a body of the commonest form in one step, and returns None for any other.
    """

    request: Callable[[Body], Content]
    response: Callable[[Body], Content]
    usual_request: UsualRequest | None = None
    usual_response: UsualResponse | None = None
    by_row: frozenset[str] = frozenset()
    """Names of inputs each of whose rows is promised a prediction."""
    empty_lists: bool = False
    """Whether a list without members is an answer (no boxes in an image), and not nothing."""
    ends: bool = True
    """Streams of the protocol have a last event."""
    stream: Callable[[Body], AnswerReader] | None = None
    """The reader of its event streams as they come; None: they are read when they are whole."""
    calls: Callable[[Body], AnswerReader] | None = None
    """The same of its answers by gRPC."""

    def reader(self, body: Body) -> AnswerReader | None:
        """The reader of an answer that comes in parts; None: they are put together first."""
        media = media_of(body.fields)
        made = self.stream if media == EVENTS or media in LINES else self.calls if is_grpc(media) else None
        return made(body) if made else None


CODECS: dict[Protocol, Codec] = {
    "oip": Codec(
        oip.read_request, oip.read_response, oip.usual_request, oip.usual_response, ends=False, calls=CallReader
    ),
    "grpc": Codec(oip.read_request, oip.read_response, ends=False, calls=CallReader),
    "kserve-v1": Codec(kserve_v1.read_request, kserve_v1.read_response, by_row=frozenset(("", "instances"))),
    "mlflow": Codec(mlflow.read_request, mlflow.read_response, by_row=frozenset(("", "instances"))),
    "openai": Codec(
        openai.read_request, openai.read_response, usual_response=usual_embeddings, stream=openai.CompletionStream
    ),
    "json": Codec(plain.read_request, plain.read_response, empty_lists=True, stream=plain.EventStream),
}

NO_CONTENT = Content()
JSON = b"application/json"
FRAME = b"\0"
"""What a message of gRPC begins with that is not compressed, and no JSON or text."""
PARTS_LOST: Answer = (), None, "parts_lost", False, "", "", None
BEYOND_BOUNDS = ("too_many_values", "too_many_tensors")
"""Why an answer that is at hand is not read: what is no number in it is seen all the same."""
EMPTY: Answer = (), None, "empty_body", True, "empty_body", "", None


def decode(
    record: Record,
    protocol: Protocol,
    source: tuple[int, str],
    analysis: Analysis = DEFAULT_ANALYSIS,
    parts: PartedAnswer | None = None,
) -> Observation:
    """Reads the bodies of a record by the rules of `protocol`; the record stays as it is.

    - `source`: the worker and its incarnation.
    - `analysis`: what is configured of the route.
    - `parts`: of the answer, that went ahead.
    """
    if protocol == "auto":
        protocol = spoken_by(record, protocol)
    codec = CODECS.get(protocol)
    if codec is None:
        return observed(record, source)
    inputs: tuple[Tensor, ...] = ()
    unread_request = asked = ""
    if record.request or record.request_fields:  # it travels with this leg
        inputs, unread_request, asked = _read_request(record, codec, analysis)
    if not asked and protocol == "oip" and record.path:
        asked = record.path.rpartition("/")[0]
    if len(asked) > MAX_IDENTITY:
        asked = shortened(asked, MAX_IDENTITY)
    if record.failure or not 200 <= record.status < 300:
        return observed(record, source, inputs, unread_request, asked=asked)
    answer = _read_answer(record, codec, analysis, inputs, parts)
    return observed(record, source, inputs, unread_request, answer, asked)


def spoken_by(record: Record, protocol: Protocol) -> Protocol:
    """The protocol that a record is read by: that of its route, or by what it looks like."""
    return protocol if protocol != "auto" else looks_like(record) or "json"


def take_part(
    assembly: Assembly, part: Record, protocol: Protocol, source: tuple[int, str], analysis: Analysis = DEFAULT_ANALYSIS
) -> None:
    """Takes in a part of an answer, whose record comes later. Never raises."""
    codec = CODECS.get(spoken_by(part, protocol))
    if codec is not None:
        assembly.add(part, source, analysis, codec.reader)


def _read_request(record: Record, codec: Codec, analysis: Analysis) -> tuple[tuple[Tensor, ...], str, str]:
    """The inputs, why there are none, and the model that is asked for."""
    data = record.request
    if not data:
        return (), "too_large" if data is None and record.request_fields and not record.failure else "", ""
    if data[:1] == FRAME and codec.calls is not None and (known := REQUESTS.read(data)) is not None:
        return joined(known[0]), "", known[1]
    usual = None
    if codec.usual_request and (len(data) <= SMALL_BYTES or not may_be_costly(data)):
        usual = codec.usual_request(data)
    if usual is not None:
        return usual, "", ""
    body = Body(data, record.request_fields.lower(), analysis)
    found, unread = _read(lambda body: _asked(codec, body), body)
    return found.tensors, unread, body.asked


def _asked(codec: Codec, body: Body) -> Content:
    """The inputs of a request; of pictures what is measured of them. Raises Unreadable, orjson.JSONDecodeError."""
    if is_picture(body.data):
        return Content(of_body(body.data))
    found = codec.request(body)
    return Content(in_place_of_texts(found.tensors))


def _read_answer(
    record: Record, codec: Codec, analysis: Analysis, inputs: tuple[Tensor, ...], parts: PartedAnswer | None
) -> Answer:
    if record.parts or record.ends:
        found = _read_stream(record, codec, analysis, inputs, parts)
        if not isinstance(found, Record):
            return found
        record = found
    data = record.response
    if data is None:
        return _read_ends(record, codec, analysis)
    watched = analysis.identity.source
    usual = _usual_answer(record, data, codec) if watched != "json" else None
    if usual is not None:
        tensors, identity, usage = usual
        who = identity if watched == "protocol" else ""
        return tensors, None, "", record.inference, judged(tensors, inputs), who, usage
    if not data.strip():
        return EMPTY if record.inference else NO_ANSWER
    body = Body(data, record.response_fields.lower(), analysis, record.chunks, record.ends)
    body.unary = codec.calls is not None and (record.unary or is_unary(record.path))
    content, unread = _read(codec.response, body)
    if unread == "coding" and is_call(body) and not is_taken(body.fields, record.request_fields.lower()):
        unread = "encoding"  # its client cannot read it either
    return _judged(record, codec, inputs, body, content, unread)


def _usual_answer(record: Record, data: bytes, codec: Codec) -> tuple[tuple[Tensor, ...], str, Usage | None] | None:
    if data[:1] == FRAME and codec.calls is not None:
        known = ANSWERS.read(data)
        return None if known is None else (*known, None)
    if codec.usual_response is None or (codec.stream is not None and JSON not in record.response_fields):
        return None
    return codec.usual_response(data) if len(data) <= SMALL_BYTES or not may_be_costly(data) else None


def _read_stream(
    record: Record, codec: Codec, analysis: Analysis, inputs: tuple[Tensor, ...], parts: PartedAnswer | None
) -> Answer | Record:
    """What a stream holds that came in parts, or in a content coding; else the record of an answer that is whole."""
    if record.response is None:
        return record
    if record.parts:
        if parts is None:
            return PARTS_LOST
    elif codec.stream is None or not _is_coded_stream(record):
        return record
    else:
        parts = PartedAnswer(record.response_fields, analysis, codec.reader)  # a single part, unpacked as others are
    if parts.reader is not None:
        return _judged(record, codec, inputs, parts.reader.body, *_read_parts(record, parts, parts.reader))
    record = parts.joined(record)
    return ((), None, parts.unread, False, "", "", None) if parts.unread else record


def _is_coded_stream(record: Record) -> bool:
    fields = record.response_fields
    return len(record.ends) > 0 and can_show_its_end(media_of(fields)) and coding_of(fields.lower()) != b""


def _judged(
    record: Record,
    codec: Codec,
    inputs: tuple[Tensor, ...],
    body: Body,
    found: Content,
    unread: UnreadReason | Literal[""],
) -> Answer:
    if not record.inference:
        return found.tensors, found.text, unread, False, "", "", found.usage
    reason: ContentReason | Literal[""] = CONTENT_OF.get(unread, "") or ("not_a_number" if body.no_numbers else "")
    if unread in NOT_LOOKED_AT:
        told = content_of_beginning(body.data) if unread in BEYOND_BOUNDS else None
        return found.tensors, found.text, unread, told is not None, told or "", body.identity, found.usage
    if not (reason or unread) and (found.tensors or not found.text):
        by_row = bool(inputs) and codec.by_row.issuperset([tensor.name for tensor in inputs])
        reason = judged(found.tensors, inputs, by_row)
        if reason == "empty_body" and codec.empty_lists and not any(len(tensor.data) for tensor in found.tensors):
            reason = ""
    return found.tensors, found.text, unread, True, reason, body.identity, found.usage


def _read_parts(
    record: Record, parts: PartedAnswer, reader: AnswerReader
) -> tuple[Content, UnreadReason | Literal[""]]:
    parts.ended(record)
    if parts.unread:
        return NO_CONTENT, parts.unread

    def rest(body: Body) -> Content:
        reader.end()
        return reader.content()

    return _caught(rest, reader.body)


def _read_ends(record: Record, codec: Codec, analysis: Analysis) -> Answer:
    """Of an answer that was not kept, what its two ends tell; in a content coding they tell nothing."""
    body = Body(record.ending, record.response_fields.lower(), DEFAULT_ANALYSIS)
    told: ContentReason | Literal[""] | None = None
    if record.inference and not coding_of(body.fields):
        told = content_of_ending(body, codec.ends) if record.ending else content_of_beginning(record.beginning)
    text, identity = beginning(record, analysis)
    return (), text, "too_large", told is not None, told or "", identity, None


def beginning(record: Record, analysis: Analysis) -> tuple[Text | None, str]:
    """The times of a stream of which only the beginning was kept, for its latency, and who answers; there is no text to
    compare."""
    if not record.beginning:
        return None, ""
    body = Body(record.beginning, record.response_fields.lower(), analysis, record.chunks, record.ends)
    reader: AnswerReader = CallReader(body) if is_call(body) else StreamReader(body)
    try:
        reader.feed(body.data, body.chunks, body.ends)
    except (Unreadable, orjson.JSONDecodeError):
        return None, body.identity
    return reader.times(), body.identity


def _read(codec: Callable[[Body], Content], body: Body) -> tuple[Content, UnreadReason | Literal[""]]:
    def whole(body: Body) -> Content:
        if coding := coding_of(body.fields):
            if body.ends and can_show_its_end(media_of(body.fields)):
                body.data, body.ends = unpack(body.data, coding, body.ends)
            else:
                body.data, body.ends = decompress(body.data, coding), ()
        if len(body.data) > SMALL_BYTES and not (is_picture(body.data) or is_call(body)):
            refuse_costly(body)
        return codec(body)

    return _caught(whole, body)


def _caught(codec: Callable[[Body], Content], body: Body) -> tuple[Content, UnreadReason | Literal[""]]:
    try:
        return codec(body), ""
    except Unreadable as error:
        return NO_CONTENT, error.reason
    except (orjson.JSONDecodeError, RecursionError):
        return NO_CONTENT, "json"
    except Exception:  # noqa: BLE001
        # Bodies come from strangers; a codec's bug must cost one observation, not the control process.
        return NO_CONTENT, "internal"
