"""Header fields: what may go on, and what a proxy keeps for itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.http1.fields import forwardable, joined, tokens, without

PLAIN = bytes(b for b in range(256) if b == 0x09 or (b >= 0x20 and b != 0x7F))


def test_lines_become_a_block() -> None:
    assert joined([]) == b""
    assert joined([b"a: 1", b"b: 2"]) == b"a: 1\r\nb: 2\r\n"


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=4))
def test_a_byte_that_no_field_may_hold_refuses_the_block(lines: list[bytes]) -> None:
    clean = all(byte in PLAIN for line in lines for byte in line)
    assert joined(lines) == (b"".join(line + b"\r\n" for line in lines) if clean else None)


def test_members_of_a_list() -> None:
    assert tokens(b" Keep-Alive,\tX-A ,, close") == [b"keep-alive", b"x-a", b"close"]
    assert tokens(b"") == []


def test_fields_that_connection_names_are_left_out_and_no_longer_name() -> None:
    lines = [b"X-A: 1", b"x-ab: 2", b"X-B: 3"]
    assert without(lines, [b"x-a", b"x-b"]) == [b"x-ab: 2"]


def test_trailers_that_mean_something_before_the_body_do_not_go_on() -> None:
    lines = [b"Content-Length: 5", b"X-Sum: 1", b"authorization: x", b"Connection: close"]
    assert forwardable(lines) == b"X-Sum: 1\r\n"
    assert forwardable([b"X-Sum: \x00"]) == b""
