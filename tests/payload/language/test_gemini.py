"""Gemini's answers say the same whole, in an array of chunks, and as events, wherever they are cut."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.settings import Analysis
from proxy.payload.language.answers import read_document
from proxy.payload.language.gemini import MAX_TIMED, ends_of_members
from proxy.payload.language.spoken import Spoken
from proxy.payload.reading import Body, Unreadable

PARTS = st.one_of(
    st.fixed_dictionaries({"text": st.text(min_size=1, max_size=5)}),
    st.fixed_dictionaries({"text": st.text(min_size=1, max_size=5), "thought": st.just(True)}),
    st.fixed_dictionaries(
        {"functionCall": st.fixed_dictionaries({"name": st.sampled_from(["f", "g"]), "args": st.just({"a": 1})})}
    ),
)


def chunk(parts: list[Any], finish: str | None = None) -> dict[str, Any]:
    ended = {"finishReason": finish} if finish else {}
    return {"candidates": [{"index": 0, "content": {"role": "model", "parts": parts}, **ended}]}


@given(st.lists(PARTS, min_size=1, max_size=6), st.data())
def test_any_cut_into_chunks_says_the_same(parts: list[Any], data: st.DataObject) -> None:
    whole = read_document(chunk(parts, "STOP"))
    cut = data.draw(st.integers(0, len(parts)))
    chunks = [chunk(parts[:cut]), chunk(parts[cut:], "STOP")]
    assert read_document(chunks).text == whole.text
    spoken = Spoken()
    for each in chunks:
        spoken.add(orjson.loads(orjson.dumps(each)))
    assert spoken.text(None, ()) == whole.text


@pytest.mark.parametrize("broken", [[1], [{"content": {"parts": ["x"]}}], [None]])
def test_what_is_no_candidate_is_refused(broken: list[Any]) -> None:
    with pytest.raises(Unreadable):
        read_document({"candidates": broken})


@given(st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=6), st.sampled_from([None, 2]))
def test_chunks_of_an_array_come_with_the_pieces_that_end_them(texts: list[str], indent: int | None) -> None:
    chunks = [chunk([{"text": text}], None) for text in texts[:-1]] + [chunk([{"text": texts[-1]}], "STOP")]
    data = json.dumps(chunks, indent=indent, ensure_ascii=False).encode()
    ends = ends_of_members(data)
    assert [json.loads(b"[" + data[a:b].lstrip(b"[, \n") + b"]")[0] for a, b in pairwise([0, *ends])] == chunks
    times = [0.5 + number for number in range(len(ends))]
    text = read_document(chunks, Body(data, b"", Analysis(), times, ends)).text
    assert text is not None and text.first_token == 0.5
    assert text.gaps == (1.0,) * (len(texts) - 1)
    together = read_document(chunks, Body(data, b"", Analysis(), [2.0], [len(data)])).text
    assert together is not None and (together.first_token, together.gaps) == (2.0, ())


@pytest.mark.parametrize("data", [b"", b"{}", b"[", b"[" * 100_000, b"[]", b"[1", b"[1" + b" " * MAX_TIMED])
def test_what_is_no_array_has_no_members_and_ends(data: bytes) -> None:
    assert len(ends_of_members(data)) <= 1
