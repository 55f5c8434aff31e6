"""Legs that are alike are the same as each by itself."""

from __future__ import annotations

from struct import pack

from proxy.contracts.alike import AlikeLegs
from proxy.contracts.observation import Answer, Tensor, observed
from tests.support.records import record

X, Y = Tensor("x", 1, 2, "number", ()), Tensor("y", 1, 1, "number", (), datatype="FP32")
ROWS = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]


def legs() -> AlikeLegs:
    records = [record(exchange=at, request_id=f"id-{at}") for at in range(3)]
    inputs = b"".join(pack("2d", *row) for row in ROWS)
    return AlikeLegs(records, (0, "a"), Y, pack("3d", 0.1, 0.2, 0.3), X, inputs, "m=1", "/m")


def test_a_leg_has_its_own_facts_and_numbers() -> None:
    made = list(legs())
    assert len(legs()) == len(made) == 3 and legs().exchanges == [0, 1, 2]
    facts = record(exchange=1, request_id="id-1")
    inputs = (Tensor("x", 1, 2, "number", [3.0, 4.0]),)
    outputs = (Tensor("y", 1, 1, "number", [0.2], datatype="FP32"),)
    answer: Answer = outputs, None, "", True, "", "m=1", None
    assert made[1] == legs().leg(1) == observed(facts, (0, "a"), inputs, "", answer, "/m")
    assert legs().some([1]) == [made[1]]


def test_the_first_of_them_are_as_they_were() -> None:
    assert list(legs().first(2)) == list(legs())[:2]
