"""Every due pair ends in exactly one of agrees, differs, lost; the sums hold whatever comes, and in any order."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.failure import FAILURES
from proxy.contracts.leg_join import MAX_WAIT
from proxy.contracts.observation import NOT_LOOKED_AT, Observation, Tensor, Text, UnreadReason
from proxy.contracts.outcome import CONTENT, outcome_of
from proxy.contracts.settings import Analysis
from proxy.stats.agreement.comparer import Comparer
from proxy.stats.agreement.settle import NOTHING, settle
from proxy.stats.agreement.tally import AnswerDifference

UNREAD = get_args(UnreadReason)


def leg(role: str = "primary", value: float | None = 1.0, **facts: Any) -> Observation:
    outputs = () if value is None else (Tensor("y", 1, 1, "number", [value]),)
    usual = {"exchange": 1, "route": "r", "version": role, "share": 1.0, "started": 0.0, "total": 0.0, "status": 200}
    return Observation(**{**usual, "role": role, "source": (0, "a"), "outputs": outputs, "copies": 1, **facts})


def result(reference: Observation, copy: Observation) -> str:
    settled = settle(reference, copy)
    if isinstance(settled, AnswerDifference):
        return f"differs: {settled.kind}" if settled.disagree else "agrees"
    return "" if settled is None else f"lost: {settled}"


def unread(reason: str, role: str = "primary") -> Observation:
    return leg(role, None, unreadable_response=reason)


@pytest.mark.parametrize("reason", UNREAD)
def test_a_reference_that_cannot_be_read_loses_the_pair(reason: str) -> None:
    assert result(unread(reason), leg("shadow")) == f"lost: {reason}"
    assert result(unread(reason), unread(reason, "shadow")) == f"lost: {reason}"


@pytest.mark.parametrize("reason", UNREAD)
def test_a_copy_that_cannot_be_read_differs_unless_a_bound_of_ours_kept_it(reason: str) -> None:
    assert result(leg(), unread(reason, "shadow")) == f"{'lost' if reason in NOT_LOOKED_AT else 'differs'}: {reason}"


@pytest.mark.parametrize("reason", [reason for reason in CONTENT if reason != "empty_body"])
def test_a_copy_that_is_no_answer_differs_and_a_reference_that_is_none_loses(reason: str) -> None:
    assert result(leg(), leg("shadow", content=reason)) == f"differs: {reason}"
    assert result(leg(content=reason), leg("shadow")) == f"lost: {reason}"
    assert result(leg(content=reason), leg("shadow", content=reason)) == f"lost: {reason}"


def test_emptiness_is_compared_where_the_primary_is_rightly_empty() -> None:
    none = (Tensor("y", 0, 1, "number", []),)
    copy = leg("shadow", outputs=none, content="empty_body")
    assert result(leg(outputs=none), copy) == "agrees"
    assert result(leg(), copy) == "differs: shape"


@pytest.mark.parametrize("failure", sorted(FAILURES))
def test_a_copy_that_we_ended_is_lost_and_one_that_failed_differs(failure: str) -> None:
    expected = "differs: status" if outcome_of(failure) == "failed" else f"lost: {failure}"
    assert result(leg(), leg("shadow", None, status=0, failure=failure)) == expected


@pytest.mark.parametrize("status", [302, 404, 429, 500])
def test_a_copy_that_is_refused_differs_and_beside_a_refusal_nothing_is_due(status: int) -> None:
    assert result(leg(), leg("shadow", status=status)) == "differs: status"
    assert result(leg(status=status), leg("shadow")) == ""


def test_answers_of_other_kinds_differ_and_nothing_beside_nothing_is_lost() -> None:
    assert result(leg(), leg("shadow", None)) == "differs: shape"
    assert result(leg(None, text=Text("a")), leg("shadow", None)) == "differs: shape"
    assert result(leg(value=None), leg("shadow", None)) == f"lost: {NOTHING}"


READABLE = st.one_of(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=4).map(
        lambda row: {"outputs": (Tensor("y", 1, len(row), "number", row),)}
    ),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=4).map(
        lambda row: {"outputs": (Tensor("embedding", 1, len(row), "number", row, vector=True),)}
    ),
    st.lists(st.text(max_size=3), min_size=1, max_size=4).map(
        lambda row: {"outputs": (Tensor("y", len(row), 1, "category", row),)}
    ),
    st.text(max_size=8).map(lambda text: {"text": Text(text, "stop")}),
)


@given(READABLE, st.sampled_from(UNREAD))
def test_a_readable_answer_equals_itself_and_an_unreadable_one_nothing(answer: dict[str, Any], reason: str) -> None:
    assert result(leg(**answer), leg("shadow", **answer)) == "agrees"
    for mine, other in ((leg(**answer), unread(reason, "shadow")), (unread(reason), unread(reason, "shadow"))):
        assert result(mine, other) != "agrees"


ANSWERS = st.sampled_from(
    [
        {},
        {"value": 2.0},
        {"status": 500},
        {"status": 0, "failure": "reset"},
        {"status": 0, "failure": "answer_too_large"},
        {"value": None, "unreadable_response": "json"},
        {"value": None, "unreadable_response": "too_large"},
        {"content": "not_a_number"},
        {"value": None},
    ]
)
ARRIVAL = st.tuples(st.integers(1, 12), st.sampled_from(["primary", "rescue", "canary", "shadow", "noise"]), ANSWERS)


@given(st.lists(ARRIVAL, max_size=60, unique_by=lambda each: each[:2]), st.integers(-1, 2))
def test_every_due_pair_has_one_result(arrivals: list[tuple[int, str, dict[str, Any]]], copies: int) -> None:
    comparer, now = Comparer(), 0.0
    primaries = set()
    for exchange, role, answer in arrivals:
        if role in ("primary", "rescue", "canary"):
            if exchange in primaries:
                continue
            primaries.add(exchange)
        comparer.update([leg(role, **{**answer, "exchange": exchange, "copies": copies})], Analysis(), now)
        assert comparer.unbalanced("r") == 0
        now += 1.0
    comparer.expire(now + MAX_WAIT)
    assert (comparer.unbalanced("r"), comparer.waiting["r"] if comparer.due else 0) == (0, 0)
