"""Usual chat completions and embeddings say what the reader of any answer says of them."""

import json
from base64 import b64encode
from struct import pack
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as some

from proxy.contracts.identity import IDENTITY_FIELDS, Identity, bounded
from proxy.contracts.settings import Analysis
from proxy.payload.errors import refuse_errors
from proxy.payload.language import prompts
from proxy.payload.language.answers import FORMS, read_document
from proxy.payload.language.usual import usual_completion, usual_embeddings, usual_request
from proxy.payload.pictures.found import in_place_of_texts
from proxy.payload.reading import Body, Content, Unreadable, fields_of

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


def asked(body: Body) -> Content | None:
    """As any request is read."""
    try:
        fields = fields_of(body.json())
        body.asked = bounded(str(fields.get("model") or ""))
        return Content(in_place_of_texts(prompts.read(fields, body.data)))
    except (Unreadable, orjson.JSONDecodeError):
        return None


turns = some.fixed_dictionaries(
    {
        "content": some.one_of(
            some.text(max_size=9), some.sampled_from(["\n", "data:image/png;base64,", "x" * 5000]), odd
        )
    },
    optional={"role": some.sampled_from(["user", "system", None, 3]), "name": odd, "tool_calls": odd},
)
limits = some.sampled_from([0, 16, -1, 1.5, 0.2, 10**15, 10**30, 1e300, "3", True, None])
parameters = some.dictionaries(
    some.sampled_from(
        (
            *("max_tokens", "max_completion_tokens", "temperature", "n", "stop", "system", "tools", "prompt"),
            *("options", "stream", "query", "user"),
        )
    ),
    limits | odd,
    max_size=3,
)


@given(some.lists(turns, max_size=4) | odd, some.sampled_from(["m", "", "a  b", "x" * 300, None, 7]), parameters)
def test_a_usual_request_says_what_any_request_says(turns: Any, model: Any, more: dict[str, Any]) -> None:
    document = {"model": model, "messages": turns, **more}
    quick, slow = body_of(document), body_of(document)
    found = usual_request(quick)
    if found is not None:
        found = Content(in_place_of_texts(found.tensors))
        assert repr(found) == repr(asked(slow)) and quick.asked == slow.asked


def test_what_clients_send_is_usual() -> None:
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "And?"}]
    body = body_of({"model": "m", "messages": turns, "temperature": 0.2, "max_tokens": 16, "stream": True})
    found = usual_request(body)
    assert found is not None and body.asked == "m"
    assert found.tensors[0].data == [13, 2, 16, 0.2] and found.tensors[0].texts == (("prompt", ("Be brief.\nAnd?",)),)


def test_names_that_are_long_are_read_and_not_remembered() -> None:
    long = "m" * 3000
    body = body_of(completion({"role": "assistant", "content": "Yes."}, model=long))
    assert usual_completion(body) is not None
    assert 0 < len(body.identity) < 300


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


def embedding(vector: Any, index: Any = 0, **more: Any) -> dict[str, Any]:
    return {"object": "embedding", "index": index, "embedding": vector, **more}


def embedded(*rows: Any, **more: Any) -> dict[str, Any]:
    counted = {"prompt_tokens": 4, "total_tokens": 4}
    return {"object": "list", "data": list(rows), "model": "m", "usage": counted, **more}


def base64(*values: float) -> str:
    return b64encode(pack(f"<{len(values)}f", *values)).decode()


def both(document: Any) -> tuple[Any, Content | None]:
    """What the quick reader says, None where it leaves that to the other, and what the other says."""
    slow = body_of(document)
    found, said = usual_embeddings(slow.data), read(slow)
    if found is not None:
        assert said is not None and repr(found) == repr((said.tensors, slow.identity, said.usage))
    return found, said


vectors = some.sampled_from(
    [
        *([0.5, 0.25], [1, 2], [], [None, 1.0], [True], ["a"], [[0.5], [0.25]], [0.1] * 600, 7, None, {}),
        *(base64(0.5, 0.25), base64(*[0.5] * 600), "", "A", "****", base64(float("inf"))),
    ]
)
listed = some.builds(
    embedding, vectors, some.sampled_from([0, 1, 1, None, "0"]), object=some.sampled_from(["embedding", "error", None])
)


@given(
    some.lists(listed | odd, max_size=3),
    some.dictionaries(
        some.sampled_from(("error", "object", "model", "usage", "id", "status", "detail", "message", "choices")),
        some.one_of(odd, some.fixed_dictionaries({"prompt_tokens": counts, "total_tokens": counts})),
        max_size=2,
    ),
)
def test_usual_embeddings_say_what_any_answer_says(rows: list[Any], top: dict[str, Any]) -> None:
    both(embedded(*rows, **top))


def test_what_servers_send_of_embeddings_is_usual() -> None:
    for vector in ([0.5, 0.25], base64(0.5, 0.25)):
        document = embedded(embedding(vector, 1), embedding(vector, 0), id="embd-1", created=1)
        found, said = both(document)
        assert found is not None and said is not None
        (tensor,), who, usage = found
        assert tensor.keys == (0, 1) and tensor.data == [0.5, 0.25, 0.5, 0.25]
        assert who == "model=m" and usage.input == 4


@given(some.text("AQgw+/=-_ \n", max_size=12))
def test_base64_is_read_as_strictly_as_by_the_other_reader(text: str) -> None:
    both(embedded(embedding(text)))


def test_embeddings_with_more_in_their_usage_are_usual() -> None:
    told = {"prompt_tokens": 4, "completion_tokens": 0, "total_tokens": 4, "prompt_tokens_details": None}
    found, _ = both(embedded(embedding([0.5]), usage=told))
    assert found[2].output == 0


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'{"embedding"', b'{"object":"list","data":["embedding"],"model":"m"}']
)
def test_what_are_no_embeddings_is_left_to_the_other_reader(data: bytes) -> None:
    assert usual_embeddings(data) is None


@given(
    some.one_of(some.text(max_size=9), some.lists(some.text(max_size=5), max_size=3), odd, some.just([1, 2])),
    some.sampled_from(
        [{}, {"encoding_format": "base64"}, {"dimensions": 3, "user": "u"}, {"messages": []}, {"top": 1}]
    ),
    parameters,
)
def test_a_usual_request_of_embeddings_says_what_any_request_says(
    texts: Any, named: dict[str, Any], more: dict[str, Any]
) -> None:
    document = {"model": "m", "input": texts, **named, **more}
    quick, slow = body_of(document), body_of(document)
    found = usual_request(quick)
    if found is not None:
        found = Content(in_place_of_texts(found.tensors))
        assert repr(found) == repr(asked(slow)) and quick.asked == slow.asked


def test_what_clients_send_for_embeddings_is_usual() -> None:
    for texts in ("And?", ["And?", "Or?"]):
        assert usual_request(body_of({"model": "m", "input": texts, "encoding_format": "base64"})) is not None
