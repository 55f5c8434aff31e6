"""Sidecars without data planes: each counts what a busy route gives, and reports it as a real one does.

python -m loadtests.fleet.members REDIS CONFIG COUNT SECONDS
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from proxy.config.load import load
from proxy.contracts.record import ArmTick, Tick
from proxy.contracts.settings import Settings
from proxy.control.fleet import counts
from proxy.control.fleet.address import address_of
from proxy.control.fleet.bodies import ReportBody, encode
from proxy.control.fleet.counting import Counting
from proxy.control.fleet.following import Following
from proxy.control.fleet.redis_store import RedisStore
from proxy.control.fleet.reporter import Reporter
from proxy.control.fleet.sections import digest_of, digests_of
from proxy.control.fleet.service import LARGE_TURN_SECONDS
from proxy.control.fleet.session import LookingJudge, Session
from proxy.control.fleet.store import Collected, FleetStore, FollowedTable, Heard, Report, StoreUnavailableError

REQUESTS_A_TURN, ERROR_RATE = 50, 0.01
BUCKETS = range(300, 420)
"""Latencies of a model that takes some milliseconds: about a hundred buckets are in use."""


class Member:
    """What a `Session` is of: it never judges."""

    may_judge = False
    links, lacks_links = 0, False

    def __init__(self, name: str, store: FleetStore, settings: Settings, chance: random.Random) -> None:
        self._counting, self._settings, self._chance = Counting(), settings, chance
        self._digests = digest_of(settings), digests_of(settings)
        self._reporter = Reporter(name, self._counting, unique, time.monotonic())
        self.following = Following(10.0)
        self.session = Session(store, name, self, self.following, time.monotonic, unique)
        self._name, self._seq, self._sent = name, 0, 0.0

    def fit(self, collected: Collected) -> bool:
        """It never judges."""
        return False

    def report(self) -> Report:
        """Counts a second of traffic, and reports."""
        self._sent, self._seq = time.monotonic(), self._seq + 1
        arms = [arm for route in self._settings.routes for arm in self._arms(route.name)]
        self._counting.on_tick(Tick(0, self._name, self._seq, 0, arms=arms))
        return self._reporter.next(self._written, self._sent)

    def _arms(self, route: str) -> list[ArmTick]:
        return [self._arm(route, *of) for of in (("v1", "primary", 0.9), ("v2", "canary", 0.1))]

    def _arm(self, route: str, version: str, role: str, share: float) -> ArmTick:
        n = max(int(REQUESTS_A_TURN * share), 1)
        total = dict.fromkeys(self._chance.choices(BUCKETS, k=n), 1)
        bad = sum(self._chance.random() < ERROR_RATE for _ in range(n))
        codes = {"200": n - bad, "500": bad}
        return ArmTick(route, version, role, share, codes, total=total, first_byte=dict(total))  # type: ignore[arg-type]

    def _written(self, counting: Counting) -> bytes:
        return encode(ReportBody(counts.rows_of(counting.cells), self.following.place, *self._digests))

    def answered(self, report: Report, heard: Heard) -> None:
        self._reporter.answered(report, heard, self._sent)

    def follow(self, table: FollowedTable) -> None:
        """What it would do with a table costs neither Redis nor the judge anything."""

    def catch_up(self, table: FollowedTable) -> None:
        """Likewise."""

    def judge(self, collected: Collected) -> LookingJudge:
        raise AssertionError("never asked")


def unique() -> str:
    """A name that never was."""
    return os.urandom(8).hex()


async def live(redis: str, config: Path, count: int, seconds: float) -> None:
    """So many members, each with a turn a second, spread over it."""
    settings = load(config)
    await asyncio.gather(*(turns(redis, f"member-{at}", settings, at / count, seconds) for at in range(count)))


async def turns(redis: str, name: str, settings: Settings, offset: float, seconds: float) -> None:
    """The turns of one member."""
    store = RedisStore(address_of(redis), "loadtest")
    member = Member(name, store, settings, random.Random(name))
    begun = time.monotonic() + offset
    for number in range(int(seconds / LARGE_TURN_SECONDS)):
        await asyncio.sleep(max(begun + number * LARGE_TURN_SECONDS - time.monotonic(), 0.0))
        try:
            await member.session.turn()
        except StoreUnavailableError as error:
            print(f"{name}: {error}", file=sys.stderr)
    await store.close()


def main(words: Mapping[str, str]) -> None:
    """Lives as the words of the command line say."""
    asyncio.run(live(words["redis"], Path(words["config"]), int(words["count"]), float(words["seconds"])))


if __name__ == "__main__":
    main(dict(zip(("redis", "config", "count", "seconds"), sys.argv[1:], strict=True)))
