"""Who gets a request, and which shadows: the draws, and what breakers do to them."""

from __future__ import annotations

from collections import Counter
from math import sqrt

import pytest

from proxy.contracts.table import Share, Sticky
from proxy.dataplane import assign as assigning
from proxy.dataplane.assign import assign, draw_shadows
from proxy.routing.breaker import PrimaryHealth
from tests.support.fakes import Bench, asked
from tests.support.plane import route


def versions(bench: Bench, n: int, fields: bytes = b"") -> Counter[tuple[str, float]]:
    head = asked(5, fields)
    drawn = (assign(bench.route, head, None, True, 0.0)[0] for _ in range(n))
    return Counter((target.version, target.arm.share) for target in drawn)


def test_without_a_canary_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assigning, "random", lambda: pytest.fail("drew a number"))
    assert versions(Bench(route()), 1) == {("v1", 1.0): 1}


def test_shares_are_those_of_the_split() -> None:
    n = 4000
    drawn = versions(Bench(route(split=(Share("v2", 25.0),))), n)
    assert set(drawn) == {("v1", 0.75), ("v2", 0.25)}
    assert abs(drawn["v2", 0.25] - n / 4) < 5 * sqrt(n * 0.25 * 0.75)


def test_a_sticky_key_decides_and_is_told() -> None:
    bench = Bench(route(split=(Share("v2", 50.0),), sticky=Sticky("header", "x-user-id")))
    for user in range(20):
        head = asked(5, b"X-User-Id: u%d\r\n" % user)
        (first, key), (second, again) = (assign(bench.route, head, None, True, 0.0) for _ in range(2))
        assert first is second and key == again != 0
    assert assign(bench.route, asked(5), None, True, 0.0)[1] == 0


def test_while_a_breaker_keeps_a_canary_from_its_share_nothing_is_evidence() -> None:
    bench = Bench(route(split=(Share("v2", 50.0),)))
    breaker = bench.route.targets[1].breaker
    assert breaker is not None
    for n in range(20):
        breaker.failed(n / 10, PrimaryHealth())
    assert breaker.open and breaker.blocks(1.9)
    drawn = Counter(
        (target.version, target.arm.share)
        for target in (assign(bench.route, asked(5), None, True, 1.9)[0] for _ in range(50))
    )
    assert set(drawn) == {("v1", 1.0)}
    probe = [assign(bench.route, asked(5), None, True, 9.0)[0] for _ in range(50)]
    assert sum(target.version == "v2" for target in probe) == 1  # one probe at a time


def test_an_ejection_by_one_kind_of_requests_leaves_the_other_kind_its_share() -> None:
    bench = Bench(route(split=(Share("v2", 50.0),)))
    canary = bench.route.targets[1]
    for inference in (True, False):
        breaker = canary.breaker_of(inference)
        assert breaker is not None
        for n in range(20):
            breaker.failed(n / 10, PrimaryHealth())
        got = {kind: {assign(bench.route, asked(5), None, kind, 1.9)[0] for _ in range(50)} for kind in (True, False)}
        assert got[inference] == {bench.route.neutral[0]}
        assert got[not inference] == set(bench.route.targets)
        breaker.succeeded()


def test_a_baseline_has_its_share_beside_the_canary() -> None:
    n = 4000
    drawn = versions(Bench(route(split=(Share("v2", 20.0),), baseline=Share("v3", 10.0))), n)
    assert set(drawn) == {("v1", 1.0 - 0.2 - 0.1), ("v2", 0.2), ("v3", 0.1)}
    assert abs(drawn["v3", 0.1] - n / 10) < 5 * sqrt(n * 0.1 * 0.9)


def test_while_a_breaker_keeps_a_baseline_from_its_share_nothing_is_evidence() -> None:
    bench = Bench(route(split=(Share("v2", 40.0),), baseline=Share("v3", 40.0)))
    breaker = bench.route.targets[2].breaker_of(True)
    assert breaker is not None
    for n in range(20):
        breaker.failed(n / 10, PrimaryHealth())
    drawn = Counter(
        (target.version, target.arm.share)
        for target in (assign(bench.route, asked(5), None, True, 1.9)[0] for _ in range(200))
    )
    assert set(drawn) == {("v1", 1.0), ("v2", 1.0)}


def test_copies_that_are_due_are_counted_when_they_are_drawn() -> None:
    n = 4000
    bench = Bench(route(shadows=(Share("v2", 30.0), Share("v3", 100.0))))
    drawn = Counter(shadow.version for _ in range(n) for shadow in draw_shadows(bench.route, bench.tally))
    assert drawn["v3"] == n and abs(drawn["v2"] - 0.3 * n) < 5 * sqrt(n * 0.3 * 0.7)
    assert bench.counted()["mirrored"] == {("r", "v2"): drawn["v2"], ("r", "v3"): n}
