"""Addresses of a fleet's store: all forms, and what is refused without a secret being told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.control.fleet.address import SCHEMES, StoreAddress, address_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("redis://cache", StoreAddress("server", (("cache", 6379),))),
        ("valkey://[::1]:7000/3", StoreAddress("server", (("::1", 7000),), database=3)),
        ("redis://u:p%40ss@cache:1", StoreAddress("server", (("cache", 1),), "u", "p@ss")),
        ("redis://:p@ss@cache", StoreAddress("server", (("cache", 6379),), "", "p@ss")),
        ("rediss://cache", StoreAddress("server", (("cache", 6379),), encrypted=True)),
        ("redis+cluster://a,b:7001", StoreAddress("cluster", (("a", 6379), ("b", 7001)))),
        (
            "redis+sentinel://u:p@a,b:1/main/2",
            StoreAddress("sentinel", (("a", 26379), ("b", 1)), "u", "p", database=2, service="main"),
        ),
    ],
)
def test_forms(text: str, expected: StoreAddress) -> None:
    assert address_of(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("cache:6379", "begins with one of redis://"),
        ("http://cache", "begins with one of redis://"),
        ("redis://", "a host is missing"),
        ("redis://a b", "a host is missing"),
        ("redis://cache:0", "is no port"),
        ("redis://cache:x", "is no port"),
        ("redis://a,b", "names one server"),
        ("redis://cache/x", "is no database"),
        ("redis://cache/1/2", "is no database"),
        ("redis://cache?db=1", "options behind"),
        ("redis+sentinel://a:1", "the name of the primary is missing"),
        ("redis+cluster://a:1/4", "database 0 alone"),
    ],
)
def test_faults(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        address_of(text)


@given(st.sampled_from(sorted(SCHEMES)), st.text(max_size=30))
def test_secrets_are_never_told(scheme: str, rest: str) -> None:
    try:
        at = address_of(f"{scheme}://me:hunter2hunter2@{rest}")
    except ValueError as error:
        assert "hunter2" not in str(error)
    else:
        assert "hunter2" not in at.shown
