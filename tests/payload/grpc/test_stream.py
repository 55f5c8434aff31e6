"""Answers by gRPC, message by message."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.observation import Text
from proxy.contracts.settings import DEFAULT_ANALYSIS
from proxy.payload.grpc.stream import CallReader, inputs_of
from proxy.payload.language.stream import MAX_EVENT
from proxy.payload.reading import Body, Content, Unreadable
from tests.payload.grpc.test_joined import numbers, strings
from tests.support.oip_messages import framed, message, tensor

GRPC = b"content-type: application/grpc\r\n"


def answer(*values: Any, kind: str = "FP64") -> bytes:
    outputs = [tensor("y", kind, [1, len(values)], list(values))] if values else []
    made: bytes = message("ModelInferResponse", model_name="m", id="7", outputs=outputs).SerializeToString()
    return made


def of_triton(plain: bytes) -> bytes:
    inner = message("ModelInferResponse").FromString(plain)
    made: bytes = message("ModelStreamInferResponse", infer_response=inner).SerializeToString()
    return made


def read(data: bytes, cuts: list[int], times: bool = True) -> Content:
    """What is read of an answer that comes in these parts."""
    reader, begins = CallReader(Body(b"", GRPC, DEFAULT_ANALYSIS)), sorted({0, *cuts})
    for number, (begin, end) in enumerate(zip(begins, [*begins[1:], len(data)], strict=True)):
        reader.admit(data[begin:end])
        reader.feed(data[begin:end], *(([float(number)], [end]) if times else ()))
    reader.end()
    return reader.content()


STREAMS = {
    "triton": framed(*[of_triton(answer(float(at), 0.5)) for at in range(9)]),
    "mlserver": framed(*[answer(float(at), 0.5) for at in range(9)]),
    "words": framed(*[of_triton(answer(b"word ", kind="BYTES")) for _ in range(9)]),
    "with an empty end": framed(*[of_triton(answer(1.0)), of_triton(answer())]),
    "unary": framed(answer(0.1, 0.9)),
}


@given(st.sampled_from(sorted(STREAMS)), st.data())
def test_cut_anywhere_an_answer_reads_the_same(name: str, data: st.DataObject) -> None:
    body = STREAMS[name]
    whole = read(body, [], times=False)
    found = read(body, data.draw(st.lists(st.integers(1, len(body) - 1), max_size=9)), times=False)
    assert (found.tensors, found.text and found.text.text) == (whole.tensors, whole.text and whole.text.text)


@pytest.mark.parametrize("name", ["triton", "mlserver"])
def test_tensors_of_all_messages_are_the_answer_and_a_text_says_when_they_came(name: str) -> None:
    ends = [len(STREAMS[name]) // 9 * at for at in range(1, 9)]
    found = read(STREAMS[name], ends)
    assert [(each.rows, each.width, each.data[::2]) for each in found.tensors] == [
        (9, 2, [float(at) for at in range(9)])
    ]
    assert found.text == Text("", first_token=0.0, gaps=(1.0,) * 8, pieces=9)


def test_a_message_comes_with_the_piece_that_ends_it() -> None:
    body = STREAMS["triton"]
    size = len(body) // 9
    text = read(body, [size - 1, size, 3 * size + 2]).text
    assert text is not None and (text.first_token, text.gaps) == (1.0, (1.0, 1.0))


def test_what_says_nothing_has_no_time() -> None:
    found = read(STREAMS["with an empty end"], [])
    assert (found.tensors[0].data, found.text) == ([1.0], None)


def test_a_single_message_is_its_tensors_and_strings_of_a_stream_are_a_text_however_many() -> None:
    assert read(STREAMS["unary"], []).text is None
    assert read(framed(answer(b"setosa", kind="BYTES")), []).tensors[0].data == ["setosa"]
    one = read(framed(of_triton(answer(b"word word ", kind="BYTES"))), [])
    assert one.text is not None and (one.text.text, one.tensors) == ("word word ", ())


def test_an_error_ends_the_reading_wherever_it_stands() -> None:
    error = message("ModelStreamInferResponse", error_message="no GPU").SerializeToString()
    for messages in ([error], [of_triton(answer(1.0)), error], [error, of_triton(answer(1.0))]):
        with pytest.raises(Unreadable, match="error_in_stream"):
            read(framed(*messages), [3])


def test_an_answer_that_is_cut_or_none_is_told() -> None:
    for body, reason in ((b"", "empty_body"), (STREAMS["triton"][:-1], "binary"), (b"\0\0", "binary")):
        with pytest.raises(Unreadable, match=reason):
            read(body, [])
    with pytest.raises(Unreadable, match="empty_body"):
        read(framed(of_triton(answer(b"", kind="BYTES"))), [])


def test_a_message_that_never_ends_is_not_kept() -> None:
    reader = CallReader(Body(b"", GRPC, DEFAULT_ANALYSIS))
    reader.feed(b"\0\xff\xff\xff\xff")
    for _ in range(MAX_EVENT // 65_536):
        reader.feed(bytes(65_536))
    with pytest.raises(Unreadable, match="too_large"):
        reader.feed(b"x")


def test_what_is_held_is_told() -> None:
    reader = CallReader.whole(Body(STREAMS["triton"], GRPC, DEFAULT_ANALYSIS))
    reader.forget_times()
    assert (reader.size, reader.steps, reader.times()) == (8 * 18, 9, None)


def test_requests_of_a_stream_are_rows_and_the_strings_of_its_first() -> None:
    one, two = (numbers([1.0], 1), strings("a")), (numbers([2.0], 1), strings("b"))
    assert inputs_of([one]) == one
    assert inputs_of([one, two]) == (numbers([1.0, 2.0], 1), strings("a"))
