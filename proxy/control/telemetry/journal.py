"""Telemetry of single exchanges: the access log and spans. Where neither is configured nothing is done here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from proxy.contracts.leg_join import WorkerRun
from proxy.contracts.record import Record
from proxy.contracts.settings import Settings
from proxy.control.telemetry.access_log import AccessLogger
from proxy.control.telemetry.exchanges import Joined, Stories
from proxy.control.telemetry.tracing import Tracer


class LogLines(Protocol):
    """Destination of log lines. `access` queues the fields of one, or refuses at once; `dropped` counts lines by
    kind."""

    dropped: dict[str, int]

    def access(self, facts: Mapping[str, object]) -> bool: ...


class Journal:
    """`use` what is configured, then `take` records, and `look` at what time alone brings."""

    __slots__ = ("_access", "_lines", "_settings", "_stories", "_tracer")

    def __init__(self, lines: LogLines) -> None:
        self._lines = lines
        self._settings: Settings | None = None
        self._access = AccessLogger(lines.access)
        self._tracer = Tracer(lambda: self._settings.versions if self._settings else {})
        self._stories = Stories()

    def use(self, settings: Settings) -> None:
        """Tells by these settings from now on."""
        self._settings = settings
        self._access.use(settings.access_log)
        self._tracer.use(settings.tracing)
        self._stories.wait(settings.pairing)

    def take(self, records: list[Record], source: WorkerRun, now: float) -> None:
        """Tells what is to be told of a batch of one worker."""
        if self._access.on or self._tracer.on:
            self._tell(self._stories.take(records, source, now, copies=self._tracer.on), now)

    def look(self, now: float) -> None:
        """Tells of what was waited for in vain."""
        self._tell(self._stories.overdue(now), now)

    async def close(self, now: float) -> None:
        """Tells the rest, and sends what waits, for a bounded time."""
        self._tell(self._stories.rest(), now)
        await self._tracer.close()

    @property
    def lines_dropped(self) -> dict[tuple[str, str], int]:
        """Log lines of control that were not written, by kind and reason. Monotone."""
        access = {("access", reason): n for reason, n in self._access.dropped.items()}
        return {**access, ("event", "unread"): self._lines.dropped["event"]}

    def bounds_reached(self) -> dict[str, int]:
        """Exchanges whose legs were given up, because too many waited. Monotone."""
        return {"exchange_join": self._stories.crowded}

    @property
    def spans(self) -> dict[str, int]:
        """Spans by what became of them. Monotone."""
        return self._tracer.counts

    def _tell(self, joined: Joined, now: float) -> None:
        self._access.take(joined.stories, now)
        self._tracer.take(joined, now)
