"""Names in answers, mapped back: whole answers and streams, however their bytes arrive."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.message import ResponseHead
from proxy.routing.rewrite.answer import MAX_LINE, AnswerNames, names_in
from proxy.routing.rewrite.plan import Names
from proxy.routing.rewrite.unwritable import CODING, NOT_JSON, TOO_LARGE

NAMES: Names = [([*at, "model"], b'"llama-ft"', b'"llama"') for at in ((), ("response",), ("message",))]


def mapped(
    text: bytes, media: bytes = b"application/json", cuts: tuple[int, ...] = (), names: Names = NAMES
) -> tuple[bytes, str]:
    answer = AnswerNames(names, media)
    made, at = b"", 0
    for cut in (*sorted(cuts), len(text)):
        made += answer.add(text[at:cut])
        at = max(at, cut)
    return made + answer.rest(), answer.reason


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (
            b'{"id":1,"model":"llama-ft","choices":[{"model":"llama-ft"}]}',
            b'{"id":1,"model":"llama","choices":[{"model":"llama-ft"}]}',
        ),
        (b'{"model":"llama-ft-2024"}', None),
        (b'{"model":"ll\\u0061ma-ft"}', b'{"model":"llama"}'),
        (b'{"choices":[{"text":"\\"model\\": \\"llama-ft\\""}]}', None),
        (b'["llama-ft"]', None),
        (b"", None),
        (b"not json", None),
    ],
)
def test_whole_answers(text: bytes, made: bytes | None) -> None:
    assert mapped(text) == ((text if made is None else made), "")


def test_what_cannot_be_read_passes_as_it_is_and_is_said() -> None:
    assert mapped(b'{"x": 1, "model" "llama-ft"}') == (b'{"x": 1, "model" "llama-ft"}', NOT_JSON)


EVENTS = (
    b': hi\r\ndata: {"model":"llama-ft","n":1}\r\n\r\nevent: x\n'
    b'data:{"response":{"model":"llama-ft"}}\n\ndata: [DONE]\n\n'
)
WANTED = EVENTS.replace(b"llama-ft", b"llama")


@given(st.lists(st.integers(0, len(EVENTS)), max_size=8))
def test_streams_are_mapped_however_they_are_cut(cuts: list[int]) -> None:
    assert mapped(EVENTS, b"text/event-stream", tuple(cuts)) == (WANTED, "")
    lines = b'{"model":"llama-ft"}\n{"model":"llama-ft","done":true}'
    assert mapped(lines, b"application/x-ndjson", tuple(cut % len(lines) for cut in cuts)) == (
        lines.replace(b"-ft", b""),
        "",
    )


def test_a_whole_line_does_not_wait_for_the_next() -> None:
    answer = AnswerNames(NAMES, b"text/event-stream")
    assert answer.add(b'data: {"model":"llama-ft"}\n\nda') == b'data: {"model":"llama"}\n\n'
    assert answer.size == 2


@pytest.mark.parametrize("cut", [10, MAX_LINE, MAX_LINE + 10])
def test_a_line_that_is_too_long_passes_as_it_is_in_bounded_memory(cut: int) -> None:
    long = b'data: {"model":"llama-ft","x":"' + b"y" * (MAX_LINE + 50) + b'"}\n'
    after = b'\ndata: {"model":"llama-ft"}\n'
    answer = AnswerNames(NAMES, b"text/event-stream")
    made = answer.add(long[:cut]) + answer.add(long[cut:-1])
    assert answer.size <= MAX_LINE
    made += answer.add(long[-1:] + after) + answer.rest()
    assert made == long + b'\ndata: {"model":"llama"}\n' and answer.reason == TOO_LARGE


def test_values_may_be_replaced_whatever_they_are() -> None:
    names: Names = [(["model_name"], b"", b'"iris"'), (["a", "0"], b"", b"1")]
    assert (
        mapped(b'{"model_name": null, "a": [2], "b": 3}', names=names)[0] == b'{"model_name": "iris", "a": [1], "b": 3}'
    )


@pytest.mark.parametrize(
    ("fields", "found", "reason"),
    [
        (b"content-type: application/json; charset=utf-8\r\n", True, ""),
        (b"content-type: application/problem+json\r\n", True, ""),
        (b"Content-Type: text/event-stream\r\ncontent-encoding: identity\r\n", True, ""),
        (b"content-type: application/json\r\ncontent-encoding: gzip\r\n", True, CODING),
        (b"content-type: application/octet-stream\r\n", False, ""),
        (b"", False, ""),
    ],
)
def test_answers_that_may_have_names(fields: bytes, found: bool, reason: str) -> None:
    answer = names_in(ResponseHead(200, fields), NAMES)
    assert (answer is not None, answer.reason if answer else "") == (found, reason)
    assert names_in(ResponseHead(200, fields), []) is None
    assert names_in(ResponseHead(206, fields), NAMES) is None


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_answer_reads_as_before_but_for_the_name(value: object) -> None:
    whole = {"model": "llama-ft", "value": value, "message": {"model": "other"}}
    made, reason = mapped(json.dumps(whole).encode())
    assert json.loads(made) == whole | {"model": "llama"} and reason == ""


def test_an_answer_that_costs_too_much_is_passed_on_as_it_is() -> None:
    text = b'{"a":[%b{}],"model":"llama-ft"}' % (b"{}," * 40_000)
    assert mapped(text) == (text, TOO_LARGE)
