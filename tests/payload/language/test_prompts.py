"""Requests in the words of each API: how much is asked."""

from __future__ import annotations

import math
from typing import Any

import pytest

from proxy.payload.language.prompts import features, texts_of
from proxy.payload.reading import Unreadable

ASKED: list[tuple[dict[str, Any], list[str | None]]] = [
    ({"messages": [{"role": "user", "content": "hi"}, {"role": "tool", "content": None}]}, ["hi", ""]),
    ({"messages": [{"content": [{"type": "text", "text": "a"}, {"type": "image_url"}]}]}, ["a"]),
    ({"system": "be kind", "messages": [{"role": "user", "content": "hi"}]}, ["be kind", "hi"]),
    ({"system": [{"type": "text", "text": "a"}], "messages": []}, ["a"]),
    ({"prompt": "a"}, ["a"]),
    ({"prompt": ["a", "b"]}, ["a", "b"]),
    ({"prompt": [1, 2, 3]}, [None]),
    ({"prompt": [[1, 2], [3]]}, [None, None]),
    ({"instructions": "short", "input": "a"}, ["short", "a"]),
    ({"input": [{"role": "user", "content": [{"type": "input_text", "text": "a"}]}]}, ["a"]),
    ({"input": [{"type": "function_call_output", "call_id": "1", "output": "sunny"}]}, ["sunny"]),
    ({"inputs": "a", "parameters": {}}, ["a"]),
    ({"query": "q", "documents": ["a", {"text": "b"}]}, ["q", "a", "b"]),
    ({"query": "q", "texts": ["a"]}, ["q", "a"]),
    ({"text_1": "a", "text_2": ["b", "c"]}, ["a", "b", "c"]),
    ({"content": "a"}, ["a"]),
]


@pytest.mark.parametrize(("fields", "texts"), ASKED)
def test_texts(fields: dict[str, Any], texts: list[str | None]) -> None:
    assert texts_of(fields) == texts


@pytest.mark.parametrize("fields", [{}, {"model": "m"}, {"messages": 1}, {"input": [[[[["a"]]]]]}, {"input": [1.5]}])
def test_requests_that_ask_nothing(fields: dict[str, Any]) -> None:
    with pytest.raises(Unreadable, match="schema"):
        texts_of(fields)


def test_parameters_in_every_place() -> None:
    limits = ({"max_output_tokens": 7}, {"parameters": {"max_new_tokens": 7}}, {"options": {"num_predict": 7}})
    for limit in limits:
        assert features({"prompt": "abc", **limit}).data[:3] == [3, 1, 7]
    assert features({"prompt": "a", "parameters": {"temperature": 0.5}}).data[3] == 0.5
    assert math.isnan(features({"prompt": [1, 2]}).data[0])
