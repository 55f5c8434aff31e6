"""Legs of one request meet in any order; what never meets is counted; nothing waits for ever."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.contracts.leg_join import MAX_WAIT
from proxy.contracts.observation import Observation, Tensor
from proxy.contracts.table import Role
from proxy.stats.agreement.pairing import Pairing
from tests.support.observed import observation


def leg(role: Role, exchange: int = 1, source: tuple[int, str] = (0, "a"), version: str = "") -> Observation:
    return observation(source, exchange, "", "r", version or role, role, 0.0, 200, "", 0.0, 0.0, 0.0)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_legs_meet_in_any_order(order: tuple[int, int, int]) -> None:
    legs, pairing = [leg("primary"), leg("shadow"), leg("noise")], Pairing()
    pairs = [pair for at in order for pair in pairing.update([legs[at]], 0.0)]
    assert {(a.role, b.role) for a, b in pairs} == {("primary", "shadow"), ("primary", "noise")}
    assert len(pairs) == 2


def test_other_workers_and_incarnations_do_not_meet() -> None:
    pairing = Pairing()
    pairing.update([leg("primary")], 0.0)
    assert pairing.update([leg("shadow", source=(1, "a"))], 0.0) == []
    assert pairing.update([leg("shadow", source=(0, "b"))], 0.0) == []


def test_what_never_meets_is_counted_and_forgotten() -> None:
    pairing = Pairing(capacity=3)
    for exchange in range(5):
        pairing.update([leg("shadow", exchange)], 0.0)
    assert pairing.unpaired == {("r", "shadow", "crowded"): 2}
    pairing.expire(MAX_WAIT - 1)
    assert pairing.unpaired == {("r", "shadow", "crowded"): 2}
    pairing.expire(MAX_WAIT + 1)
    assert pairing.unpaired == {("r", "shadow", "crowded"): 2, ("r", "shadow", "late"): 3}


def test_a_rescue_answer_is_a_reference_and_a_canary_is_not() -> None:
    pairing = Pairing()
    pairing.update([leg("shadow")], 0.0)
    assert pairing.update([leg("canary")], 0.0) == []
    assert len(pairing.update([leg("rescue")], 0.0)) == 1


def test_noise_and_shadow_of_one_request_are_told_together() -> None:
    pairing = Pairing()
    for each in (leg("primary"), leg("shadow", version="v2"), leg("shadow", version="v3"), leg("noise")):
        pairing.update([each], 0.0)
    assert pairing.noise_pairs(leg("shadow", version="v2"), True) == []
    assert pairing.noise_pairs(leg("noise"), False) == [("v2", True, False)]
    assert pairing.noise_pairs(leg("shadow", version="v3"), False) == [("v3", False, False)]
    assert pairing.noise_pairs(leg("noise", exchange=9), True) == []


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_copies_of_what_a_canary_answered_are_let_go(order: tuple[int, int, int]) -> None:
    pairing = Pairing()
    legs = [leg("canary"), leg("shadow"), leg("shadow", version="other")]
    legs[0] = replace(legs[0], copies=2)
    for at in order:
        assert pairing.update([legs[at]], 0.0) == []
    assert not pairing._waiting
    pairing.expire(2 * MAX_WAIT)
    assert not pairing.unpaired


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_nothing_waits_once_the_only_copy_has_met_its_reference(order: tuple[int, int]) -> None:
    pairing, legs = Pairing(), [leg("primary"), leg("shadow")]
    legs[0] = replace(legs[0], copies=1)
    assert sum(len(pairing.update([legs[at]], 0.0)) for at in order) == 1
    assert not pairing._waiting


def test_a_request_without_copies_never_waits() -> None:
    pairing, alone = Pairing(), leg("primary")
    alone = replace(alone, copies=0)
    assert pairing.update([alone], 0.0) == []
    assert not pairing._waiting


def heavy(role: Role, exchange: int, numbers: int, copies: int = -1) -> Observation:
    return replace(leg(role, exchange), outputs=(Tensor("y", 1, numbers, "number", [0.5] * numbers),), copies=copies)


def test_what_waits_is_bounded_in_bytes_and_the_oldest_is_lost() -> None:
    pairing = Pairing(max_bytes=100_000)
    for exchange in range(50):
        pairing.update([heavy("primary", exchange, 1000, 1)], 0.0)
        pairing.expire(0.0)
    assert pairing.waiting["r"] == len(pairing._waiting) == 3
    assert pairing.unpaired == {("r", "", "crowded"): 47}
    assert len(pairing.update([heavy("shadow", 49, 1000)], 0.0)) == 1


@given(st.lists(st.tuples(st.sampled_from(["primary", "shadow", "canary"]), st.integers(0, 5), st.integers(1, 900))))
def test_every_due_pair_waits_or_has_an_end_however_heavy_they_are(steps: list[tuple[Role, int, int]]) -> None:
    pairing, pairs = Pairing(capacity=4, max_bytes=50_000), 0
    seen: set[tuple[Role, int]] = set()
    for at, (role, exchange, numbers) in enumerate(steps):
        if (role, exchange) in seen or (role != "shadow" and {("primary", exchange), ("canary", exchange)} & seen):
            continue
        seen.add((role, exchange))
        pairs += len(pairing.update([heavy(role, exchange, numbers, -1 if role == "shadow" else 1)], float(at)))
        if numbers % 3:  # others come in one batch with the next one
            pairing.expire(float(at))
    pairing.expire(float(len(steps)))
    assert pairing._waiting.bytes == sum(held.weight for held in pairing._waiting.values()) <= 50_000
    assert pairing.due["r"] == pairing.waiting["r"] + pairs + pairing.unpaired.total()
