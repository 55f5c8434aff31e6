"""Legs come together as exchanges, in whatever order and however many are missing."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.leg_join import MAX_EXCHANGES, MAX_WAIT
from proxy.contracts.record import Record
from proxy.control.telemetry.exchanges import ExchangeStory, Joined, Stories
from tests.control.records import FIELDS, SOURCE, answer, failure, leg


def told(*joined: Joined) -> list[tuple[int, str, str]]:
    return [(each.key[1], each.leg.role, each.canary.version if each.canary else "") for each in stories(joined)]


def stories(joined: Iterable[Joined]) -> list[ExchangeStory]:
    return [story for each in joined for story in each.stories]


def test_an_answer_is_an_exchange_and_a_copy_is_none() -> None:
    exchanges = Stories()
    assert told(exchanges.take([leg("shadow"), answer(), leg("noise")], SOURCE, 0.0)) == [(1, "primary", "")]
    assert told(exchanges.rest()) == []


def test_a_canary_waits_for_the_leg_in_its_place() -> None:
    exchanges = Stories()
    assert told(exchanges.take([failure("canary", 1), leg("canary", 2, status=503)], SOURCE, 0.0)) == []
    assert told(exchanges.take([answer("rescue", 2)], SOURCE, 1.0)) == [(2, "rescue", "v2")]
    assert told(exchanges.take([answer("rescue", 1)], (1, "b"), 1.0)) == [(1, "rescue", "")]
    assert told(exchanges.take([failure("rescue", 1)], SOURCE, 1.0)) == [(1, "rescue", "v2")]


def test_a_baseline_waits_for_the_leg_in_its_place() -> None:
    exchanges = Stories()
    assert told(exchanges.take([failure("baseline", 1)], SOURCE, 0.0)) == []
    assert told(exchanges.take([answer("rescue", 1)], SOURCE, 1.0)) == [(1, "rescue", "v1")], "it waited"


def test_a_canary_that_nobody_answers_for_stands_for_itself() -> None:
    exchanges = Stories()
    exchanges.take([failure("canary", 1)], SOURCE, 0.0)
    exchanges.take([failure("canary", 2)], SOURCE, 1.0)
    assert told(exchanges.overdue(MAX_WAIT - 0.1)) == []
    assert told(exchanges.overdue(MAX_WAIT)) == [(1, "canary", "")]
    assert told(exchanges.rest()) == [(2, "canary", "")]


def test_a_canary_after_which_nobody_comes_does_not_wait() -> None:
    last = failure("canary", path="/v2", request_fields=FIELDS)
    assert told(Stories().take([last], SOURCE, 0.0)) == [(1, "canary", "")]


def test_too_many_that_wait_push_out_the_oldest() -> None:
    exchanges = Stories()
    found = exchanges.take([failure("canary", number) for number in range(MAX_EXCHANGES + 2)], SOURCE, 0.0)
    assert told(found) == [(0, "canary", ""), (1, "canary", "")]
    assert exchanges.crowded == 2


def test_what_the_client_was_told() -> None:
    for record, status, failed in [
        (answer(), 200, False),
        (answer(status=404), 404, False),
        (answer(status=200, call=0), 200, False),
        (answer(status=404, call=5), 404, False),
        (answer(status=503, call=0), 503, True),
        (answer(status=503, call=14, request_fields=b"content-type: application/grpc\r\n"), 503, True),
        (answer(status=500), 500, True),
        (failure(reason="connect_failed"), 502, True),
        (failure(reason="response_timeout"), 504, True),
        (answer("rescue"), 200, True),
    ]:
        exchange = ExchangeStory((SOURCE, 1), record)
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
def test_each_exchange_is_told_once(names: list[str], random: object) -> None:
    """Legs of one exchange keep their order; those of different ones mix, in batches of any size."""
    waiting = [
        [Record(**{f: getattr(r, f) for f in r.__struct_fields__} | {"exchange": number}) for r in STORIES[story]]
        for number, story in enumerate(names)
    ]
    exchanges = Stories()
    batches: list[Joined] = []
    while any(waiting):
        legs = getattr(random, "choice")([legs for legs in waiting if legs])  # noqa: B009
        batches.append(exchanges.take([legs.pop(0)], SOURCE, 0.0))
    found = stories([*batches, exchanges.rest()])
    assert sorted(each.key[1] for each in found) == list(range(len(names)))
    for each in found:
        assert each.leg.role == STORIES[names[each.key[1]]][-1].role
        assert (each.canary is not None) == (names[each.key[1]] in ("rescued", "lost"))


def test_copies_are_told_before_and_after_the_answer() -> None:
    join = Stories()
    early = join.take([leg("shadow", response=b"large")], SOURCE, 0.0, copies=True)
    assert told(early) == [] and early.copies == []
    (story,) = join.take([answer(copies=3)], SOURCE, 0.0, copies=True).stories
    assert [(copy.role, copy.response) for copy in story.copies] == [("shadow", None)] and story.awaited == 2
    late = join.take([leg("noise")], SOURCE, 1.0, copies=True)
    assert [(key, copy.role) for key, copy in late.copies] == [((SOURCE, 1), "noise")] and late.closed == []
    last = join.take([leg("shadow")], SOURCE, 2.0, copies=True)
    assert len(last.copies) == 1 and last.closed == [(SOURCE, 1)]
    assert join.rest() == Joined()


def test_copies_without_an_answer_are_orphans() -> None:
    join = Stories()
    join.take([leg("shadow", 1), leg("noise", 1)], SOURCE, 0.0, copies=True)
    join.take([answer(exchange=2, copies=1)], SOURCE, 0.0, copies=True)
    over = join.overdue(MAX_WAIT)
    assert (over.orphaned, over.closed, over.stories) == (2, [(SOURCE, 2)], [])


def test_nobody_waits_for_copies_that_nobody_asks_for() -> None:
    join = Stories()
    assert join.take([answer(copies=2)], SOURCE, 0.0).stories[0].awaited == 0
    assert join.rest() == Joined()


def test_what_waits_has_no_bodies() -> None:
    join = Stories()
    join.take([failure("canary", request=b"asked", response=b"said")], SOURCE, 0.0)
    (story,) = join.rest().stories
    assert (story.leg.request, story.leg.response) == (None, None)
