"""Usual chat completions say what the reader of any answer says of them."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as some

from proxy.contracts.identity import IDENTITY_FIELDS, Identity
from proxy.contracts.settings import Analysis
from proxy.payload.errors import refuse_errors
from proxy.payload.language.answers import FORMS, read_document
from proxy.payload.language.usual import usual_completion
from proxy.payload.reading import Body, Content, Unreadable

USAGE = {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}


def completion(message: Any, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_764_000_000, "model": "m"}
    return {**head, "choices": [choice], "usage": USAGE, **more}


def read(body: Body) -> Content | None:
    """As any answer is read."""
    try:
        document = body.json()
        refuse_errors(document, FORMS)
        body.identify(document, IDENTITY_FIELDS["openai"])
        return read_document(document)
    except (Unreadable, orjson.JSONDecodeError):
        return None


def body_of(document: Any, source: Any = "protocol") -> Body:
    return Body(json.dumps(document).encode(), b"", Analysis(identity=Identity(source)))


counts = some.sampled_from([0, 1, 7, -1, 10**9, 10**9 + 1, 10**30, 1.5, "3", True, None])
texts = some.one_of(
    some.text(max_size=9),
    some.sampled_from(["", None, "<think>hm</think> Yes", "hm</think>Yes", "<think>hm", 7, ["a"]]),
)
odd = some.sampled_from([None, {}, [], "", "x", 0, {"message": "no"}, [{"id": "1", "function": {"name": "f"}}]])
MORE = (
    "refusal",
    "tool_calls",
    "reasoning_content",
    "annotations",
    "text",
    "error",
    "audio",
    "finish_reason",
    "status",
)
messages = some.builds(
    lambda content, more: {"role": "assistant", "content": content, **more},
    texts,
    some.dictionaries(some.sampled_from(MORE), odd, max_size=1),
)
usages = some.one_of(
    some.fixed_dictionaries(dict.fromkeys(USAGE, counts)),
    some.just({**USAGE, "completion_tokens_details": {"reasoning_tokens": 1}}),
    some.none(),
)
more = some.dictionaries(
    some.sampled_from((*MORE, "choices", "content", "data", "system_fingerprint", "service_tier", "object", "model")),
    odd,
    max_size=1,
)


@given(messages, usages, more, some.sampled_from(["stop", "error", "", None, 3, "length"]), more)
def test_a_usual_answer_says_what_any_answer_says(
    message: dict[str, Any], usage: Any, top: dict[str, Any], finish: Any, beside: dict[str, Any]
) -> None:
    document = completion(message, usage=usage)
    document["choices"][0] |= {"finish_reason": finish, **beside}
    document |= top
    quick, slow = body_of(document), body_of(document)
    found = usual_completion(quick)
    if found is not None:
        assert repr(found) == repr(read(slow)) and quick.identity == slow.identity


def test_what_servers_send_is_usual() -> None:
    message = {"role": "assistant", "content": "Yes.", "refusal": None, "annotations": []}
    body = body_of(completion(message, system_fingerprint="fp", service_tier="default"))
    found = usual_completion(body)
    assert found is not None and found.text is not None
    assert (found.text.text, found.text.finish, body.identity) == ("Yes.", "stop", "model=m, system_fingerprint=fp")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b'\xff{"choices":[]}',
        b"[" * 100_000,
        b'{"choices":[{"message":{"content":"\\ud800"}}],"usage":{}}',
    ],
)
def test_what_is_no_completion_is_left_to_the_other_reader(data: bytes) -> None:
    assert usual_completion(Body(data, b"", Analysis())) is None


def test_who_answers_by_a_pointer_is_left_to_the_other_reader() -> None:
    assert usual_completion(body_of(completion({"content": "Yes"}), "json")) is None
