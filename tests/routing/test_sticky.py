"""Where a key is, and the point that it hashes to."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.table import Sticky
from proxy.routing.sticky import key_of, point


def fields(**values: bytes) -> Callable[..., Any]:
    return {name.replace("_", "-").encode(): value for name, value in values.items()}.get


def test_an_index_that_no_list_has_is_no_key() -> None:
    for index in (1, 2**62, 2**63, 10**30):
        assert key_of(Sticky("json", f"/users/{index}"), fields(), b'{"users": [1]}')[0] is None


def test_points_never_change() -> None:
    # Other values would move every sticky user at an upgrade.
    assert point("cancer", b"user-1") == (0.24663689911314057, 4549647757073426682)
    assert point("other", b"user-1")[0] != point("cancer", b"user-1")[0]


def test_points_are_uniform() -> None:
    n = 20_000
    counts = [0] * 20
    for user in range(n):
        counts[int(point("r", b"user-%d" % user)[0] * 20)] += 1
    chi_square = sum((count - n / 20) ** 2 / (n / 20) for count in counts)
    assert chi_square < 43.8  # the 0.999 quantile with 19 degrees of freedom


@given(st.binary(max_size=200))
def test_a_point_is_in_the_unit_interval(key: bytes) -> None:
    at, hashed = point("r", key)
    assert 0 <= at < 1
    assert 0 <= hashed < 1 << 64


@pytest.mark.parametrize(
    ("value", "key"),
    [(b"u1", b"u1"), (b"", None), (None, None)],
)
def test_header(value: bytes | None, key: bytes | None) -> None:
    get = {b"x-user-id": value}.get
    assert key_of(Sticky("header", "X-User-Id"), get, None)[0] == key


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (b"user=u1", b"u1"),
        (b"a=b; user=u1; c=d", b"u1"),
        (b'user="u1"', b"u1"),
        (b"users=u1", None),
        (b"user", None),
        (b"user=", None),
        (b"", None),
    ],
)
def test_cookie(value: bytes, key: bytes | None) -> None:
    assert key_of(Sticky("cookie", "user"), fields(cookie=value), None)[0] == key


@pytest.mark.parametrize(
    ("pointer", "body", "key"),
    [
        ("/user", {"user": "u1"}, b"u1"),
        ("/user", {"user": 7}, b"7"),
        ("/a/0/b", {"a": [{"b": "x"}]}, b"x"),
        ("/a~1b/c~0d", {"a/b": {"c~d": "x"}}, b"x"),
        ("/user", {"user": None}, None),
        ("/user", {"user": True}, None),
        ("/user", {"user": {}}, None),
        ("/user", {"user": ""}, None),
        ("/user/9", {"user": ["a"]}, None),
        ("/user/-1", {"user": ["a"]}, None),
        ("/user", ["user"], None),
        ("/other", {"user": "u1"}, None),
    ],
)
def test_pointer(pointer: str, body: Any, key: bytes | None) -> None:
    assert key_of(Sticky("json", pointer), fields(), json.dumps(body).encode())[0] == key


@pytest.mark.parametrize("body", [None, b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"user": "\\ud800"}'])
def test_bodies_that_cannot_be_read_have_no_key_or_a_safe_one(body: bytes | None) -> None:
    key, _ = key_of(Sticky("json", "/user"), fields(), body)
    assert key is None or 0.0 <= point("r", key)[0] < 1.0
