"""State files with three routes (split by hand, rolled back, in a release), and ways to damage them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from proxy.contracts.settings import Settings
from proxy.control.state.store import Store
from proxy.release import transitions
from tests.control.houses import House, arm, canary_release, section, settings

CONFIGURED: Settings = settings(
    section("by-hand"), section("released", split=(), shadows=(), release=canary_release()), section("rolled-back")
)
ROUTES = ("by-hand", "released", "rolled-back")


def started(path: Path) -> House:
    """A control process on the file at `path`."""
    return House(CONFIGURED, Store(str(path)))


def made(path: Path) -> dict[str, Any]:
    """A file with a history; returns the live states by route."""
    house = started(path)
    for percent in (20.0, 25.0):
        house.engine.command(
            "by-hand",
            "split",
            lambda s, share=percent: transitions.split(s, {"v2": share}, "by hand", house.now),  # type: ignore[misc]
            "ops",
            "by hand",
            house.now,
        )
    house.tick(arm("v1", "primary", 90, 0, 0.9, "rolled-back"), arm("v2", "canary", 20, 20, 0.1, "rolled-back"))
    assert house.engine.state("rolled-back").phase == "rolled_back"
    states = house.engine.states
    house.engine.keeper.snapshots.keep(house.engine.routes, house.board, house.now)
    house.store.close()
    return states


def sql(path: Path, *statements: str, values: tuple[Any, ...] = ()) -> None:
    """Changes a file as an attacker, or damage, would: the triggers are gone first and come back after."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        triggers = [row[0] for row in db.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger'")]
        db.execute("DROP TRIGGER IF EXISTS audit_no_update")
        db.execute("DROP TRIGGER IF EXISTS audit_no_delete")
        for statement in statements:
            db.execute(statement, values)
        for trigger in triggers:
            db.execute(trigger)
