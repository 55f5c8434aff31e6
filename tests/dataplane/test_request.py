"""A request as its legs share it: its body, in whatever pieces it came."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.dataplane.request import Request
from tests.support.fakes import FakeClient, asked


@given(st.lists(st.binary(max_size=10)))
def test_a_body_is_all_of_its_pieces_and_stays_so(pieces: list[bytes]) -> None:
    request = Request(FakeClient(), asked(), b"1", b"", b"", 5.0)
    request.pieces = list(pieces)
    assert request.body() == request.body() == b"".join(pieces)
    assert (request.started, request.read_at, request.route_name, request.complete) == (5.0, 5.0, "", False)
