"""A fleet without processes: sidecars with real engines and boards, one store in memory, and a clock by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from proxy.contracts.fleet import Fleet
from proxy.contracts.record import ArmTick, Tick
from proxy.contracts.settings import Settings
from proxy.contracts.table import Table
from proxy.control.api.moves import MOVES
from proxy.control.api.refusals import refusal_of
from proxy.control.api.release_view import tags
from proxy.control.fleet.bodies import Answer
from proxy.control.fleet.counting import Counting
from proxy.control.fleet.execution import execution
from proxy.control.fleet.follower import Follower
from proxy.control.fleet.formats import FORMAT
from proxy.control.fleet.member import FleetMember, Surface
from proxy.control.fleet.mirror import Mirror
from proxy.control.fleet.store import StoreUnavailableError
from proxy.control.state.steady_clock import SteadyClock
from proxy.control.state.store import Store
from proxy.release.audit import Change
from proxy.stats.board import Board
from proxy.stats.quality.label_join import LabelOutcome
from tests.support.faulty_store import FaultyStore

SOME_FLEET = Fleet("redis://unused", "test")

WALL = 1_700_000_000.0
"""Unix seconds at the start."""

execute = execution(MOVES, tags, refusal_of)


class World:
    """A store, its clock, and names that come once."""

    def __init__(self) -> None:
        self.now = 100.0
        self.store = FaultyStore(lambda: self.now)
        self.names = 0

    def unique(self) -> str:
        """A name that never was."""
        self.names += 1
        return f"u{self.names}"


class SidecarHouse:
    """One sidecar. `own`: its state; `path`: that of its mirror; `format`: that of its program."""

    def __init__(
        self,
        world: World,
        name: str,
        configured: Settings,
        own: Store | None = None,
        path: str = ":memory:",
        settles: float = 0.0,
        format: int = FORMAT,
    ) -> None:
        self.world, self.name = world, name
        self.tables: list[Table] = []
        self.heard: list[Change] = []
        self.labels: list[tuple[str, Any]] = []
        self.seq = 0
        clock = SteadyClock(None, WALL + world.now, lambda: world.now, "", lambda: world.now)
        self.counting = Counting()
        self.board = Board(tap=self.counting)
        configured = replace(configured, fleet=configured.fleet or SOME_FLEET)
        self.own = own or Store(":memory:")
        self.engine = Follower(configured, self.own, self.board, self.tables.append, clock=clock)
        self.clock = clock
        surface = Surface(
            name,
            lambda: world.now,
            clock,
            world.unique,
            execute,
            self._labelled,
            lambda change, at: self.heard.append(change),
            settles,
            format,
        )
        self.mirror = Mirror(path)
        self.member = FleetMember(self.engine, self.board, self.counting, world.store, self.mirror, surface)
        self.member.session.newcomer_waits = 0.0  # nobody knows more than who comes first
        self.engine.begin(clock())

    def _labelled(self, request_id: str, label: Any) -> LabelOutcome:
        self.labels.append((request_id, label))
        return self.board.on_label(request_id, label, self.clock(), counts_unknown=False)

    def tick(self, *arms: ArmTick) -> None:
        """A tick of its only worker."""
        self.seq += 1
        tick = Tick(0, self.name, self.seq, self.engine.revision, arms=list(arms))
        self.member.on_tick(tick)
        self.engine.on_tick(tick, self.clock())

    def split(self, route: str = "cancer") -> dict[str, float]:
        """The live traffic of the table in force, without the primary's."""
        found = next(each for each in self.tables[-1].routes if each.name == route)
        return {share.version: share.percent for share in found.split}


class FleetHouse:
    """Sidecars `a`, `b`, … of one configuration."""

    def __init__(self, configured: Settings, count: int = 3) -> None:
        self.world = World()
        self.configured = configured
        self.sidecars = [SidecarHouse(self.world, chr(ord("a") + at), configured) for at in range(count)]

    def turns(
        self, rounds: int = 1, after: float = 0.5, only: Callable[[SidecarHouse], bool] = lambda each: True
    ) -> None:
        """So many rounds in which each sidecar has a turn."""
        asyncio.run(self.go(rounds, after, only))

    async def go(
        self, rounds: int = 1, after: float = 0.5, only: Callable[[SidecarHouse], bool] = lambda each: True
    ) -> None:
        """The same within a loop."""
        for _ in range(rounds):
            self.world.now += after
            for each in self.sidecars:
                if only(each):
                    with suppress(StoreUnavailableError):
                        await each.member.session.turn()
                    await asyncio.sleep(0)
                each.member.look()

    def command(self, sidecar: SidecarHouse, action: str, value: dict[str, Any], tag: str = "") -> Answer:
        """A change by hand at one sidecar, and turns until it is answered."""

        async def asked() -> Answer:
            asking = asyncio.ensure_future(sidecar.member.command("cancer", action, value, "ada", tag))
            await asyncio.sleep(0)
            while not asking.done():
                await self.go()
            await self.go(2)
            return asking.result()

        return asyncio.run(asked())

    @property
    def judge(self) -> SidecarHouse:
        """The one that judges."""
        (found,) = [each for each in self.sidecars if each.member.session.is_judge]
        return found

    def traffic(self, primary: int, canary: int, bad: int = 0, share: float = 0.1, version: str = "v2") -> None:
        """A round of traffic, dealt out to all sidecars, and their turns."""
        count = len(self.sidecars)
        for at, each in enumerate(self.sidecars):
            mine, theirs, failed = (n // count + (at < n % count) for n in (primary, canary, bad))
            each.tick(
                arm("v1", "primary", mine, 0, 1.0 - share), arm(version, "canary", theirs, min(failed, theirs), share)
            )
        self.turns()


def arm(version: str, role: str, n: int, bad: int = 0, share: float = 0.1, route: str = "cancer") -> ArmTick:
    """Legs of one arm."""
    codes = {code: count for code, count in (("200", n - bad), ("connect_failed", bad)) if count}
    return ArmTick(route, version, role, share, codes)  # type: ignore[arg-type]
