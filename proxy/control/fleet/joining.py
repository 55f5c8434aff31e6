"""What `fleet:` of a configuration makes of a control process: the parts of a member, wired."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from proxy.contracts.fleet import Fleet
from proxy.contracts.settings import Settings
from proxy.contracts.table import Table
from proxy.control.engine import Engine
from proxy.control.fleet.address import address_of
from proxy.control.fleet.counting import Counting
from proxy.control.fleet.follower import Follower
from proxy.control.fleet.judge import Execute
from proxy.control.fleet.member import FleetMember, Surface
from proxy.control.fleet.mirror import Mirror
from proxy.control.fleet.service import FleetService
from proxy.control.fleet.settling import MOST_SECONDS
from proxy.control.fleet.store import FleetStore
from proxy.control.fleet.untold import told
from proxy.control.state.steady_clock import SteadyClock
from proxy.control.state.store import Store
from proxy.release.audit import Change
from proxy.stats.board import Board
from proxy.stats.quality.label_join import LabelOutcome

log = logging.getLogger("penumbra.fleet")


@dataclass(frozen=True, slots=True)
class Outside:
    """What a member takes from its process."""

    clock: SteadyClock
    now: Callable[[], float]
    """Monotonic seconds."""
    unique: Callable[[], str]
    host: str
    """Name of the host, which names the sidecar where the configuration does not."""
    execute: Execute
    listen: Callable[[Change, float], None]
    delivered: Callable[[], bool] = told
    """Whether everything that it heard was delivered."""


def store_of(fleet: Fleet) -> FleetStore:
    """The store that a section names. Its client is imported here, and only here."""
    from proxy.control.fleet.redis_store import RedisStore

    address = address_of(fleet.redis)
    if fleet.sentinel_password:
        address = replace(address, sentinel={"password": fleet.sentinel_password})
    return RedisStore(address, fleet.name, fleet.tls)


def engine_of(
    settings: Settings,
    store: Store,
    board: Board,
    publish: Callable[[Table], None],
    listen: Callable[[Change, float], None],
    clock: SteadyClock,
) -> Engine:
    """The engine of a sidecar: a follower where it is in a fleet, whose changes are told by the judge."""
    if settings.fleet is None:
        return Engine(settings, store, board, publish, listen, clock)
    return Follower(settings, store, board, publish, clock=clock)


def joined(
    engine: Engine, board: Board, counting: Counting, mirror: Mirror | None, outside: Outside
) -> FleetService | None:
    """The service of a sidecar that is in a fleet; None where it is in none."""
    fleet = engine.settings.fleet
    if fleet is None or mirror is None or not isinstance(engine, Follower):
        return None

    def on_label(request_id: str, label: Any) -> LabelOutcome:
        return board.on_label(request_id, label, outside.clock(), counts_unknown=False)

    surface = Surface(
        fleet.instance or outside.host,
        outside.now,
        outside.clock,
        outside.unique,
        outside.execute,
        on_label,
        outside.listen,
        min(fleet.lease, MOST_SECONDS),
        delivered=outside.delivered,
    )
    store = store_of(fleet)
    service = FleetService(FleetMember(engine, board, counting, store, mirror, surface), store)
    engine.troubles = lambda: service.notices
    return service
