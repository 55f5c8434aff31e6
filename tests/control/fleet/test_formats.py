"""Two versions of the program in one fleet: the older one writes over nothing that it does not understand."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from proxy.control.fleet import judge as judging
from proxy.control.fleet.bodies import FleetEvidence, encode
from proxy.control.fleet.formats import FORMAT, STANDBY_SECONDS, format_of
from proxy.control.fleet.store import LEADERSHIP_SECONDS, CommitResult, Place
from proxy.release.audit import Link
from tests.control.houses import section, settings
from tests.support.faulty_store import FaultyStore
from tests.support.fleets import FleetHouse, SidecarHouse, World

SPLIT = settings(section(shadows=()))
NEXT = FORMAT + 1
ELECTION = int(LEADERSHIP_SECONDS / 0.5) + 4
OFF = {"reason": "3 a.m."}


class WatchedStore(FaultyStore):
    """One that knows in what formats it was written."""

    def __init__(self, world: World) -> None:
        super().__init__(lambda: world.now)
        self.formats: list[int] = []

    async def commit(
        self, before: Place, place: Place, evidence: bytes, table: bytes, links: Sequence[Link] = (), end: int = 0
    ) -> CommitResult:
        result = await super().commit(before, place, evidence, table, links, end)
        if result == "done":
            self.formats.append(format_of(evidence))
        return result


def fleet_of(**formats: int) -> tuple[FleetHouse, WatchedStore]:
    """Sidecars by name, each of a program of some format."""
    fleet = FleetHouse(SPLIT, 0)
    store = fleet.world.store = WatchedStore(fleet.world)
    for name, format in formats.items():
        fleet.sidecars.append(SidecarHouse(fleet.world, name, SPLIT, format=format))
    return fleet, store


def test_evidence_says_its_format() -> None:
    assert format_of(encode(FleetEvidence(format=7))) == 7
    assert (format_of(None), format_of(b"\xc1"), format_of(msgspec.msgpack.encode({}))) == (0, 0, FORMAT)


@pytest.mark.parametrize("first", ["old", "new"])
def test_a_rolling_update_works_whoever_judges_first_and_never_goes_back(first: str) -> None:
    """One after the other is replaced; the split and what was rolled back are everybody's all the time."""
    fleet, store = fleet_of(a=FORMAT, b=FORMAT, c=FORMAT)
    fleet.turns(4)
    fleet.command(fleet.sidecars[0], "split", {"split": {"v2": 25.0}, "reason": "more"})
    by_turns = sorted(fleet.sidecars, key=lambda each: each.member.session.is_judge == (first == "old"))
    for number, old in enumerate(by_turns):
        fleet.sidecars[fleet.sidecars.index(old)] = SidecarHouse(fleet.world, f"n{number}", SPLIT, format=NEXT)
        fleet.turns(ELECTION)
        assert [each.split() for each in fleet.sidecars] == [{"v2": 25.0}] * 3
        assert all(each.member.fault == "" for each in fleet.sidecars)
    assert store.formats == sorted(store.formats)
    assert (store.formats[0], store.formats[-1]) == (FORMAT, NEXT)


def test_an_older_one_stands_by_and_says_so_while_a_newer_one_is_there() -> None:
    fleet, store = fleet_of(a=NEXT, z=FORMAT, y=FORMAT)
    fleet.turns(4)
    new, old, _ = fleet.sidecars
    assert new.member.session.is_judge
    assert [each.split() for each in fleet.sidecars] == [{"v2": 10.0}] * 3
    assert "stands by" in old.member.stands_by
    assert new.member.stands_by == ""
    fleet.sidecars.remove(new)
    fleet.turns(ELECTION)
    assert not any(each.member.session.is_judge for each in fleet.sidecars)
    again = SidecarHouse(fleet.world, "b", SPLIT, format=NEXT)
    fleet.sidecars.append(again)
    fleet.turns(ELECTION)
    assert fleet.judge is again
    assert set(store.formats) == {NEXT}


def test_an_update_that_was_taken_back_goes_on_with_the_states_and_judgements_begin_anew() -> None:
    fleet, store = fleet_of(a=NEXT, z=FORMAT)
    fleet.turns(4)
    fleet.command(fleet.sidecars[0], "rollback", OFF)
    del fleet.sidecars[0]
    fleet.turns(int(STANDBY_SECONDS / 0.5) - 4)
    assert set(store.formats) == {NEXT}
    fleet.turns(ELECTION)
    (old,) = fleet.sidecars
    assert old.member.session.is_judge
    assert old.engine.state("cancer").rolled_back == ("v2",)
    assert store.formats[-1] == FORMAT
    assert old.member.mirror.fault == ""


def test_a_table_that_cannot_be_followed_takes_candidates_off_and_its_reader_never_judges(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(judging, "FOLLOWED_FROM", NEXT)
    fleet, store = fleet_of(a=NEXT, z=FORMAT)
    fleet.turns(4)
    new, old = fleet.sidecars
    assert (new.split(), old.split()) == ({"v2": 10.0}, {})
    assert "update this sidecar" in old.member.fault
    del fleet.sidecars[0]
    fleet.turns(3 * int(STANDBY_SECONDS / 0.5))
    assert not old.member.session.is_judge
    assert set(store.formats) == {NEXT}
    assert old.split() == {}
