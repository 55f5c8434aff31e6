"""The tables of states: closed, without dead ends, and what they promise about order."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.dataplane import states
from proxy.dataplane.states import IllegalStep, Steps

TABLES = {
    "exchange": (states.EXCHANGE, states.EXCHANGE_STATES, states.EXCHANGE_EVENTS, states.EXCHANGE_STEPS),
    "attempt": (states.ATTEMPT, states.ATTEMPT_STATES, states.ATTEMPT_EVENTS, states.ATTEMPT_STEPS),
}

each_table = pytest.mark.parametrize("name", TABLES)


def paths(table: dict[tuple[int, int], int], end: int, seen: Callable[[int], bool]) -> list[list[int]]:
    """All walks from state 0 to `end` without a step that stays, as lists of states; `seen` cuts a branch off."""
    found, open_ = [], [[0]]
    while open_:
        path = open_.pop()
        if path[-1] == end:
            found.append(path)
            continue
        following = {after for (state, _), after in table.items() if state == path[-1] and after != state}
        open_ += [[*path, after] for after in following if after not in path and seen(after)]
    return found


@each_table
def test_steps_are_those_of_the_table_and_no_others(name: str) -> None:
    table, names, events, steps = TABLES[name]
    for state in range(len(names)):
        for event in range(len(events)):
            if (state, event) in table:
                assert steps.after(state, event) == table[state, event]
            else:
                with pytest.raises(IllegalStep, match=f"{events[event]} is not possible in state {names[state]}"):
                    steps.after(state, event)


@each_table
def test_every_state_is_reached_and_leads_to_the_end_which_has_no_way_out(name: str) -> None:
    table, names, events, _ = TABLES[name]
    end = len(names) - 1
    assert set(table.values()) | {0} == set(range(len(names)))
    assert {event for _, event in table} == set(range(len(events)))
    assert not [event for state, event in table if state == end]
    leads, grown = {end}, True
    while grown:
        more = {state for (state, _), after in table.items() if after in leads} - leads
        leads, grown = leads | more, bool(more)
    assert leads == set(range(len(names)))


def test_an_exchange_can_be_ended_by_its_client_at_any_time() -> None:
    assert {state for state, event in states.EXCHANGE if event == states.GONE} == set(range(states.OVER))


def test_nothing_but_an_end_follows_a_part_of_an_answer() -> None:
    after = {to for (state, _), to in states.EXCHANGE.items() if state == states.ANSWERING}
    assert after == {states.ANSWERING, states.OVER}
    assert (states.ANSWERING, states.PROBLEM) not in states.EXCHANGE
    assert (states.ANSWERING, states.RESCUE) not in states.EXCHANGE


def test_there_is_one_rescue_and_one_retry() -> None:
    for table, end, state in (
        (states.EXCHANGE, states.OVER, states.RESCUING),
        (states.ATTEMPT, states.CLOSED, states.RETRYING),
    ):
        back = {to for (at, _), to in table.items() if at == state}
        assert not [1 for (at, _), to in table.items() if to == state and at in back | {state}]
        assert any(state in path for path in paths(table, end, lambda _: True))


def test_a_request_is_sent_again_before_an_answer_and_once() -> None:
    again = {state for state, event in states.ATTEMPT if event == states.AGAIN}
    assert again == {states.REUSED, states.OPEN}
    assert {to for (at, _), to in states.ATTEMPT.items() if at == states.RETRYING} == {states.LAST, states.CLOSED}


def test_a_table_of_ones_own() -> None:
    steps = Steps({(0, 0): 1}, ("shut", "open"), ("push",))
    assert steps.after(0, 0) == 1
    with pytest.raises(IllegalStep, match="push is not possible in state open"):
        steps.after(1, 0)
