from __future__ import annotations

from itertools import product
from typing import get_args

import pytest

from proxy.contracts.release import Phase
from proxy.release.phases import REQUESTS, TABLE, Event, TransitionRefused, follow, legal

PHASES: tuple[Phase, ...] = get_args(Phase)
EVENTS: tuple[Event, ...] = get_args(Event)


@pytest.mark.parametrize(("phase", "event"), [pair for pair in product(PHASES, EVENTS) if pair not in TABLE])
def test_pairs_outside_the_table_are_refused_with_both_names(phase: Phase, event: Event) -> None:
    with pytest.raises(TransitionRefused, match=f"{REQUESTS.get(event, event)} is not possible in phase {phase}; "):
        follow(phase, event)


def test_a_refusal_names_what_an_operator_can_ask_for() -> None:
    with pytest.raises(TransitionRefused) as caught:
        follow("rolled_back", "promote")
    assert str(caught.value) == "promote is not possible in phase rolled_back; possible: release, split"


def test_a_refusal_does_not_offer_what_only_stages_do() -> None:
    with pytest.raises(TransitionRefused) as caught:
        follow("shadowing", "start")
    words = "release is not possible in phase shadowing; possible: split, pause, promote, rollback"
    assert str(caught.value) == words


@pytest.mark.parametrize(("phase", "event"), list(TABLE))
def test_pairs_of_the_table_lead_to_a_phase(phase: Phase, event: Event) -> None:
    assert legal(phase, event)
    assert follow(phase, event, "ramping") in PHASES


def test_resume_goes_back_to_where_it_was_paused() -> None:
    assert follow("paused", "resume", "ramping") == "ramping"
    assert follow("paused", "resume", "shadowing") == "shadowing"
    assert follow("paused", "resume", "steady") == "steady"


def test_a_breach_can_act_wherever_a_candidate_may_have_traffic() -> None:
    assert {phase for phase in PHASES if legal(phase, "rollback")} == set(PHASES) - {"rolled_back"}


def test_an_operator_can_split_by_hand_in_every_phase() -> None:
    assert all(follow(phase, "split") == "steady" for phase in PHASES)


def test_only_a_start_or_a_split_leaves_rolled_back() -> None:
    assert {event for phase, event in TABLE if phase == "rolled_back"} == {"start", "split"}
