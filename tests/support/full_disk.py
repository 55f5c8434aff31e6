"""A store whose disk can be full."""

from __future__ import annotations

from collections.abc import Iterable

from proxy.contracts.release import RouteState
from proxy.control.state.state_file import StoreError
from proxy.control.state.store import Store
from proxy.release.audit import Change


class Disk(Store):
    """Nothing is saved while it is `full`."""

    full = False

    def save(self, states: Iterable[RouteState], changes: Iterable[Change], revision: int, now: float) -> None:
        if self.full:
            raise StoreError("the disk is full")
        super().save(states, changes, revision, now)
