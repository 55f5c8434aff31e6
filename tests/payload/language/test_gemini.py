"""Gemini's answers say the same whole, in an array of chunks, and as events, wherever they are cut."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.payload.language.answers import read_document
from proxy.payload.language.spoken import Spoken
from proxy.payload.reading import Unreadable

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
