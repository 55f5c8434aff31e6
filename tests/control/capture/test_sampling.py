"""Which exchanges are captured: all legs or none, some of every stratum, and weights that make sums unbiased."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from proxy.contracts.record import Record
from proxy.control.capture.sampling import (
    MAX_COUNTED_STRATA,
    MAX_HELD_BYTES,
    MAX_REMARKS,
    Sampler,
    Taken,
    place_of,
    stratum_of,
)
from tests.support.records import record

SOURCE = (0, "a")


def answer(exchange: int, **facts: Any) -> Record:
    return record(exchange=exchange, **{"path": "/v1", "copies": 0, "version": "v1"} | facts)


def copy(exchange: int, **facts: Any) -> Record:
    return record(exchange=exchange, **{"role": "shadow", "version": "v3"} | facts)


def captured(sampler: Sampler, records: list[Record]) -> list[Taken]:
    return sampler.take(records, SOURCE, 1000.0)


def test_rare_strata_are_in_it_and_weights_say_how_many_there_were() -> None:
    random, records = Random(5), []
    for exchange in range(20_000):
        kind = random.random()
        facts: dict[str, Any] = {"status": 500} if kind < 0.002 else {"version": "v2"} if kind < 0.01 else {}
        records.append(answer(exchange, **facts))
    taken = captured(Sampler(1.0, 20), records)
    truth: dict[str, int] = {}
    for each in records:
        truth[stratum_of([each])] = truth.get(stratum_of([each]), 0) + 1
    for stratum, count in truth.items():
        inside = [each for each in taken if each.stratum == stratum]
        assert len(inside) >= min(count, 20)
        assert sum(each.weight for each in inside) == pytest.approx(count, rel=0.35)
    assert len(taken) < 600


def test_the_uniform_sample_is_what_the_percentage_alone_would_take() -> None:
    records = [answer(exchange, status=500 if exchange % 7 == 0 else 200) for exchange in range(5_000)]
    alone = captured(Sampler(2.0, 0), records)[0].records
    strata = captured(Sampler(2.0, 50), records)
    assert [each.records[0] for each in strata if not each.extra] == alone
    assert [place_of(SOURCE, each.exchange) < 0.02 for each in alone] == [True] * len(alone)
    assert any(each.extra for each in strata)


def test_an_exchange_is_decided_with_all_of_its_legs() -> None:
    sampler = Sampler(0.0, 5)
    assert captured(sampler, [copy(1, status=500)]) == []
    (taken,) = captured(sampler, [answer(1, copies=1)])
    assert (taken.stratum, len(taken.records), taken.weight, taken.extra) == ("r/v1/good/v3:failed", 2, 1.0, True)


def test_what_is_remarked_of_one_that_waits_is_a_stratum() -> None:
    sampler = Sampler(0.0, 5)
    captured(sampler, [answer(1, copies=1)])
    for what in ("differs", "differs", "a:empty_body"):
        sampler.remark((SOURCE, 1), what)
    taken = captured(sampler, [copy(1), answer(2)])
    assert [each.stratum for each in taken] == ["r/v1/good/a:empty_body/differs", "r/v1/good"]


def test_what_is_remarked_of_what_never_comes_is_bounded() -> None:
    sampler = Sampler(0.0, 1)
    for exchange in range(MAX_REMARKS + 5):
        sampler.remark((SOURCE, exchange), "differs")
    assert [each.stratum for each in captured(sampler, [answer(1), answer(9)])] == ["r/v1/good", "r/v1/good/differs"]


def test_the_canary_that_was_rescued_is_in_the_stratum() -> None:
    legs = [
        record(role="canary", version="v2", failure="late", status=0),
        answer(1, role="rescue", inference=True, status=200),
    ]
    assert stratum_of(legs) == "r/v1/good/v2:failed"


def test_without_strata_or_with_everything_nothing_waits() -> None:
    for percent, at_least in ((100.0, 50), (50.0, 0)):
        sampler = Sampler(percent, at_least)
        taken = captured(sampler, [copy(number) for number in range(50)])
        assert len(taken[0].records) > 10 and not sampler.waits and not sampler.rest()
        assert taken[0].weight == 100.0 / percent


def test_what_waits_is_bounded_and_comes_at_last() -> None:
    sampler, body = Sampler(0.0, 1_000_000), b"x" * (MAX_HELD_BYTES // 8)
    early = [each for number in range(20) for each in captured(sampler, [answer(number, copies=1, request=body)])]
    assert 12 <= len(early) < 20 and sampler.crowded == len(early)
    assert len(early) + len(sampler.rest()) == 20


def test_strata_are_bounded() -> None:
    sampler = Sampler(0.0, 1)
    taken = captured(sampler, [answer(number, route=f"r{number}") for number in range(MAX_COUNTED_STRATA + 3)])
    assert (len(taken), sampler.uncounted) == (MAX_COUNTED_STRATA, 3)
    sampler.anew()
    assert len(captured(sampler, [answer(1)])) == 1
