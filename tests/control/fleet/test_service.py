"""The turns of a sidecar: what goes wrong is told once, by its kind and without secrets, and the next turn is tried."""

from __future__ import annotations

import asyncio
import logging

import pytest

from proxy.contracts.fleet import Fleet
from proxy.contracts.tls import ClientTls
from proxy.control.fleet import service as module
from proxy.control.fleet.service import FleetService
from proxy.control.fleet.store import Report, StoreUnavailableError, StoreUnfitError
from tests.control.houses import section, settings
from tests.support.certificates import Authority, client_tls
from tests.support.faulty_store import FaultyStore
from tests.support.fleets import SidecarHouse, World

SPLIT = settings(section(shadows=()))


class BrokenStore(FaultyStore):
    """One whose calls raise what is in `error`."""

    error: Exception | None = None
    closed = False
    warnings: tuple[str, ...] = ()

    async def report(self, report: Report):  # type: ignore[no-untyped-def]
        """As the port says."""
        if self.error is not None:
            raise self.error
        return await super().report(report)

    async def close(self) -> None:
        """Noted."""
        self.closed = True


class ServiceHouse:
    """A service whose store does what a test says."""

    def __init__(self) -> None:
        world = World()
        self.store = world.store = BrokenStore(lambda: world.now)
        self.sidecar = SidecarHouse(world, "a", SPLIT)
        self.service = FleetService(self.sidecar.member, self.store)

    async def turns(self, count: int) -> None:
        """So many turns of the service's own task."""
        wanted = self.service.turns.total() + count
        while self.service.turns.total() < wanted:
            self.sidecar.member.wake.set()
            await asyncio.sleep(0)


def test_the_store_hears_how_tls_is_spoken_by_now() -> None:
    house, heard = ServiceHouse(), list[ClientTls | None]()
    house.store.trust = heard.append  # type: ignore[assignment, method-assign]
    tls = client_tls(Authority())
    house.service.use(Fleet("rediss://h", "f", tls=tls))
    house.service.use(None)
    assert heard == [tls]


def run_with(house: ServiceHouse, *errors: Exception | None) -> list[str]:
    """The fault after a turn with each of the errors."""
    found = []

    async def run() -> None:
        house.service.start()
        for error in errors:
            house.store.error = error
            await house.turns(2)
            found.append(house.service.fault)
        await house.service.close()

    asyncio.run(run())
    return found


def test_turns_are_counted_by_how_they_end_and_the_next_one_is_tried(caplog: pytest.LogCaptureFixture) -> None:
    house = ServiceHouse()
    with caplog.at_level(logging.INFO, "penumbra.fleet"):
        errors = (None, StoreUnavailableError("no answer"), StoreUnfitError("too old"), ValueError("odd"), None)
        faults = run_with(house, *errors)
    assert faults == ["", "no answer", "too old", "a bug, which the log describes: odd", ""]
    assert {"done", "unavailable", "unfit", "failed"} == {*house.service.turns}
    assert all(count >= 2 for count in house.service.turns.values())


def test_a_store_that_is_gone_is_told_when_it_goes_and_when_it_comes(caplog: pytest.LogCaptureFixture) -> None:
    house = ServiceHouse()
    gone = StoreUnavailableError("no answer")
    with caplog.at_level(logging.INFO, "penumbra.fleet"):
        run_with(house, None, gone, gone, gone, None, None)
    said = [record.getMessage() for record in caplog.records if "store" in record.getMessage()]
    assert said == ["the fleet's store cannot be used: no answer", "the fleet's store answers again"]


def test_what_is_wrong_is_a_warning_of_every_route() -> None:
    house = ServiceHouse()
    house.store.warnings = ("may drop keys",)
    run_with(house, StoreUnavailableError("no answer"))
    house.sidecar.mirror.fault = "disk full"
    warnings = house.service.warnings
    assert "fleet: no answer" in warnings
    assert "fleet: may drop keys" in warnings
    assert any("disk full" in warning for warning in warnings)


def test_a_table_that_is_not_followed_is_a_warning_and_its_absence_none() -> None:
    house = ServiceHouse()
    assert any("no table" in warning for warning in house.service.warnings)
    run_with(house, None, None)
    assert house.service.warnings == []


def test_a_change_by_hand_begins_a_turn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TURN_SECONDS", 3600.0)
    house = ServiceHouse()

    async def run() -> None:
        house.service.start()
        await house.turns(2)
        house.sidecar.member.look()
        answer = await house.sidecar.member.command("cancer", "split", {"split": {"v2": 20.0}, "reason": "x"}, "a", "")
        assert answer.kind == ""
        await house.service.close()

    asyncio.run(run())
    assert house.sidecar.split() == {"v2": 20.0}


def test_it_ends_with_its_store_though_it_never_began() -> None:
    house = ServiceHouse()
    asyncio.run(house.service.close())
    assert house.store.closed
