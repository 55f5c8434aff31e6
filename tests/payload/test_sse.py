"""Server-sent events: what an event is, whatever ends its lines, and when pieces came."""

from __future__ import annotations

import json
from itertools import accumulate

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.settings import Analysis
from proxy.payload.reading import Body, Unreadable
from proxy.payload.sse import events, read, times


@given(st.lists(st.text(max_size=5), max_size=8), st.sampled_from(["\n", "\r\n", "\r"]))
def test_events_are_what_was_sent_whatever_ends_lines(texts: list[str], end: str) -> None:
    sent = "".join(f"event: x{end}data: {json.dumps(text)}{end}{end}" for text in texts)
    assert [orjson.loads(event.data) for event in events(sent.encode() + b"data: cut")] == texts


def body(chunks: list[float], ends: list[int] | None = None) -> Body:
    return Body(b"", b"", Analysis(), chunks, ends or [])


def test_times_without_content_or_pieces() -> None:
    assert times(body([]), (0, 9)) == (None, ())
    assert times(body([0.1]), None) == (None, ())
    assert times(body([0.1, 0.2]), (7, 9)) == (0.2, ())


def test_an_event_came_with_the_piece_of_its_last_byte() -> None:
    pieces = body([0.1, 0.2, 0.4], [50, 100, 150])
    assert times(pieces, (1, 50))[0] == 0.1
    assert times(pieces, (0, 51)) == (0.2, (0.2,))
    assert times(pieces, (9, 151)) == (None, ())


@given(st.lists(st.integers(1, 60), min_size=1, max_size=20), st.integers(0, 3))
def test_the_first_token_is_found_whatever_the_pieces(sizes: list[int], others: int) -> None:
    """Any cut of a stream into pieces, the head alone or not: the time is that of the byte which ends the event."""
    role = b'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\n' * others
    token = role + b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
    stream = token + b"data: [DONE]\n\n"
    ends = [end for end in accumulate(sizes) if end < len(stream)] + [len(stream)]
    chunks = [float(end) for end in ends]
    text = read(Body(stream, b"", Analysis(), chunks, ends))
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
        assert read(Body(whole, b"", Analysis())).text == "a"
    for reason, stream in {
        "unfinished_stream": said,
        "empty_body": finish + b"data: [DONE]\n\n",
        "error_in_stream": b'event: error\ndata: {"message":"x"}\n\n',
    }.items():
        with pytest.raises(Unreadable) as raised:
            read(Body(stream, b"", Analysis()))
        assert raised.value.reason == reason
