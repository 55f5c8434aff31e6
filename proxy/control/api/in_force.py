"""Where the last change of a route is in force: at workers that have said by a tick that they follow its table, and at
sidecars that report that they follow the look that made it. Nothing is asked of anybody for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from proxy.control.api.shapes import Schema, many, maybe, number, record, whole
from proxy.control.engine import Engine
from proxy.control.fleet.service import FleetService
from proxy.link.server import WorkerStatus

DIGITS = 3
"""Digits of seconds that are shown."""


def in_force(engine: Engine, route: str, workers: Iterable[WorkerStatus], fleet: FleetService | None) -> dict[str, Any]:
    """How many of how many workers of this sidecar, and sidecars of its fleet (None without one), follow the last
    change of a route, and the seconds until the last of them did (None: not all do, or it was long ago)."""
    known, table = list(workers), engine.route(route).table
    there = [each for each in known if each.follows(table) and (each.revision or 0) <= engine.revision]
    spread = fleet.member.spread if fleet is not None else None
    sidecars = list(fleet.member.in_force(route, spread.place(route))) if fleet is not None and spread else None
    everywhere = len(there) == len(known) > 0 and (sidecars is None or sidecars[0] == sidecars[1])
    delays = [each.delays.get(table) for each in known] + ([spread.seconds(route)] if spread else [])
    seconds = [delay for delay in delays if delay is not None]
    return {
        "table": table,
        "workers": [len(there), len(known)],
        "sidecars": sidecars,
        "everywhere": everywhere,
        "seconds": round(max(seconds), DIGITS) if everywhere and len(seconds) == len(delays) else None,
    }


def _counts(**more: Any) -> Schema:
    return many(whole()) | {"minItems": 2, "maxItems": 2} | more


IN_FORCE: Schema = record(
    ("at", "of"),
    table=whole(description="Number of the table of this sidecar that first had the state."),
    workers=_counts(description="Workers of this sidecar that follow it, of how many there ought to be."),
    sidecars=maybe(_counts(description="Sidecars of the fleet that follow the last change, of how many.")),
    everywhere={"type": "boolean"},
    seconds=maybe(number(description="Until the last of them followed it; null: not all do.")),
    at=whole(),
    of=whole(),
) | {"description": "Where the last change is in force. After a change in a fleet `at` and `of`: at how many members."}
