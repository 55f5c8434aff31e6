"""Answers that travel in parts: read as if they were whole, in bounded memory, or lost with a reason."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.observation import Observation
from proxy.contracts.record import DISTURBED, Record
from proxy.contracts.settings import Analysis
from proxy.contracts.table import Protocol
from proxy.payload.decode import CODECS, decode
from proxy.payload.parts import MAX_PART_STEPS, MAX_PARTED_ANSWER, OVERHEAD, Assembly
from proxy.payload.reading import Body
from tests.payload.grpc.test_stream import GRPC, STREAMS
from tests.payload.test_unpacking import WRITERS

SOURCE = (0, "a")
EVENTS = b"Content-Type: text/event-stream\r\n"
JSON = b"Content-Type: application/json\r\n"
STREAM = b"".join(
    b'data: {"model":"m-1","choices":[{"index":%d,"delta":{"content":"%d "}}]}\n\n' % (at % 2, at) for at in range(40)
)
STREAM += b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"completion_tokens":40}}\n\n'
ANSWER = orjson.dumps(
    {"model_name": "m", "outputs": [{"name": "y", "datatype": "FP64", "shape": [99], "data": [0.5] * 99}]}
)
WHOLE: list[tuple[Protocol, bytes, bytes]] = [
    ("openai", EVENTS, STREAM),
    ("json", EVENTS, STREAM),
    ("json", EVENTS, b"".join(b'data: {"progress": %d}\n\n' % at for at in range(40))),
    ("json", EVENTS, STREAM + b'data: {"error": {"message": "x"}}\n\n'),
    ("openai", EVENTS, STREAM[:-20]),
    ("openai", EVENTS, b"data: {\n\n" + STREAM),
    ("oip", JSON, ANSWER),
    ("oip", JSON, ANSWER.replace(b"0.5", b"NaN", 1)),
    ("oip", EVENTS, b"".join(b'data: {"text_output": "%d "}\n\n' % at for at in range(40))),
    ("json", JSON, b'{"prediction": [1, 2, 3]}'),
    *[("oip", GRPC, body) for body in STREAMS.values()],
    ("oip", GRPC, STREAMS["triton"][:-3]),
]


def leg(**facts: Any) -> Record:
    return Record(7, "r", "v2", "shadow", 1.0, 0.0, 9.0, 200, **facts)


def parted(protocol: Protocol, fields: bytes, data: bytes, cuts: list[int], disturbed: bool = False) -> Observation:
    """What is read of an answer that comes in these parts, of one piece each."""
    assembly, codec = Assembly(), CODECS[protocol]
    begins = sorted({0, *cuts})
    for number, (begin, end) in enumerate(zip(begins, [*begins[1:], len(data)], strict=True)):
        piece: dict[str, Any] = {"response": data[begin:end], "chunks": [float(number)], "ends": [end], "parts": number}
        if end < len(data):
            first = fields if not number else b""
            assembly.add(leg(response_fields=first, partial=True, **piece), SOURCE, Analysis(), codec.reader)
        else:
            record = leg(response_fields=fields, marks=DISTURBED if disturbed else 0, **piece)
            found = decode(record, protocol, SOURCE, Analysis(), assembly.take(record, SOURCE))
    assert assembly.size == 0 and assembly.lost == 0
    return found


def put_together(_: Body) -> None:
    """Of an answer that is no stream."""


def facts(found: Observation) -> tuple[Any, ...]:
    text = found.text
    words = None if text is None else (text.text, text.finish, text.others and text.others[0].text)
    who = "" if found.content else found.identity
    return found.outputs, words, found.unreadable_response, found.analysed, found.content, who, found.usage


@given(st.sampled_from(WHOLE), st.data())
def test_cut_anywhere_an_answer_reads_the_same(answer: tuple[Protocol, bytes, bytes], data: st.DataObject) -> None:
    protocol, fields, body = answer
    cuts = data.draw(st.lists(st.integers(1, len(body) - 1), max_size=9))
    whole = decode(leg(response=body, response_fields=fields), protocol, SOURCE)
    assert facts(parted(protocol, fields, body, cuts)) == facts(whole)


CODED = {
    coding: (EVENTS + b"Content-Encoding: " + coding + b"\r\n", b"".join(write([STREAM[:999], STREAM[999:]])))
    for coding, write in WRITERS.items()
}


@given(st.sampled_from(sorted(CODED)), st.data())
def test_cut_anywhere_a_stream_in_any_coding_reads_the_same(coding: bytes, data: st.DataObject) -> None:
    fields, body = CODED[coding]
    cuts = data.draw(st.lists(st.integers(1, len(body) - 1), max_size=9))
    whole = decode(leg(response=body, response_fields=fields), "openai", SOURCE)
    plain = decode(leg(response=STREAM, response_fields=EVENTS), "openai", SOURCE)
    assert facts(parted("openai", fields, body, cuts)) == facts(whole) == facts(plain)


@pytest.mark.parametrize("coding", CODED)
def test_a_short_body_may_be_a_long_stream(coding: bytes) -> None:
    events = [b'data: {"choices":[{"index":0,"delta":{"content":"word "}}]}\n\n'] * 90_000
    body = b"".join(WRITERS[coding]([b"".join(events), b"data: [DONE]\n\n"]))
    found = decode(
        leg(response=body, response_fields=CODED[coding][0], chunks=[1.0], ends=[len(body)]), "openai", SOURCE
    )
    assert found.text is not None and len(found.text.text) > 0 and found.content == ""


@pytest.mark.parametrize("coding", CODED)
def test_half_a_stream_in_a_coding_is_unreadable_in_parts_too(coding: bytes) -> None:
    fields, body = CODED[coding]
    found = parted("openai", fields, body[: len(body) - 9], [100, 200])
    assert (found.unreadable_response, found.content) == ("encoding", "unreadable_body")
    unknown = parted("openai", fields.replace(coding, b"compress"), body, [100, 200])
    assert (unknown.unreadable_response, unknown.content, unknown.analysed) == ("coding", "", False)


def test_tokens_of_a_compressed_stream_have_the_times_of_their_pieces() -> None:
    events = [event + b"\n\n" for event in STREAM.split(b"\n\n")[:-1]]
    for coding, write in WRITERS.items():
        pieces = write([b": ping\n\n" * 2, *events])
        ends = [sum(map(len, pieces[: at + 1])) for at in range(len(pieces))]
        times = [float(at) for at in range(len(pieces))]
        record = leg(response=b"".join(pieces), response_fields=CODED[coding][0], chunks=times, ends=ends)
        text = decode(record, "openai", SOURCE).text
        assert text is not None and (text.first_token, text.gaps) == (1.0, (1.0,) * 39)


def test_events_that_are_all_different_are_bounded_in_a_compressed_part() -> None:
    events = b"".join(
        [b'data: {"choices":[{"delta":{"content":"x"}}],"n":%d}\n\n' % at for at in range(MAX_PART_STEPS)]
    )
    for more, unread in ((0, ""), (2, "too_many_values")):
        body = b"".join(WRITERS[b"gzip"]([events * (1 + more), b"data: [DONE]\n\n"]))
        fields = CODED[b"gzip"][0]
        found = decode(leg(response=body, response_fields=fields, chunks=[1.0], ends=[len(body)]), "openai", SOURCE)
        assert found.unreadable_response == unread


def test_times_of_a_stream_that_came_in_parts() -> None:
    found = parted("openai", EVENTS, STREAM, [1000, 1001, 2000])
    assert found.text is not None and found.text.first_token == 0.0 and sum(found.text.gaps) == 3.0
    disturbed = parted("openai", EVENTS, STREAM, [1000, 1001, 2000], disturbed=True)
    assert disturbed.text is not None and (disturbed.text.first_token, disturbed.text.gaps) == (None, ())


def part(exchange: int, number: int, data: bytes = b"x" * 1000, source: tuple[int, str] = SOURCE) -> Record:
    return Record(
        exchange,
        "r",
        "v2",
        "shadow",
        1.0,
        0.0,
        0.0,
        200,
        response_fields=JSON,
        response=data,
        parts=number,
        partial=True,
    )


def test_a_part_that_is_missing_loses_the_answer_with_its_reason() -> None:
    assembly = Assembly()
    for number in (0, 2):
        assembly.add(part(7, number), SOURCE, Analysis(), put_together)
    record = leg(response=b"}", parts=3)
    found = decode(record, "json", SOURCE, Analysis(), assembly.take(record, SOURCE))
    assert (found.unreadable_response, found.analysed, found.content) == ("parts_lost", False, "")
    assert assembly.size == 0
    assembly.add(part(8, 1), SOURCE, Analysis(), put_together)
    assert assembly.size == 0


@pytest.mark.parametrize("protocol", ["openai", "json"])
def test_a_stream_that_was_kept_no_more_is_judged_by_its_ends(protocol: Protocol) -> None:
    assembly = Assembly()
    assembly.add(
        leg(response=STREAM[:999], response_fields=EVENTS, partial=True), SOURCE, Analysis(), CODECS[protocol].reader
    )
    record = leg(response=None, response_fields=EVENTS, parts=1, beginning=STREAM[:999], ending=STREAM[-200:])
    found = decode(record, protocol, SOURCE, Analysis(), assembly.take(record, SOURCE))
    assert (found.unreadable_response, found.analysed, found.content) == ("too_large", True, "")


def test_what_is_kept_is_bounded_in_sum_and_the_oldest_goes() -> None:
    assembly = Assembly(room=10 * (1000 + OVERHEAD))
    for exchange in range(25):
        assembly.add(part(exchange, 0), SOURCE, Analysis(), put_together)
    assert assembly.lost == 15 and assembly.size == 10 * (1000 + OVERHEAD)
    assert assembly.take(leg(parts=1), SOURCE) is None


def test_one_answer_is_bounded() -> None:
    assembly = Assembly()
    for number in range(7):
        assembly.add(part(7, number, b"1," * 500_000), SOURCE, Analysis(), put_together)
        assert assembly.size <= MAX_PARTED_ANSWER + OVERHEAD
    record = leg(response=b"1]", parts=7)
    found = decode(record, "json", SOURCE, Analysis(), assembly.take(record, SOURCE))
    assert (found.unreadable_response, found.analysed) == ("too_large", False)


def test_what_a_worker_left_unfinished_goes_with_it() -> None:
    assembly = Assembly()
    assembly.add(part(7, 0), SOURCE, Analysis(), put_together)
    assembly.add(part(7, 0), (1, "b"), Analysis(), put_together)
    assembly.forget(0, "c")
    assert assembly.lost == 1 and assembly.size == 1000 + OVERHEAD


@pytest.mark.parametrize("broken", [b"NaN", b"Infinity"])
def test_a_number_that_is_none_is_seen_in_an_answer_that_is_too_much_to_read(broken: bytes) -> None:
    answer = b'{"outputs":[{"name":"y","datatype":"FP64","shape":[900001],"data":[' + b"1," * 900_000 + b"%b]}]}"
    found = decode(leg(response=answer % broken, response_fields=JSON), "oip", SOURCE)
    assert (found.unreadable_response, found.content) == ("too_many_values", "not_a_number")
    healthy = decode(leg(response=answer % b"2", response_fields=JSON), "oip", SOURCE)
    assert (healthy.unreadable_response, healthy.content) == ("too_many_values", "")
