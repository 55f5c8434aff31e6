"""What holds in clear holds by TLS: journeys of requests, and the first law, by the tests that there are of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.dataplane import test_edges, test_isolation, test_journey
from tests.support import plane
from tests.support.tls_peer import server


@pytest.fixture(autouse=True)
def by_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each worker of a test listens by TLS, and each client speaks it."""
    monkeypatch.setattr(plane, "BY_TLS", server())
    return


@pytest.mark.parametrize(("name", "answered"), [("black hole", "large"), ("huge", "chunks"), ("dead", "length")])
def test_bytes_to_and_from_the_primary_are_the_same_with_a_shadow_and_without(name: str, answered: str) -> None:
    test_isolation.test_bytes_to_and_from_the_primary_are_the_same(name, answered)


@pytest.mark.parametrize(
    "raw",
    [plane.post(b""), plane.post(b"x" * 300_000), plane.post_chunks(b"a", b"b" * 70_000), plane.get("/v2?a=b")],
    ids=["empty", "large", "chunks", "query"],
)
def test_requests_of_every_framing_arrive_whole(raw: bytes) -> None:
    test_journey.test_requests_of_every_framing_arrive_whole(raw)


@pytest.mark.parametrize(
    "test",
    [
        test_edges.test_expect_100_continue_is_answered_by_the_proxy,
        test_edges.test_pipelined_requests_are_answered_in_order,
        test_edges.test_a_bad_request_after_good_ones_does_not_cost_them_their_answers,
        test_edges.test_an_answer_that_stops_in_the_middle_is_aborted,
        test_edges.test_a_client_that_goes_away_cancels_its_leg,
        test_edges.test_a_slow_reader_holds_back_its_own_upstream_and_nobody_else,
        test_edges.test_an_upstream_that_reads_slowly_holds_back_its_client,
        test_edges.test_slow_heads_and_bodies_are_408,
        test_edges.test_websockets_pass_through_to_the_primary,
        test_edges.test_a_refused_websocket_is_an_ordinary_answer,
    ],
    ids=lambda test: test.__name__,
)
def test_turns_and_endings_are_the_same(test: Callable[[], None]) -> None:
    test()
