"""A house whose ticks go into a history, too."""

from __future__ import annotations

from proxy.contracts.histogram import bucket
from proxy.contracts.operation import HistoryKept
from proxy.contracts.record import ArmTick, Tick
from proxy.contracts.settings import Settings
from proxy.control.disk_thread import DiskThread
from proxy.control.history.past import Past, steps_of
from proxy.control.history.steps import TimeStep
from proxy.control.history.tiers import Tier
from tests.control.houses import House, settings

BEGAN = 1_200_000.0
"""A moment at the beginning of ten minutes."""


class Recorded(House):
    """A `Past` beside an engine, with the file at `path`; `now` is both clocks."""

    def __init__(
        self,
        configured: Settings | None = None,
        now: float = BEGAN,
        path: str = "",
        kept: HistoryKept | None = None,
        disk: DiskThread | None = None,
    ) -> None:
        super().__init__(configured or settings(), now=now)
        self.past = Past(self.engine, self.board, path, disk)
        self.past.use(kept or HistoryKept())
        assert self.past.history is not None
        self.history = self.past.history

    def steps(self, start: int, end: int, tier: Tier, route: str = "cancer") -> list[TimeStep]:
        """The steps of a route that are in memory."""
        held = self.history.held(route, self.history.parts(start, end, tier), unstored=False)
        return steps_of(held, self.history.opened(route), start, end)

    def tick(self, *arms: ArmTick, after: float = 0.1, **more: object) -> None:
        self.now += after
        self.seq += 1
        tick = Tick(0, "a", self.seq, self.engine.revision, arms=list(arms), **more)  # type: ignore[arg-type]
        self.history.on_tick(tick, self.now)
        self.engine.on_tick(tick, self.now)

    def silence(self, seconds: float) -> None:
        """No tick for so long; control looks at the end."""
        self.now += seconds
        self.history.look(self.now)

    def settle(self) -> None:
        """As many looks as it takes until nothing is due."""
        for _ in range(1000):
            self.history.look(self.now)


def legs(
    n: int, bad: int = 0, seconds: float = 0.01, version: str = "v1", role: str = "primary", route: str = "cancer"
) -> ArmTick:
    """Finished legs of an arm, all of the same latency."""
    codes = {code: count for code, count in (("200", n - bad), ("500", bad)) if count}
    return ArmTick(route, version, role, 0.9, codes, total={bucket(seconds): n} if n else {})  # type: ignore[arg-type]
