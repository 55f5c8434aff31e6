"""Queries and header fields."""

from __future__ import annotations

import pytest

from proxy.payload.redaction.digest import Digest
from proxy.payload.redaction.places import redacted_fields, redacted_path, with_field, without_field
from proxy.payload.redaction.rules import rule_of

DIGEST = Digest(b"k")


@pytest.mark.parametrize(
    ("path", "pointer", "after"),
    [
        ("/v1?user=7&top=3&user=8", "/query/user", "/v1?top=3"),
        ("/v1?us%65r=7", "/query/user", "/v1"),
        ("/v1?a=1;user=7", "/query/user", "/v1?a=1"),
        ("/v1?a=1&b", "/query", "/v1"),
        ("/v1?a=1&b=2", "/query/*", "/v1"),
        ("/v1", "/query/user", "/v1"),
        ("/v1?top=3", "/query/user", "/v1?top=3"),
    ],
)
def test_values_of_a_query_go(path: str, pointer: str, after: str) -> None:
    kept, found = redacted_path(path, [rule_of(pointer, "drop")], DIGEST)
    assert (kept, bool(found)) == (after, after != path)


def test_hashes_stay_equal() -> None:
    kept, _ = redacted_path("/v1?user=a+b&top=1&user=a%20b", [rule_of("/query/user", "hash")], DIGEST)
    first, _, second = kept.partition("?")[2].split("&")
    assert first == second == f"user={DIGEST.text(b'a b')}"


def test_fields() -> None:
    fields = b"Content-Type: text/x\r\nX-User: 7\r\n"
    assert redacted_fields(fields, [rule_of("/header/x-user", "drop")], DIGEST) == (fields[:22], ("/header/x-user",))
    hashed, _ = redacted_fields(fields, [rule_of("/header/X-USER", "hash")], DIGEST)
    assert hashed == fields[:22] + b"X-User: " + DIGEST.text(b"7").encode() + b"\r\n"
    assert without_field(fields, b"x-user") == fields[:22]
    assert with_field(fields, b"x-user", b"8") == fields[:22] + b"x-user: 8\r\n"


def test_a_field_that_is_spelled_otherwise_is_the_same_one() -> None:
    fields = b"X_Api_Key: secret\r\na: b\r\n"
    for pointer in ("/header/x-api-key", "/header/X_API-Key"):
        assert redacted_fields(fields, [rule_of(pointer, "drop")], DIGEST)[0] == b"a: b\r\n"
