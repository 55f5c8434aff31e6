"""The request ids of the newest bad legs of each version: examples for the audit entry of a rollback."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from proxy.contracts.record import Record

NEWEST_IDS = 10
"""Ids of each version of each route; the newest stay."""


class FailedRequests:
    """Bounded by the configuration: routes x versions x `NEWEST_IDS`."""

    __slots__ = ("_ids",)

    def __init__(self) -> None:
        self._ids: dict[tuple[str, str], deque[str]] = {}

    def update(self, records: Iterable[Record]) -> None:
        """Remembers the legs that failed."""
        for record in records:
            if not record.ended_well and record.outcome == "failed":
                self._ids.setdefault((record.route, record.version), deque(maxlen=NEWEST_IDS)).append(record.request_id)

    def get(self, route: str, versions: Iterable[str]) -> list[str]:
        """The ids of these versions, newest first."""
        return [request_id for version in versions for request_id in reversed(self._ids.get((route, version), ()))]
