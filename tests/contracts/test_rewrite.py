"""What is told of a rewrite has no secrets in it."""

from __future__ import annotations

from proxy.contracts.rewrite import Credential, Rewrite


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
