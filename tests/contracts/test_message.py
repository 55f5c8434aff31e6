"""Neutral heads: what routing and legs ask of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.message import RequestHead, ResponseHead, cookies_of, field_of

NAMES = st.sampled_from(["a", "x-user", "x-user-id", "cookie"])
VALUES = st.text("abc ,;=:", max_size=8).map(str.strip)


@given(st.lists(st.tuples(NAMES, VALUES, st.booleans()), max_size=6), NAMES)
def test_a_field_is_the_first_of_its_name_in_any_case(fields: list[tuple[str, str, bool]], name: str) -> None:
    block = "".join(f"{n.title() if up else n}: {v}\r\n" for n, v, up in fields).encode()
    wanted = next((value.encode() for each, value, _ in fields if each == name), None)
    assert field_of(block, name.encode()) == wanted


@given(st.lists(st.tuples(NAMES, VALUES, st.booleans()), max_size=6))
def test_all_cookies_are_one_value(fields: list[tuple[str, str, bool]]) -> None:
    block = "".join(f"{n.title() if up else n}: {v}\r\n" for n, v, up in fields).encode()
    cookies = [value for name, value, _ in fields if name == "cookie"]
    assert cookies_of(block) == ("; ".join(cookies).encode() if cookies else None)
    assert RequestHead(b"GET", b"h", b"/", block).field(b"cookie") == cookies_of(block)


def test_a_request_head() -> None:
    head = RequestHead(b"POST", b"models:80", b"/v2/m?a=b", b"X-A: 1\r\n")
    assert (head.path, head.target, head.scheme) == (b"/v2/m", b"/v2/m?a=b", b"http")
    assert (head.field(b"x-a"), head.field(b"host"), head.field(b"b")) == (b"1", b"models:80", None)
    assert head.length is None
    assert not (head.streamed or head.tunnel or head.shadowed or head.trailers)


@pytest.mark.parametrize(
    ("length", "bodiless", "tunnel", "streamed"),
    [(None, False, False, True), (3, False, False, False), (None, True, False, False), (None, False, True, False)],
)
def test_whether_an_answer_is_streamed(length: int | None, bodiless: bool, tunnel: bool, streamed: bool) -> None:
    head = ResponseHead(200)
    head.length, head.bodiless, head.tunnel = length, bodiless, tunnel
    assert head.streamed == streamed
