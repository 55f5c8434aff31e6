"""What control does before all else: configuration and state are read, and workers have their first table.

Statistics and admin API take several times as long to import, and no request needs them. So this file imports neither:
a worker answers while they come. Only the first control of a supervisor does so; later ones find workers that have one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from proxy.contracts.settings import ConfigError, Settings
from proxy.control.adoption import first_table
from proxy.control.state.anchor import Anchor
from proxy.control.state.patient_store import PatientStore
from proxy.control.state.recovery import Recovered, recovered
from proxy.control.state.state_file import StoreError
from proxy.control.state.store import Store
from proxy.link.slot import TableSlot

if TYPE_CHECKING:
    from proxy.control.fleet.mirror import Mirror

log = logging.getLogger("penumbra.control")

EXIT_CONFIG, EXIT_STORE = 1, 4


class ControlArgs(Struct):
    """Arguments from the supervisor. A descriptor (`…_fd`) (several: `…_fds`) is the number of an open file
    that control inherits."""

    config: str
    """Path of the configuration."""
    admin_fds: tuple[int, ...]
    """Listening sockets of the admin API."""
    link_fd: int
    """Listening socket of the link."""
    slot_fd: int
    """File of the last published table."""
    lifeline_fd: int
    """Reading end of a pipe that ends with the supervisor."""
    pulse_fd: int
    """Page of the beats of all processes."""
    words_fd: int
    """File for the stacks of a crash."""


class Begun(NamedTuple):
    """Settings and open files. `found`: the live states that the store had, None: they are not looked at yet."""

    settings: Settings
    store: Store
    mirror: Mirror | None
    found: Recovered | None

    def close(self) -> None:
        """Closes the files."""
        self.store.close()
        if self.mirror is not None:
            self.mirror.close()


def begin(load: Callable[[], Settings], slot: TableSlot) -> Begun | int:
    """Opens what control needs; where that cannot be, the exit code. `load` raises ConfigError."""
    try:
        settings = load()
        begun = _opened(settings, slot.read() is None)
    except ConfigError as error:
        log.error("the configuration cannot be used:\n%s", error)
        return EXIT_CONFIG
    except StoreError as error:
        log.error("the state cannot be used: %s", error)
        return EXIT_STORE
    if begun.found is not None:
        _promise(begun, begun.found, slot)
    return begun


def _opened(settings: Settings, first: bool) -> Begun:
    store = PatientStore(settings.state)
    if settings.fleet is not None:
        from proxy.control.fleet.mirror import Mirror, mirror_of

        return Begun(settings, store, Mirror(mirror_of(settings.state)), None)  # what the judge says decides
    if not first:
        return Begun(settings, store, None, None)
    anchor = Anchor(settings.anchor if store.durable else "")
    return Begun(settings, store, None, recovered(store, anchor, [route.name for route in settings.routes]))


def _promise(begun: Begun, found: Recovered, slot: TableSlot) -> None:
    """Whatever goes wrong here, workers wait for control as ever."""
    try:
        now = time.time()  # noqa: TID251  no part of the table; states have it
        table = first_table(begun.settings, found, begun.store.head.revision, now)
        slot.write(table, time.monotonic())
    except Exception:
        log.exception("the first table comes later")
