"""Bytes of a terminal to keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cli.top.keys import KEYS, keys


@pytest.mark.parametrize("data", KEYS)
def test_each_key_alone_and_among_others(data: bytes) -> None:
    assert keys(data) == [KEYS[data]]
    assert keys(b"q" + data + (b"" if data == b"\x1b" else b"r")) == [
        "quit",
        KEYS[data],
        *([] if data == b"\x1b" else ["look"]),
    ]


def test_what_terminals_say_themselves_is_no_key() -> None:
    assert keys(b"\x1b[24;80R\x1b[?1;2c\x1b[<0;3;4M") == []
    assert keys(b"\x1b[200~") == [], "what is pasted begins with no key"


@given(st.binary(max_size=40))
def test_any_bytes_are_keys_or_nothing(data: bytes) -> None:
    assert {*keys(data)} <= {*KEYS.values()}
