"""The turns of a sidecar in its fleet, one after the other on one task: nothing in the process waits for the store.

A store that does not answer costs the turn. What is wrong with it is logged once, when it begins and when it ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping

from proxy.contracts.fleet import Fleet
from proxy.contracts.notices import Notice, notices, texts
from proxy.contracts.story import FleetStory
from proxy.control.fleet.member import FleetMember
from proxy.control.fleet.store import FleetStore, StoreUnavailableError, StoreUnfitError

log = logging.getLogger("penumbra.fleet")

TURN_SECONDS = 0.5
"""Seconds between two turns: counts reach the judge, and its table the last sidecar, in a turn each."""

LARGE_TURN_SECONDS = 1.0
"""The same in a fleet of more than `LARGE` sidecars, so that the store has no more to do."""
LARGE = 50


class FleetService:
    """Keeps a member in its fleet.

    - `fault`: why the store cannot be used at present; "" where it can
    - `turns`: turns by how they ended: `done`, `unavailable`, `unfit`, `failed`. Monotone
    """

    def __init__(self, member: FleetMember, store: FleetStore) -> None:
        self.member, self._store = member, store
        self._task: asyncio.Task[None] | None = None
        self.fault = ""
        self.turns: Counter[str] = Counter()

    def start(self) -> None:
        """Begins with the first turn."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def use(self, fleet: Fleet | None) -> None:
        """Heeds what may change while a sidecar is in its fleet: how TLS is spoken to the store."""
        if fleet is not None:
            self._store.trust(fleet.tls)

    async def close(self) -> None:
        """Ends after the present turn, or without it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._store.close()

    async def _run(self) -> None:
        while True:
            await self._turn()
            pause = LARGE_TURN_SECONDS if len(self.member.members) > LARGE else TURN_SECONDS
            try:
                async with asyncio.timeout(pause):
                    await self.member.wake.wait()
            except TimeoutError:
                continue
            self.member.wake.clear()

    async def _turn(self) -> None:
        try:
            await self.member.session.turn()
        except StoreUnavailableError as error:
            self._failed("unavailable", str(error))
        except StoreUnfitError as error:
            self._failed("unfit", str(error))
        except Exception as error:
            log.exception("a turn in the fleet failed")
            self._failed("failed", f"a bug, which the log describes: {error}")
        else:
            self.turns["done"] += 1
            if self.fault:
                log.info("the fleet's store answers again")
            self.fault = ""

    def _failed(self, how: str, why: str) -> None:
        self.turns[how] += 1
        if not self.fault:
            log.warning("the fleet's store cannot be used: %s", why)
        self.fault = why

    def stories(self) -> Mapping[str, FleetStory]:
        """Route to whom its candidates met in the whole fleet, as of the table that is followed."""
        table = self.member.table
        return table.stories if table is not None else {}

    @property
    def notices(self) -> list[Notice]:
        """What is wrong with the fleet, for every route."""
        member = self.member
        audit = f"its audit is not stored here: {member.mirror.fault}" if member.mirror.fault else ""
        found = [
            *notices("fleet-store", self.fault),
            *notices("fleet-store-setting", *getattr(self._store, "warnings", ())),
            *notices("fleet-table", member.fault),
            *notices("fleet-stands-by", member.stands_by),
            *notices("fleet-audit", audit),
        ]
        return [Notice(each.kind, f"fleet: {each.text}") for each in found]

    @property
    def warnings(self) -> list[str]:
        """What they say."""
        return texts(self.notices)
