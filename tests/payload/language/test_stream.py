"""Streams as a whole: what they spell out, how they end, and when their pieces came."""

from __future__ import annotations

import json
from hashlib import sha256
from itertools import accumulate, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.bounds import CUT
from proxy.contracts.observation import Text, Usage
from proxy.contracts.settings import Analysis
from proxy.payload.language import stream as streams
from proxy.payload.language.stream import MAX_EVENT, MAX_SAID, StreamReader
from proxy.payload.reading import Body, Unreadable


def read(body: Body) -> tuple[Text, Usage | None]:
    return StreamReader.whole(body).read()


@given(st.lists(st.integers(1, 60), min_size=1, max_size=20), st.integers(0, 3))
def test_the_first_token_is_found_whatever_the_pieces(sizes: list[int], others: int) -> None:
    """Any cut of a stream into pieces, the head alone or not: the time is that of the byte which ends the event."""
    role = b'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\n' * others
    token = role + b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
    stream = token + b"data: [DONE]\n\n"
    ends = [end for end in accumulate(sizes) if end < len(stream)] + [len(stream)]
    chunks = [float(end) for end in ends]
    text, _ = read(Body(stream, b"", Analysis(), chunks, ends))
    assert text.first_token == next(end for end in chunks if end >= len(token))


def test_each_end_of_a_stream() -> None:
    said = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
    finish = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
    generated = b'data: {"token":{"text":"a"}}\n\ndata: {"token":{"text":""},"generated_text":"a"}\n\n'
    typed = (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}\n\n'
    )
    stop = b'data: {"type":"message_stop"}\n\n'
    for whole in (said + b"data: [DONE]\n\n", said + b"data: [DONE]", said + finish, typed + stop, generated):
        assert read(Body(whole, b"", Analysis()))[0].text == "a"
    for reason, stream in {
        "unfinished_stream": said,
        "empty_body": finish + b"data: [DONE]\n\n",
        "error_in_stream": b'event: error\ndata: {"message":"x"}\n\n',
    }.items():
        with pytest.raises(Unreadable) as raised:
            read(Body(stream, b"", Analysis()))
        assert raised.value.reason == reason


PIECES = st.one_of(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=6),
    st.sampled_from([" a", "b", '"', "\\", "content", '","content":"', "\n\n", "data: ", "x" * 2_000]),
)


def chunks(pieces: list[str]) -> list[dict[str, Any]]:
    said = [{"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]} for piece in pieces]
    return [*said, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]


@given(
    st.lists(PIECES, min_size=1, max_size=40), st.booleans(), st.sampled_from(["\n", "\r\n", "\r"]), st.integers(0, 12)
)
def test_runs_of_like_events_are_read_as_each_event_is(pieces: list[str], escaped: bool, end: str, again: int) -> None:
    pieces += pieces[-1:] * again
    events = [f"data: {json.dumps(chunk, ensure_ascii=escaped)}{end}{end}" for chunk in chunks(pieces)]
    stream = Body("".join(events).encode(), b"", Analysis())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "MAX_MISSES", 0)
        one_by_one = read(stream)
    assert read(stream) == one_by_one
    assert one_by_one[0].text == "".join(pieces)


def fed(stream: bytes, cuts: list[int], fields: bytes = b"") -> StreamReader:
    """A stream that comes in these pieces, a second apart, each of them a part."""
    reader, ends = StreamReader(Body(b"", fields, Analysis())), sorted({*cuts, len(stream)})
    for second, (begin, end) in enumerate(pairwise([0, *ends])):
        reader.feed(stream[begin:end], [float(second)], [end])
    reader.end()
    return reader


@given(
    st.lists(PIECES.filter(lambda piece: len(piece) < 100), min_size=1, max_size=30),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.data(),
)
def test_cut_anywhere_a_stream_reads_the_same(pieces: list[str], end: str, data: st.DataObject) -> None:
    lines = [f"data: {json.dumps(chunk)}{end}{end}" for chunk in chunks(pieces)]
    stream = "".join([f": a comment{end}{end}", *lines, f"data: [DONE]{end}{end}"]).encode()
    cuts = data.draw(st.lists(st.integers(1, len(stream) - 1), max_size=20))
    text, usage = fed(stream, cuts).read()
    whole, of_whole = StreamReader.whole(Body(stream, b"", Analysis())).read()
    assert (text.text, text.finish, usage) == (whole.text, whole.finish, of_whole) and text.text == "".join(pieces)
    ends = sorted({*cuts, len(stream)})
    said, at = [], len(f": a comment{end}{end}".encode())
    for line in lines[:-1]:
        at += len(line.encode())
        said.append(next(second for second, there in enumerate(ends) if there >= at))
    assert text.first_token == said[0]
    assert list(text.gaps) == [later - earlier for earlier, later in pairwise(sorted(set(said)))]


def test_the_end_of_a_part_is_not_taken_for_the_end_of_a_run() -> None:
    event = b'data: {"choices":[{"index":0,"delta":{"content":"word "}}]}\n\n'
    reader = StreamReader(Body(b"", b"content-type: text/event-stream\r\n", Analysis()))
    for _ in range(50):
        reader.feed(event * 100)
    assert reader.steps <= 2 * 50


def test_json_lines_in_parts() -> None:
    lines = b"".join(b'{"response": "%d "}\n' % at for at in range(50)) + b'{"response": "", "done": true}\n'
    for cut in range(1, 60):
        assert fed(lines, [cut], b"content-type: application/x-ndjson\r\n").read()[0].text.startswith("0 1 2 ")


def test_a_stream_of_any_length_is_read_in_bounded_memory() -> None:
    reader = StreamReader(Body(b"", b"", Analysis()))
    part = b'data: {"choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n' % (b"a" * 100) * 600
    for at in range(60):
        reader.feed(part, [float(at)], [(at + 1) * len(part)])
        assert reader.size < 2 * MAX_SAID
    reader.feed(b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n')
    text, _ = reader.read()
    said = "a" * 60 * 600 * 100
    rest = sha256(said[MAX_SAID:].encode()).hexdigest()
    assert text.text == said[:MAX_SAID] + CUT + rest and text.finish == "stop" and text.gaps == (1.0,) * 59


def test_an_event_without_end_is_not_kept() -> None:
    reader = StreamReader(Body(b"", b"", Analysis()))
    reader.feed(b"data: ")
    with pytest.raises(Unreadable, match="too_many_values"):
        reader.feed(b"x" * MAX_EVENT)


def test_a_stream_of_too_many_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_EVENTS", 1000)
    events = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n' * 1001 + b'data: {"choices":[]}\n\n'
    with pytest.raises(Unreadable, match="too_many_values"):
        read(Body(events, b"", Analysis()))


def test_tools_in_runs() -> None:
    def call(arguments: str) -> dict[str, Any]:
        return {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]}}]}

    begin = {"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "x", "function": {"name": "f"}}]}}]}
    pieces = ['{"a', '":', ' "b', *(f"{at} " for at in range(30)), '"}']
    events = [begin, *map(call, pieces)]
    stream = "".join(f"data: {json.dumps(each)}\n\n" for each in events) + "data: [DONE]\n\n"
    text, _ = read(Body(stream.encode(), b"", Analysis()))
    assert text.tools == (("f", json.dumps(json.loads("".join(pieces)), separators=(",", ":"))),)
