"""Pairing is bounded and counts what never met; differences by kind of output."""

import pytest

from proxy.contracts.observation import Observation, Tensor
from proxy.stats.agreement import PATIENCE, Pairing, compare


def leg(role, exchange=1, outputs=(), status=200, source=(0, "a")):
    return Observation(source, exchange, "", "r", role, role, 0.0, status, "", 0.0, 0.0, 0.0, outputs=outputs)


def numbers(*values, width=1, name="p", integer=False):
    return (Tensor(name, len(values) // width, width, "number", list(values), integer=integer),)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_legs_meet_in_any_order(order):
    legs, pairing = [leg("primary"), leg("shadow"), leg("noise")], Pairing()
    pairs = [pair for at in order for pair in pairing.update(legs[at], 0.0)]
    assert {(a.role, b.role) for a, b in pairs} == {("primary", "shadow"), ("primary", "noise")}
    assert len(pairs) == 2


def test_other_workers_and_incarnations_do_not_meet():
    pairing = Pairing()
    pairing.update(leg("primary"), 0.0)
    assert pairing.update(leg("shadow", source=(1, "a")), 0.0) == []
    assert pairing.update(leg("shadow", source=(0, "b")), 0.0) == []


def test_what_never_meets_is_counted_and_forgotten():
    pairing = Pairing(capacity=3)
    for exchange in range(5):
        pairing.update(leg("shadow", exchange), 0.0)
    assert pairing.unpaired == {"crowded": 2}
    pairing.expire(PATIENCE - 1)
    assert pairing.unpaired == {"crowded": 2}
    pairing.expire(PATIENCE + 1)
    assert pairing.unpaired == {"crowded": 2, "late": 3}


def test_a_rescue_answer_is_a_reference_and_a_canary_is_not():
    pairing = Pairing()
    pairing.update(leg("shadow"), 0.0)
    assert pairing.update(leg("canary"), 0.0) == []
    assert len(pairing.update(leg("rescue"), 0.0)) == 1


@pytest.mark.parametrize(
    ("mine", "other", "disagree", "kind", "shift"),
    [
        (numbers(1, 0, integer=True), numbers(1, 0, integer=True), False, "label", None),
        (numbers(1, 0, integer=True), numbers(1, 1, integer=True), True, "label", None),
        (numbers(0.7, 0.3, width=2), numbers(0.6, 0.4, width=2), False, "argmax", 0.1),
        (numbers(0.7, 0.3, width=2), numbers(0.4, 0.6, width=2), True, "argmax", 0.3),
        (numbers(100.0), numbers(104.0), False, "number", 4.0),
        (numbers(100.0), numbers(110.0), True, "number", 10.0),
        (numbers(100.0), numbers(float("nan")), True, "number", None),
        (numbers(1.0), numbers(1.0, 1.0), True, "shape", None),
        (numbers(1.0), numbers(1.0, name="q"), True, "shape", None),
    ],
)
def test_differences(mine, other, disagree, kind, shift):
    found = compare(leg("primary", outputs=mine), leg("shadow", outputs=other))
    assert (found.disagree, found.kind) == (disagree, kind)
    if shift is not None:
        assert found.shift == pytest.approx(shift)


def test_a_failed_copy_disagrees_and_a_failed_reference_says_nothing():
    assert compare(leg("primary", outputs=numbers(1)), leg("shadow", status=500)).kind == "status"
    assert compare(leg("primary", status=500), leg("shadow", outputs=numbers(1))) is None
    assert compare(leg("primary"), leg("shadow")) is None
