"""A call and its answer."""

from __future__ import annotations

from proxy.routing.oip.call import OipCall
from proxy.routing.oip.request import Wanted
from tests.support.oip_messages import framed


def test_a_call_that_failed_is_told_as_failed_whatever_came_before() -> None:
    call = OipCall(b"ServerLive", Wanted())
    assert call.answer(14, "away", framed(b"\x08\x01")).status == 503
    assert call.answer(0, "", framed(b"\x08\x01")).status == 200
