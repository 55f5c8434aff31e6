"""Legs come together as exchanges, in whatever order and however many are missing."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.record import Record
from proxy.control.telemetry.exchanges import MOST, PATIENCE, Exchange, Exchanges
from tests.control.records import FIELDS, SOURCE, answer, failure, leg


def told(exchanges: Iterable[Exchange]) -> list[tuple[int, str, str]]:
    return [(each.key[1], each.leg.role, each.canary.version if each.canary else "") for each in exchanges]


def test_an_answer_is_an_exchange_and_a_copy_is_none() -> None:
    exchanges = Exchanges()
    assert told(exchanges.take([leg("shadow"), answer(), leg("noise")], SOURCE, 0.0)) == [(1, "primary", "")]
    assert exchanges.rest() == []


def test_a_canary_waits_for_the_leg_in_its_place() -> None:
    exchanges = Exchanges()
    assert exchanges.take([failure("canary", 1), leg("canary", 2, status=503)], SOURCE, 0.0) == []
    assert told(exchanges.take([answer("rescue", 2)], SOURCE, 1.0)) == [(2, "rescue", "v2")]
    assert told(exchanges.take([answer("rescue", 1)], (1, "b"), 1.0)) == [(1, "rescue", "")]
    assert told(exchanges.take([failure("rescue", 1)], SOURCE, 1.0)) == [(1, "rescue", "v2")]


def test_a_canary_that_nobody_answers_for_stands_for_itself() -> None:
    exchanges = Exchanges()
    exchanges.take([failure("canary", 1)], SOURCE, 0.0)
    exchanges.take([failure("canary", 2)], SOURCE, 1.0)
    assert exchanges.overdue(PATIENCE - 0.1) == []
    assert told(exchanges.overdue(PATIENCE)) == [(1, "canary", "")]
    assert told(exchanges.rest()) == [(2, "canary", "")]


def test_a_canary_after_which_nobody_comes_does_not_wait() -> None:
    last = failure("canary", path="/v2", request_fields=FIELDS)
    assert told(Exchanges().take([last], SOURCE, 0.0)) == [(1, "canary", "")]


def test_too_many_that_wait_push_out_the_oldest() -> None:
    exchanges = Exchanges()
    found = exchanges.take([failure("canary", number) for number in range(MOST + 2)], SOURCE, 0.0)
    assert told(found) == [(0, "canary", ""), (1, "canary", "")]


def test_what_the_client_was_told() -> None:
    for record, status, failed in [
        (answer(), 200, False),
        (answer(status=404), 404, False),
        (answer(status=500), 500, True),
        (failure(reason="connect_failed"), 502, True),
        (failure(reason="response_timeout"), 504, True),
        (answer("rescue"), 200, True),
    ]:
        exchange = Exchange((SOURCE, 1), record)
        assert (exchange.status, exchange.failed) == (status, failed), record


STORIES: dict[str, list[Record]] = {
    "answered": [answer()],
    "failed": [failure()],
    "rescued": [failure("canary"), answer("rescue")],
    "lost": [failure("canary"), failure("rescue")],
    "gave up": [failure("canary")],
    "canary": [answer("canary")],
}


@given(st.lists(st.sampled_from(sorted(STORIES)), max_size=20), st.randoms(use_true_random=False))
def test_each_exchange_is_told_once(stories: list[str], random: object) -> None:
    """Legs of one exchange keep their order; those of different ones mix, in batches of any size."""
    waiting = [
        [Record(**{f: getattr(r, f) for f in r.__struct_fields__} | {"exchange": number}) for r in STORIES[story]]
        for number, story in enumerate(stories)
    ]
    exchanges, found = Exchanges(), []
    while any(waiting):
        legs = getattr(random, "choice")([legs for legs in waiting if legs])  # noqa: B009
        found += exchanges.take([legs.pop(0)], SOURCE, 0.0)
    found += exchanges.rest()
    assert sorted(each.key[1] for each in found) == list(range(len(stories)))
    for each in found:
        assert each.leg.role == STORIES[stories[each.key[1]]][-1].role
        assert (each.canary is not None) == (stories[each.key[1]] in ("rescued", "lost"))
