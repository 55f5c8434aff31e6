"""Who gets a request, and which shadows: the draws, and what breakers do to them."""

from __future__ import annotations

from collections import Counter
from math import sqrt

import pytest

from proxy.contracts.table import Share, Sticky
from proxy.dataplane import assign as assigning
from proxy.dataplane.assign import assign, draw_shadows
from proxy.dataplane.tally import Tally
from proxy.routing.breaker import PrimaryHealth
from tests.support.fakes import Bench, asked
from tests.support.plane import route


def versions(bench: Bench, n: int, fields: bytes = b"") -> Counter[tuple[str, float]]:
    head = asked(5, fields)
    drawn = (assign(bench.route, head, None, True, True, Tally(), 0.0)[0] for _ in range(n))
    return Counter((target.version, target.arm.share) for target in drawn)


def test_without_a_canary_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assigning, "_chance", lambda: pytest.fail("drew a number"))
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
        (first, key), (second, again) = (assign(bench.route, head, None, True, True, Tally(), 0.0) for _ in range(2))
        assert first is second and key == again != 0
    assert assign(bench.route, asked(5), None, True, True, Tally(), 0.0)[1] == 0


def test_while_a_breaker_keeps_a_canary_from_its_share_nothing_is_evidence() -> None:
    bench = Bench(route(split=(Share("v2", 50.0),)))
    breaker = bench.route.targets[1].breaker
    assert breaker is not None
    for n in range(20):
        breaker.failed(n / 10, PrimaryHealth())
    assert breaker.open and breaker.blocks(1.9)
    drawn = Counter(
        (target.version, target.arm.share)
        for target in (assign(bench.route, asked(5), None, True, True, Tally(), 1.9)[0] for _ in range(50))
    )
    assert set(drawn) == {("v1", 1.0)}
    probe = [assign(bench.route, asked(5), None, True, True, Tally(), 9.0)[0] for _ in range(50)]
    assert sum(target.version == "v2" for target in probe) == 1  # one probe at a time


def test_an_ejection_by_one_kind_of_requests_leaves_the_other_kind_its_share() -> None:
    bench = Bench(route(split=(Share("v2", 50.0),)))
    canary = bench.route.targets[1]
    for inference in (True, False):
        breaker = canary.breaker_of(inference)
        assert breaker is not None
        for n in range(20):
            breaker.failed(n / 10, PrimaryHealth())
        got = {
            kind: {assign(bench.route, asked(5), None, True, kind, Tally(), 1.9)[0] for _ in range(50)}
            for kind in (True, False)
        }
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
        for target in (assign(bench.route, asked(5), None, True, True, Tally(), 1.9)[0] for _ in range(200))
    )
    assert set(drawn) == {("v1", 1.0), ("v2", 1.0)}


def test_copies_that_are_due_are_counted_when_they_are_drawn() -> None:
    n = 4000
    bench = Bench(route(shadows=(Share("v2", 30.0), Share("v3", 100.0))))
    drawn = Counter(shadow.version for _ in range(n) for shadow in draw_shadows(bench.route))
    assert drawn["v3"] == n and abs(drawn["v2"] - 0.3 * n) < 5 * sqrt(n * 0.3 * 0.7)
    assert bench.counted()["mirrored"] == {("r", "v2"): drawn["v2"], ("r", "v3"): n}


def test_a_user_meets_matching_versions_on_all_routes_of_a_release() -> None:
    """Three routes whose keys stand in different places, 2,000 users: each is a canary on all of them, or on none."""
    sources = (Sticky("header", "x-user-id"), Sticky("cookie", "user"), Sticky("json", "/user"))
    benches = [Bench(route(split=(Share("v2", 20.0),), sticky=sticky, group="fraud-2")) for sticky in sources]
    met = Counter[tuple[str, ...]]()
    for user in range(2000):
        head, body = asked(5, b"X-User-Id: u%d\r\nCookie: user=u%d\r\n" % (user, user)), b'{"user": "u%d"}' % user
        met[tuple(assign(bench.route, head, body, True, True, Tally(), 0.0)[0].version for bench in benches)] += 1
    assert set(met) == {("v1",) * 3, ("v2",) * 3}
    assert abs(met[("v2",) * 3] - 400) < 5 * sqrt(2000 * 0.2 * 0.8)


def test_who_has_no_key_meets_the_primary_of_a_release_over_several_routes() -> None:
    sticky = Sticky("header", "x-user-id")
    bench = Bench(route(split=(Share("v2", 50.0),), sticky=sticky, baseline=Share("v3", 50.0 / 3), group="fraud-2"))
    assert versions(bench, 200) == {("v1", 1.0): 200}, "and is no evidence: chance did not choose"
    whole = Bench(route(split=(Share("v2", 100.0),), sticky=sticky, group="fraud-2"))
    assert versions(whole, 20) == {("v2", 1.0): 20}, "where all meet the candidate, nobody meets anything else"


def test_a_canary_that_is_ejected_on_one_route_has_no_share_on_the_others() -> None:
    sticky = Sticky("header", "x-user-id")
    bench = Bench(route(split=(Share("v2", 50.0),), sticky=sticky, group="fraud-2"))
    mate = Bench(route(split=(Share("v2", 50.0),), sticky=sticky, group="fraud-2")).route.targets[1]
    bench.route.mates = [mate]
    heads = [asked(5, b"X-User-Id: u%d\r\n" % user) for user in range(50)]

    def drawn(now: float) -> set[tuple[str, float]]:
        targets = [assign(bench.route, head, None, True, True, Tally(), now)[0] for head in heads]
        return {(target.version, target.arm.share) for target in targets}

    assert drawn(0.0) == {("v1", 0.5), ("v2", 0.5)}
    assert mate.breaker is not None
    for n in range(20):
        mate.breaker.failed(n / 10, PrimaryHealth())
    assert drawn(1.9) == {("v1", 1.0)}
    mate.breaker.succeeded()
    assert drawn(2.0) == {("v1", 0.5), ("v2", 0.5)}
