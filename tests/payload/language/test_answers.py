"""Whole answers, by the fields that tell them apart."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.payload.language.answers import FORMS, read_document
from proxy.payload.reading import Unreadable

CHOICE = {"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}
SAID: dict[str, tuple[dict[str, Any], str, str]] = {
    "chat": ({"choices": [CHOICE]}, "a", "stop"),
    "completion": ({"choices": [{"text": "a", "finish_reason": "length"}]}, "a", "length"),
    "responses": (
        {"status": "completed", "output": [{"type": "message", "content": [{"type": "output_text", "text": "a"}]}]},
        "a",
        "completed",
    ),
    "responses, cut": (
        {
            "status": "incomplete",
            "incomplete_details": {"reason": "max_output_tokens"},
            "output": [{"type": "message", "content": [{"type": "output_text", "text": "a"}]}],
        },
        "a",
        "max_output_tokens",
    ),
    "messages": (
        {"type": "message", "content": [{"type": "text", "text": "a"}], "stop_reason": "end_turn"},
        "a",
        "end_turn",
    ),
    "Ollama, chat": ({"message": {"content": "a"}, "done": True, "done_reason": "stop"}, "a", "stop"),
    "Ollama, generate": ({"response": "a", "done": True, "done_reason": "stop"}, "a", "stop"),
    "TGI": ({"generated_text": "a", "details": {"finish_reason": "length"}}, "a", "length"),
    "llama.cpp": ({"content": "a", "stop": True, "stop_type": "eos"}, "a", "eos"),
    "transcription": ({"text": "a", "segments": []}, "a", ""),
}


@pytest.mark.parametrize("name", SAID)
def test_texts(name: str) -> None:
    document, text, finish = SAID[name]
    read = read_document(document).text
    assert (read.text, read.finish) == (text, finish)


def test_choices_are_told_apart_by_index() -> None:
    other = {"index": 1, "message": {"content": "b"}, "finish_reason": "length"}
    for choices in ([CHOICE, other], [other, CHOICE]):
        text = read_document({"choices": choices}).text
        assert (text.text, [(each.text, each.finish) for each in text.others]) == ("a", [("b", "length")])


def test_items_of_a_response() -> None:
    output = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "function_call", "name": "f", "arguments": '{"a": 1}', "call_id": "1"},
        {"type": "web_search_call", "status": "completed"},
        {"type": "message", "content": [{"type": "refusal", "refusal": "no"}]},
    ]
    text = read_document({"object": "response", "output": output}).text
    assert (text.reasoning, text.refusal) == ("hm", "no")
    assert text.tools == (("f", '{"a":1}'), ("web_search_call", "{}"))


def test_embeddings_by_type_and_alone() -> None:
    for document in ({"embeddings": {"float": [[1, 2]]}}, {"embeddings": [[1, 2]]}, {"embedding": [1, 2]}):
        (tensor,) = read_document(document).tensors
        assert (tensor.vector, list(tensor.data)) == (True, [1, 2])


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"status": "queued", "output": []}, "form"),
        ({"status": "failed", "output": []}, "error_in_body"),
        ({"output": "a"}, "form"),
        ({"choices": {}}, "schema"),
        ({"choices": [{"index": at} for at in range(200)]}, "too_many_values"),
        ({"content": 1}, "form"),
        ({"message": 1}, "schema"),
        ({"embeddings": {}}, "empty_body"),
        ({"data": {"a": 1}}, "form"),
        ({"a": 1}, "schema"),
        (1, "schema"),
    ],
)
def test_answers_that_are_not_read(document: Any, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read_document(document)


@pytest.mark.parametrize("name", FORMS)
def test_an_empty_field_is_an_empty_answer(name: str) -> None:
    with pytest.raises(Unreadable):
        read_document({name: None})
