"""The acts of the fleet's demo, played on sidecars that only say what a fleet would: each check holds, or does not."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from proxy.demo import fleet_story
from proxy.demo.checks import Check
from proxy.demo.display import Display
from proxy.demo.fleet import DemoSidecar, FleetSetup
from proxy.demo.setup import DemoOptions
from proxy.demo.traffic import ClientCounts

GOOD, BAD = fleet_story.GOOD, fleet_story.BAD


@dataclass
class Stage:
    """What the fleet does: who has v3, who judges, and what of it goes wrong."""

    split: dict[str, float] = field(default_factory=dict)
    rolled_back: bool = False
    stubborn: str = ""
    """The sidecar that stays on v3."""
    judges: list[str] = field(default_factory=lambda: ["one", "two"])


class Admin:
    """The admin API of one sidecar."""

    def __init__(self, stage: Stage, name: str) -> None:
        self._stage, self._name = stage, name

    async def put_split(self, route: str, split: dict[str, float], reason: str) -> None:
        self._stage.split = dict(split)

    async def put_shadows(self, route: str, shadows: dict[str, float], reason: str) -> None:
        assert not shadows

    async def route(self, name: str) -> dict[str, Any]:
        off = self._stage.rolled_back and self._name != self._stage.stubborn
        phase = "rolled_back" if off else "steady"
        return {"phase": phase, "split": {} if off else dict(self._stage.split), "reason": "errors"}

    async def fleet(self) -> dict[str, Any]:
        judge = self._stage.judges[0] if self._stage.judges else ""
        return {"is_judge": self._name == judge, "apart": False, "members": [{}, {}, {}]}


class Played(FleetSetup):
    """A setup whose sidecars are such."""

    async def start(self, name: str) -> None:
        self.sidecars[name] = sidecar(cast("Stage", self.session), name)


def sidecar(stage: Stage, name: str, versions: tuple[str, ...] = ("cancer-v1", GOOD)) -> DemoSidecar:
    counts = ClientCounts(0.0)
    for at, version in enumerate(versions):
        counts.note(f"user-{at}", version, 0.01, "")
    traffic = SimpleNamespace(act=counts, begin_act=lambda: None)
    front = SimpleNamespace(child=SimpleNamespace(kill=lambda: stage.judges.pop(0), stop=None), url="", admin="")
    return DemoSidecar(front, Admin(stage, name), traffic, AsyncExitStack())  # type: ignore[arg-type]


def played(
    stage: Stage, *acts: Any, versions: tuple[str, ...] = ("cancer-v1", GOOD), mixed: bool = False
) -> tuple[list[Check], str]:
    """What the acts found, and said. `mixed`: users meet other versions at one of the sidecars."""
    said = StringIO()

    def die() -> None:
        stage.rolled_back = True

    models = {BAD: SimpleNamespace(child=SimpleNamespace(kill=die))}
    setup = Played(
        Display(Console(file=said, width=100)),
        DemoOptions(Path("python"), 0.01, 1.0),
        models,  # type: ignore[arg-type]
        Path(),
        "redis://unused",
        stage,  # type: ignore[arg-type]
    )
    setup.sidecars = {name: sidecar(stage, name, versions) for name in ("one", "two", "three")}

    if mixed:
        setup.sidecars["two"] = sidecar(stage, "two", versions[::-1])

    async def run() -> list[Check]:
        assert await setup.together()
        return [check for act in acts for check in await act(setup)]

    return asyncio.run(run()), said.getvalue()


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_story, "SETTLING_SECONDS", 0.0)
    monkeypatch.setattr(fleet_story, "PATIENCE", 0.05)
    monkeypatch.setattr("proxy.demo.fleet.PATIENCE", 0.05)


def test_all_acts_of_a_fleet_that_holds() -> None:
    found, said = played(Stage(), *fleet_story.ACTS)
    assert [check.what for check in found if not check.held] == []
    assert len(found) == 6
    assert "The fleet says: errors" in said
    assert "one, which judged, is killed" in said


def test_a_sidecar_that_stays_on_a_dead_version_is_found() -> None:
    found, said = played(Stage(stubborn="three"), fleet_story.one_verdict)
    assert [check.held for check in found] == [False]
    assert "three is off" not in said


def test_a_fleet_without_a_judge_and_with_traffic_for_the_dead_version_is_found() -> None:
    stage = Stage(rolled_back=True, judges=["one"])
    found, _ = played(stage, fleet_story.without_its_judge, versions=("cancer-v1", BAD))
    judged, knows, nothing = found
    assert (judged.held, knows.held, nothing.held) == (False, True, False)


def test_users_that_meet_two_versions_are_found() -> None:
    found, _ = played(Stage(), fleet_story.one_table, mixed=True)
    assert [check.held for check in found] == [True, False]
