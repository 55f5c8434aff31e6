"""Legs of a capture, joined: whole exchanges in any order of their legs, and what is said of those that are not."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.contracts.leg_join import MAX_EXCHANGES, MAX_HELD_BYTES
from proxy.control.capture.exchanges import UNREPLAYABLE, CapturedExchange, ExchangeJoin, exchanges_in
from proxy.control.capture.format import Captured, LabelLine, captured, line_of
from tests.support.records import record


def leg(exchange: int, role: str = "primary", **facts: Any) -> Captured:
    """A captured leg; one that answered a client carries its request."""
    if role == "primary":
        facts = {"path": "/v1", "method": "POST", "request": b"{}", "response": b"[1]", "copies": 0} | facts
    return captured(record(exchange=exchange, role=role, started=1000.0 + exchange, **facts), (0, "a"), True)


def joined(legs: Sequence[Captured]) -> list[CapturedExchange]:
    join = ExchangeJoin()
    return [each for one in legs for each in join.take(one)] + join.rest()


@given(st.lists(st.integers(0, 3), min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_every_leg_is_in_one_exchange_whatever_their_order(copies: list[int], random: Random) -> None:
    legs = [leg(number, copies=count) for number, count in enumerate(copies)]
    legs += [leg(number, "shadow", version=f"s{i}") for number, count in enumerate(copies) for i in range(count)]
    random.shuffle(legs)
    found, join = joined(legs), ExchangeJoin()
    assert [*join.take_all(legs[:7]), *join.take_all(legs[7:]), *join.rest()] == found, "many at a time"
    assert sorted(each.first.exchange for each in found) == list(range(len(copies)))
    assert all(len(each.legs) == 1 + copies[each.first.exchange] for each in found)
    assert all(each.first.role == "primary" and not each.unreplayable for each in found)


def test_one_is_given_as_soon_as_it_is_whole() -> None:
    join = ExchangeJoin()
    assert join.take(leg(1, copies=1)) == []
    (whole,) = join.take(leg(1, "shadow"))
    assert (len(whole.legs), whole.weight, whole.label, whole.incomparable) == (2, 1.0, None, "")


def test_a_canary_that_was_rescued_is_in_it() -> None:
    (whole,) = joined([leg(1, "canary", failure="late"), leg(1, role="rescue", path="/v1", request=b"{}", copies=0)])
    assert [each.role for each in whole.legs] == ["canary", "rescue"] and whole.first.role == "rescue"


@pytest.mark.parametrize(
    ("legs", "why"),
    [
        ([leg(1, "shadow")], "no_request"),
        ([leg(1, inference=False)], "not_an_inference"),
        ([leg(1, failure="reset", request=None)], "not_answered"),
        ([leg(1, request=None)], "no_body"),
    ],
)
def test_one_that_cannot_be_sent_again_says_why(legs: list[Captured], why: str) -> None:
    (found,) = joined(legs)
    assert found.unreplayable == why and why in UNREPLAYABLE
    join = ExchangeJoin()
    assert [*join.take_all(legs), *join.rest()] == [found]


def test_what_never_comes_is_not_waited_for() -> None:
    join = ExchangeJoin()
    assert join.take(leg(1, copies=2)) == []
    (late,) = join.take(leg(100, copies=1))
    assert late.first.exchange == 1


def test_what_waits_is_bounded_in_number_and_in_bytes() -> None:
    join, body = ExchangeJoin(), b"x" * (MAX_HELD_BYTES // 4)
    large = [each for number in range(8) for each in join.take(leg(number, copies=1, request=body))]
    assert 4 <= len(large) <= 5
    small = ExchangeJoin()
    waiting = leg(0, copies=1)
    for number in range(MAX_EXCHANGES):
        assert small.take(replace(waiting, exchange=number)) == []
    assert len(small.take(replace(waiting, exchange=MAX_EXCHANGES))) == 1


def test_they_are_read_from_files(tmp_path: Path) -> None:
    (tmp_path / "records.1").write_bytes(line_of(leg(1, copies=1)))
    (tmp_path / "records").write_bytes(line_of(leg(1, "shadow")) + line_of(leg(2)))
    found = list(exchanges_in([tmp_path / "records.1", tmp_path / "records"]))
    assert [(each.first.exchange, len(each.legs)) for each in found] == [(1, 2), (2, 1)]


def test_memory_does_not_grow_with_a_file(tmp_path: Path) -> None:
    """Fourteen megabytes are read in less than four, with copies and labels."""
    line, body = leg(0, request=b"x" * 3000), b"y" * 3000
    with (tmp_path / "records").open("wb") as file:
        for number in range(2_000):
            file.write(line_of(replace(line, exchange=number, request_id=f"id-{number}")))
            file.write(line_of(replace(leg(number, "shadow"), response=body)))
            file.write(line_of(LabelLine(label=number, request_id=f"id-{number}")))
    assert (tmp_path / "records").stat().st_size > 14_000_000
    tracemalloc.start()
    found = [each.label for each in exchanges_in([tmp_path / "records"]) if each.first.role == "primary"]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == list(range(2_000)) and most < 4_000_000


@pytest.mark.parametrize(
    ("path", "fields", "call", "why"),
    [
        ("/v1", b"", -1, "no_body"),
        ("/inference.GRPCInferenceService/ModelInfer?a", b"content-type: application/grpc\r\n", 0, "no_body"),
        ("/inference.GRPCInferenceService/ModelStreamInfer?a", b"content-type: application/grpc\r\n", 0, "stream"),
        ("/a.Service/Do", b"content-type: APPLICATION/grpc+proto\r\n", 0, "unread"),
        ("/a.Service/Do", b"content-type: application/grpc-web\r\n", -1, "no_body"),
        ("/v2/models/m/infer", b"content-type: application/json\r\n", 0, "no_body"),
    ],
)
def test_an_answer_that_is_not_there_says_why(path: str, fields: bytes, call: int, why: str) -> None:
    (only,) = joined([leg(1, path=path, request_fields=fields, call=call, response=None)])
    assert only.incomparable == why
