"""What a call of gRPC tells by its first message."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.calls import has_message

PIECES = st.lists(st.binary(min_size=1, max_size=7), max_size=6)


@given(st.binary(max_size=20), PIECES)
def test_a_message_is_there_with_its_last_byte(message: bytes, rest: list[bytes]) -> None:
    body = b"\0" + len(message).to_bytes(4, "big") + message
    for cut in range(len(body) + 1):
        for width in (1, 3, 30):
            pieces = [body[at : min(at + width, cut)] for at in range(0, cut, width)]
            assert has_message(pieces, cut) == (cut == len(body))
    assert has_message([body, *rest], len(body) + sum(map(len, rest)))
