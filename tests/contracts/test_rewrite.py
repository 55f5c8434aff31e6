"""What is told of a rewrite has no secrets in it."""

from __future__ import annotations

import json

import pytest

from proxy.contracts.rewrite import REDACTED, Credential, Rewrite


def test_what_is_told() -> None:
    assert Rewrite().told() == {}
    made = Rewrite(model="ft", headers_set={"x-key": "secret"}, answer=False)
    assert made.told() == {"model": "ft", "headers_set": ["x-key"], "answer": False}
    assert made.reads_bodies and not Rewrite(host="client").reads_bodies


def test_a_credential_does_not_show_itself() -> None:
    made = Credential("own", "api-key", "secret")
    assert "secret" not in f"{made} {made!r} {[made]}" and "api-key" in repr(made)


def test_values_of_the_query_are_not_told() -> None:
    assert Rewrite(query_set={"key": "s3cret", "api-version": "2"}).told() == {"query_set": ["api-version", "key"]}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/api_key", "short"),
        ("/auth/token", "abc"),
        ("/user", "sk-proj-0000"),
        ("/user", "eyJhbGciOiJIUzI1NiJ9.e30.x"),
        ("/user", "aB3dE6gH9jK2mN5pQ8sT1vW4"),
        ("/options", {"deep": [{"Password": "hunter2"}]}),
        ("/options", ["Bearer abc"]),
    ],
)
def test_texts_of_bodies_that_look_like_secrets_are_not_told(pointer: str, value: object) -> None:
    told = Rewrite(json={pointer: json.dumps(value)}, answer_set={pointer: json.dumps(value)}).told()
    for key in ("json", "answer_set"):
        shown = told[key]
        assert isinstance(shown, dict) and REDACTED in shown[pointer]
        assert not any(secret in shown[pointer] for secret in ("short", "abc", "sk-", "eyJ", "aB3d", "hunter2"))


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/model", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
        ("/model", "llama-3.3-70b-instruct-finetuned-0001"),
        ("/max_tokens", 256),
        ("/temperature", 0.2),
        ("/messages/0/content", "You are a helpful assistant of the year 2026."),
    ],
)
def test_what_looks_like_none_is_told(pointer: str, value: object) -> None:
    assert Rewrite(json={pointer: json.dumps(value)}).told() == {"json": {pointer: json.dumps(value)}}
