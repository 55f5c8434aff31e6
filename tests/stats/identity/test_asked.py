"""Copies are watched by the model that their request asked for, in whatever order legs come."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from proxy.contracts.observation import Observation
from proxy.contracts.table import Role
from proxy.stats.identity.asked import AskedJoin


def leg(
    role: Role, exchange: int = 1, identity: str = "x", asked: str = "", copies: int = -1, version: str = "v1"
) -> Observation:
    facts = Observation(exchange, "r", version, role, 0.5, 0.0, 0.0, 200, copies=copies)
    return replace(facts, identity=identity, asked=asked)


@pytest.mark.parametrize("copy_first", [False, True])
def test_a_copy_gets_the_question_of_its_exchange(copy_first: bool) -> None:
    join = AskedJoin()
    legs = [leg("primary", asked="gpt", copies=1), leg("shadow", identity="y", version="v2")]
    said = [named for each in (legs[::-1] if copy_first else legs) for named in join.update([each], 0.0)]
    assert sorted(said) == [("v1", ("gpt", "x")), ("v2", ("gpt", "y"))]
    assert not join._questions


def test_what_names_nobody_says_nothing() -> None:
    join = AskedJoin()
    assert join.update([leg("primary", identity="", asked="gpt", copies=1)], 0.0) == []
    assert join.update([leg("shadow", identity="", version="v2")], 0.0) == []
    assert not join._questions


def test_copies_whose_question_never_comes_are_let_go() -> None:
    join = AskedJoin(capacity=3)
    for at in range(10):
        assert join.update([leg("shadow", exchange=at)], 0.0) == []
    assert len(join._questions) == 3
    join.expire(100.0)
    assert not join._questions


def test_legs_without_copies_are_not_kept() -> None:
    join = AskedJoin()
    assert join.update([leg("canary", copies=0), leg("rescue", exchange=2)], 0.0) == [
        ("v1", ("", "x")), ("v1", ("", "x")),
    ]  # fmt: skip
    assert not join._questions
