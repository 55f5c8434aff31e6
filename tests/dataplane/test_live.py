"""A table made live: what is kept from one to the next, and what is let go."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.contracts.table import Limits, Match, Rescue, Route, Share, Sticky, Table, Timeouts, Version, asked_on
from proxy.dataplane.descriptors import Descriptors
from proxy.dataplane.live import REPLAY_BYTES, LiveTable, Registry
from proxy.dataplane.tally import Tally
from tests.support.fakes import FakeDialer
from tests.support.plane import route


def version(name: str, port: int = 80) -> Version:
    return Version(name, "host", port, f"{name}:{port}")


class Compiler:
    """A registry, and tables one after the other."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.registry = Registry(self.tally, FakeDialer(), Descriptors(10_000))
        self.revision = 0

    def __call__(self, *routes: Route, **ports: int) -> LiveTable:
        self.revision += 1
        versions = {name: version(name, ports.get(name, 80)) for name in ("v1", "v2", "v3")}
        return self.registry.compile(Table(self.revision, versions, routes))


SHADOWED = route(split=(Share("v2", 10.0),), shadows=(Share("v3", 50.0),))


def test_roles_shares_and_fields() -> None:
    (live,) = Compiler()(SHADOWED).routes
    assert [(t.version, t.arm.role, t.arm.share) for t in live.targets] == [
        ("v1", "primary", 0.9),
        ("v2", "canary", 0.1),
    ]
    assert [t.arm.share for t in live.neutral] == [1.0, 1.0]
    assert (live.rescue.version, live.rescue.arm.role) == ("v1", "rescue")
    (shadow,) = live.shadows
    assert (shadow.arm.role, shadow.arm.share) == ("shadow", 0.5)
    assert live.targets[1].extra == b"x-penumbra-version: v2\r\n"
    assert shadow.request_extra == b"x-penumbra-shadow: v3\r\n"
    assert live.targets[0].breaker is None and live.targets[1].breaker is not None


def test_a_primary_never_shares_a_pool_with_a_shadow() -> None:
    (live,) = Compiler()(route(shadows=(Share("v1", 100.0),), noise=5.0)).routes
    pools = {id(target.pool) for target in (live.targets[0], *live.shadows)}
    assert len(pools) == 3 and live.rescue.pool is live.targets[0].pool


@pytest.mark.parametrize(
    ("rescue", "timeouts"),
    [(Rescue(0.3), [2.0, 0.3, 2.0]), (Rescue(9.0), [2.0, 2.0, 2.0]), (Rescue(), [2.0, 2.0, 2.0]), (None, [2.0] * 3)],
)
def test_how_long_a_target_may_take(rescue: Rescue | None, timeouts: list[float]) -> None:
    split = route(split=(Share("v2", 10.0),), rescue=rescue, timeouts=Timeouts(response=2.0))
    (live,) = Compiler()(split).routes
    assert [t.response_timeout for t in (*live.targets, live.rescue)] == timeouts
    assert live.rescues == (rescue is not None)


def test_what_is_kept_of_a_body() -> None:
    limits = Limits(mirror_body=10 * REPLAY_BYTES, rescue_body=20 * REPLAY_BYTES)
    ways: dict[str, dict[str, Any]] = {
        "plain": {},
        "never": {"retry": "never"},
        "shadow": {"shadows": (Share("v3", 1.0),)},
        "shadow, never": {"shadows": (Share("v3", 1.0),), "retry": "never"},
        "canary": {"split": (Share("v2", 1.0),)},
        "no rescue": {"split": (Share("v2", 1.0),), "rescue": None},
    }
    live = {name: Compiler()(route(limits=limits, **more)).routes[0] for name, more in ways.items()}
    kept = {name: (each.keep // REPLAY_BYTES, each.record_body // REPLAY_BYTES) for name, each in live.items()}
    assert kept == {
        "plain": (20, 1),
        "never": (1, 1),
        "shadow": (20, 10),
        "shadow, never": (10, 10),
        "canary": (20, 10),
        "no rescue": (20, 1),
    }


def test_what_is_recorded() -> None:
    live = Compiler()(
        Route("a", Match("/a"), "oip", primary="v1"),
        Route("b", Match("/b"), "opaque", primary="v1"),
        Route("c", Match("/c"), "opaque", primary="v1", journal=True, sticky=Sticky("json", "/a")),
        Route("d", Match("/"), "grpc", primary="v1"),
        Route("e", Match("/inference.GRPCInferenceService"), "grpc", primary="v1"),
        Route("f", Match("/a.B/C", grpc="a.B/C"), "grpc", primary="v1"),
    )
    assert [(r.analysed, r.by_call, r.journal, r.sticky_body) for r in live.routes] == [
        (True, False, False, False),
        (False, False, False, False),
        (False, False, True, True),
        (True, True, False, False),
        (True, True, False, False),
        (False, False, False, False),
    ]


def test_connections_and_breakers_outlive_a_table_and_what_is_not_needed_is_closed() -> None:
    compiled = Compiler()
    (before,) = compiled(SHADOWED).routes
    (after,) = compiled(SHADOWED).routes
    assert after.targets[1].pool is before.targets[1].pool
    assert after.targets[1].breaker is before.targets[1].breaker
    assert after.shadows[0] is before.shadows[0] and after.inflight is before.inflight
    (moved,) = compiled(SHADOWED, v2=81).routes
    assert moved.targets[1].pool is not after.targets[1].pool and after.targets[1].pool._closed
    (plain,) = compiled(route()).routes
    assert before.shadows[0].pool._closed and not plain.targets[0].pool._closed
    (again,) = compiled(SHADOWED).routes
    assert again.shadows[0] is not before.shadows[0] and again.targets[1].breaker is not before.targets[1].breaker


def test_a_shadow_takes_up_what_changes() -> None:
    compiled = Compiler()
    (before,) = compiled(SHADOWED).routes
    more = route(shadows=(Share("v3", 80.0),), limits=Limits(mirror_inflight=3), timeouts=Timeouts(response=5.0))
    (after,) = compiled(more).routes
    (shadow,) = after.shadows
    assert shadow is before.shadows[0]
    assert (shadow.percent, shadow.limit, shadow.response_timeout, shadow.arm.share) == (80.0, 3, 5.0, 0.8)


def test_arms_of_an_older_table_are_forgotten_once_they_were_reported() -> None:
    compiled = Compiler()
    (before,) = compiled(SHADOWED).routes
    canary = before.targets[1].arm
    canary.inflight = 1
    compiled(route())
    assert not canary.forgotten
    canary.inflight = 0
    compiled(route())
    assert canary.forgotten and compiled.tally.counted(canary) is not canary


def test_routes_of_one_release_know_each_others_canaries() -> None:
    def member(name: str, group: str) -> Route:
        return Route(name, Match(f"/{name}"), "oip", "v1", split=(Share("v2", 10.0),), group=group)

    table = Compiler()(member("a", "g"), member("b", "g"), member("c", ""), member("d", "h"))
    a, b, *others = table.routes
    assert (a.mates, b.mates) == ([b.targets[1]], [a.targets[1]])
    assert [route.mates for route in others] == [[], []]
    assert [(route.keys, route.keyed) for route in table.routes] == [
        ("g", True),
        ("g", True),
        ("c", False),
        ("h", True),
    ]


def test_a_version_is_asked_by_http_2_on_a_route_of_grpc_where_nobody_has_said_how() -> None:
    for said, http in ((False, 2), (True, 1)):
        version = Version("v1", "h", 1, "h:1", http_said=said)
        assert asked_on(version, True).http == http and asked_on(version, False) is version
