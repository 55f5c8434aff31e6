"""An engine with a store in memory, a real board, a clock by hand, and everything it published."""

from __future__ import annotations

from msgspec.structs import replace

from proxy.config.releases import sealed
from proxy.contracts.address import Address
from proxy.contracts.group import ReleaseGroup
from proxy.contracts.record import ArmTick, Tick
from proxy.contracts.settings import ASSUMED, Guard, Release, RouteSettings, Settings, Stage
from proxy.contracts.table import Match, Share, Sticky, Table, Version
from proxy.control.engine import Engine
from proxy.control.state.evidence_snapshots import Beside
from proxy.control.state.store import Store
from proxy.release.audit import Change
from proxy.stats.board import Board

VERSIONS = {
    name: Version(name, "127.0.0.1", 8081 + i, f"127.0.0.1:{8081 + i}") for i, name in enumerate(("v1", "v2", "v3"))
}


GUARD = Guard({metric: limit for metric, limit in ASSUMED.items() if metric != "invalid_rate"})
"""The default without the line that needs bodies, of which these tests have none."""


def section(name: str = "cancer", **changes: object) -> RouteSettings:
    given: dict[str, object] = {"primary": "v1", "split": (Share("v2", 10.0),), "shadows": (Share("v3", 100.0),)}
    given["guard"] = GUARD
    return RouteSettings(name=name, match=Match("/"), protocol="oip", **(given | changes))  # type: ignore[arg-type]


def settings(*sections: RouteSettings, **changes: object) -> Settings:
    return Settings((Address("127.0.0.1", 0),), VERSIONS, sections or (section(),), state=":memory:", **changes)  # type: ignore[arg-type]


def canary_release(**changes: object) -> Release:
    stages = (
        Stage(shadow=100.0, requests=50),
        Stage(canary=10.0, requests=100),
        Stage(canary=50.0, requests=100, duration=60.0),
    )
    given: dict[str, object] = {"candidate": "v2", "strategy": "canary", "stages": stages, "guard": GUARD}
    return Release(**(given | changes))  # type: ignore[arg-type]


CANDIDATES = {"features": "v2", "predict": "v3", "explain": "v2"}


def together(
    release: Release | None = None, routes: dict[str, str] = CANDIDATES, name: str = "fraud-2", **changes: object
) -> tuple[RouteSettings, ...]:
    """The sections of one release over several routes, as the reader makes them."""
    whole = release or canary_release()
    group = ReleaseGroup(name, tuple(routes), whole.guard.false_alarm)
    guard = replace(whole.guard, false_alarm=whole.guard.false_alarm / len(routes))
    common: dict[str, object] = {"split": (), "shadows": (), "sticky": Sticky("header", "x-user-id"), "group": group}
    return sealed(
        section(route, release=replace(whole, candidate=candidate, guard=guard), **(common | changes))
        for route, candidate in routes.items()
    )


class House:
    """An engine and what came out of it."""

    def __init__(
        self,
        configured: Settings,
        store: Store | None = None,
        published: Table | None = None,
        now: float = 1000.0,
        beside: Beside | None = None,
    ) -> None:
        self.tables: list[Table] = []
        self.heard: list[Change] = []
        self.now = now
        self.seq = 0
        self.under_way: list[tuple[str, str, str, float]] = []
        self.store = store or Store(":memory:")
        self.board = Board()
        self.engine = Engine(
            configured, self.store, self.board, self.tables.append, lambda change, now: self.heard.append(change)
        )
        self.engine.keeper.snapshots.beside = beside
        self.engine.begin(self.now, published)

    @property
    def table(self) -> Table:
        return self.tables[-1]

    def split(self, route: str = "cancer") -> dict[str, float]:
        found = next(r for r in self.table.routes if r.name == route)
        return {share.version: share.percent for share in found.split}

    def shadows(self, route: str = "cancer") -> dict[str, float]:
        found = next(r for r in self.table.routes if r.name == route)
        return {share.version: share.percent for share in found.shadows}

    def tick(self, *arms: ArmTick, after: float = 0.1) -> None:
        self.now += after
        self.seq += 1
        tick = Tick(0, "a", self.seq, self.engine.revision, arms=list(arms), under_way=self.under_way)
        self.engine.on_tick(tick, self.now)

    def traffic(self, primary: int, canary: int, bad: int = 0, share: float = 0.1, version: str = "v2") -> None:
        self.tick(arm("v1", "primary", primary, 0, 1.0 - share), arm(version, "canary", canary, bad, share))


def arm(version: str, role: str, n: int, bad: int = 0, share: float = 0.1, route: str = "cancer") -> ArmTick:
    codes = {code: count for code, count in (("200", n - bad), ("connect_failed", bad)) if count}
    return ArmTick(route, version, role, share, codes)  # type: ignore[arg-type]
