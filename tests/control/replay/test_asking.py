"""What can be sent again, and the legs that judges see."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from proxy.contracts.record import UNARY
from proxy.control.capture.exchanges import UNREPLAYABLE
from proxy.control.replay import asking
from proxy.control.replay.asking import Compared, Replayed, legs_of, why_not
from tests.support.replayed import answer, exchange, live, other

ALL = Compared(())
GRPC = b"content-type: application/grpc+proto\r\n"


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({}, ""),
        ({"status": 500, "response": None}, ""),
        ({"status": 0, "failure": "connect_failed", "response": None}, ""),
        ({"role": "rescue"}, ""),
        ({"role": "canary", "version": "v9"}, asking.OF_ANOTHER),
        ({"request_fields": GRPC}, ""),
        ({"status": 503, "call": 14, "response": None}, ""),
        ({"status": 0, "failure": "client_abort"}, asking.ABANDONED),
        ({"request": None}, UNREPLAYABLE["no_body"]),
    ],
)
def test_why_an_exchange_is_not_replayed(facts: dict[str, object], reason: str) -> None:
    assert why_not(exchange(1, **facts), False, ALL) == reason


def test_an_answer_that_was_too_large_cannot_be_compared() -> None:
    assert "cannot be compared" in why_not(exchange(1, response=None), False, ALL)


def test_a_stream_that_is_not_whole_in_the_capture_is_named_as_one() -> None:
    stream = {"path": "/inference.GRPCInferenceService/ModelStreamInfer", "request_fields": GRPC, "call": 0}
    assert why_not(exchange(1, **stream), False, ALL) == ""
    assert "a stream of gRPC that is not whole" in why_not(exchange(1, **stream, response=None), False, ALL)
    unread = stream | {"path": "/a.Service/Talk", "response": None}
    assert why_not(exchange(1, **unread), False, ALL) == "", "it counts by its status"
    assert why_not(exchange(1, **stream, status=0, failure="client_deadline"), False, ALL) == asking.ABANDONED


def test_beside_a_primary_no_recorded_answer_is_needed() -> None:
    for facts in ({"role": "canary"}, {"response": None}, {"status": 0, "failure": "client_abort"}):
        assert why_not(exchange(1, **facts), True, ALL) == ""


def test_what_was_redacted_is_no_longer_what_was_answered_unless_nobody_compares_it() -> None:
    spoilt = exchange(1)
    assert spoilt.asked is not None
    spoilt = replace(spoilt, asked=replace(spoilt.asked, redacted=("/request/x", "/response/id")))
    assert why_not(spoilt, False, ALL) == asking.REDACTED
    assert why_not(spoilt, False, Compared(("/request/x",))) == asking.REDACTED
    assert why_not(spoilt, False, Compared(("/request/x", "/response/id"))) == ""
    assert why_not(spoilt, True, ALL) == "", "both get the same request"


def test_the_recorded_answer_stands_for_the_primarys() -> None:
    first, copy = legs_of(Replayed(exchange(4, version="older"), live(other(4))), "v1", "v2")
    assert (first.role, first.version, first.response, first.copies) == ("primary", "v1", answer(4), 1)
    assert (copy.role, copy.version, copy.response, copy.copies) == ("shadow", "v2", other(4), -1)
    assert (first.source, first.exchange) == (copy.source, copy.exchange)
    assert first.started == copy.started == exchange(4).started
    assert copy.request is None and not copy.path, "the request travels once"


def test_a_primary_that_runs_beside_takes_its_place_and_is_asked_twice() -> None:
    replayed = Replayed(exchange(4), live(other(4)), primary=live(b"{}"), noise=live(b"[]"))
    first, noise, copy = legs_of(replayed, "v1", "v2")
    assert (first.response, noise.response, copy.response) == (b"{}", b"[]", other(4))
    assert (noise.role, noise.version, first.copies) == ("noise", "v1", 2)
    assert first.total == 0.01


def test_a_failure_is_no_answer() -> None:
    failed = replace(live(b""), status=0, failure="reset", body=None)
    copy = legs_of(Replayed(exchange(4), failed), "v1", "v2")[-1]
    assert (copy.status, copy.failure, copy.response) == (0, "reset", None)


def test_an_id_that_was_redacted_spoils_nothing() -> None:
    compared = Compared(())
    assert not compared.spoilt_by("/request_id")
    assert compared.spoilt_by("/path/1") and compared.spoilt_by("/query/user")


def test_a_call_counts_by_its_own_status_whatever_the_recorded_answer_was() -> None:
    """REST and gRPC of the same model are compared: each leg is what its own answer was."""
    called = live(b"\0\0\0\0\0", status=503, call=14, detail="no memory")
    copy = legs_of(Replayed(exchange(4), called), "v1", "v2")[-1]
    assert (copy.code, copy.call, copy.detail, copy.unary) == ("grpc:14", 14, "no memory", True)
    recorded = exchange(4, call=0, marks=UNARY)
    first, copy = legs_of(Replayed(recorded, live(answer(4))), "v1", "v2")
    assert (first.code, first.unary, copy.code, copy.unary) == ("grpc:0", True, "200", False)
    streamed = exchange(4, path="/inference.GRPCInferenceService/ModelStreamInfer?a=b", call=0)
    assert not legs_of(Replayed(streamed, live(b"", call=0)), "v1", "v2")[-1].unary
