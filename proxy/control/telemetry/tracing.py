"""Records → spans: which exchange a leg belongs to, whether that one is traced, and who sends it.

- A span of kind SERVER for an exchange, and below it one of kind CLIENT for each leg, copies too.
- Legs are joined in `exchanges`: a story comes with the copies that were faster than the answer, and the span of a
  story is remembered for slower ones, as long as the join holds the exchange.
- OpenTelemetry is imported (`spans`) when tracing is configured, and not before.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING

from msgspec.structs import replace

from proxy.contracts.journal import Tracing
from proxy.contracts.leg_join import ExchangeKey
from proxy.contracts.table import Version
from proxy.contracts.tls import TlsMaterial
from proxy.control.telemetry.exchanges import Joined

if TYPE_CHECKING:
    from proxy.control.telemetry.spans import Parent, Spans

SPAN_OUTCOMES = ("exported", "failed", "queue_full", "rate", "orphaned")
"""`failed`: the collector did not take it. `queue_full`, `rate`: never made, see `spans`. `orphaned`: a copy whose
exchange is not known: its record was dropped, or is too long ago."""
EXPORTER_CLOSE_SECONDS = 2.0
"""Seconds to send what waits when control ends; a collector that hangs must not hold up a restart."""


class Tracer:
    """`use` what is configured, then `take` what was joined. `counts` is spans by what became of them."""

    __slots__ = ("_parents", "_past", "_retired", "_settings", "_spans", "_versions")

    def __init__(self, versions: Callable[[], Mapping[str, Version]]) -> None:
        self._versions = versions
        self._settings: Tracing | None = None
        self._spans: Spans | None = None
        self._retired: list[tuple[Spans, Thread]] = []
        self._past: Counter[str] = Counter()
        self._parents: dict[ExchangeKey, Parent] = {}

    @property
    def on(self) -> bool:
        """Whether anything is traced."""
        return self._spans is not None

    @property
    def counts(self) -> dict[str, int]:
        """Spans by `SPAN_OUTCOMES`, since tracing was first configured. Monotone."""
        total = Counter(self._past)
        for spans, _ in self._retired:
            total.update(spans.counts)
        if self._spans is not None:
            total.update(self._spans.counts)
            total.update(dict.fromkeys(SPAN_OUTCOMES, 0))
        return dict(total)

    def use(self, settings: Tracing | None) -> None:
        """Traces by these settings from now on; None: nothing. What waits is sent to where it was to go."""
        if settings == self._settings:
            return
        if self._spans is not None and settings is not None and _configured(settings) == _configured(self._settings):
            self._spans.renew(settings)
            self._settings = settings
            return
        self._retire(lambda: None)
        self._settings = settings
        if settings is not None:
            from proxy.control.telemetry.spans import Spans

            self._spans = Spans(settings, self._versions)

    def take(self, joined: Joined, now: float) -> None:
        """Traces exchanges that are to be traced, and the copies of those that are."""
        spans = self._spans
        if spans is None:
            return
        for story in joined.stories:
            parent = spans.exchange(story, now)
            if parent is None:
                continue
            for copy in story.copies:
                spans.leg(copy, parent)
            if story.awaited:
                self._parents[story.key] = parent
        for key, copy in joined.copies:
            if (parent := self._parents.get(key)) is not None:
                spans.leg(copy, parent)
        for key in joined.closed:
            self._parents.pop(key, None)
        self._past["orphaned"] += joined.orphaned

    async def close(self) -> None:
        """Sends what waits, for at most `EXPORTER_CLOSE_SECONDS` seconds."""
        if self._spans is None:
            return
        loop, sent = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            with suppress(RuntimeError):  # it took too long, the loop is closed
                loop.call_soon_threadsafe(sent.set)

        self._retire(tell)
        with suppress(TimeoutError):
            await asyncio.wait_for(sent.wait(), EXPORTER_CLOSE_SECONDS)

    def _retire(self, then: Callable[[], None]) -> None:
        for last, thread in self._retired:
            if not thread.is_alive():
                self._past.update(last.counts)
        self._retired = [each for each in self._retired if each[1].is_alive()]
        spans, self._spans, self._settings = self._spans, None, None
        self._parents.clear()
        if spans is not None:
            # Sending blocks, so a thread does it; not one of a pool, which would be waited for when the process ends.
            thread = Thread(target=_close, args=(spans, then), name="last spans", daemon=True)
            self._retired.append((spans, thread))
            thread.start()


def _configured(settings: Tracing | None) -> Tracing | None:
    """Without what files hold: a rotation is the same tracing."""
    if settings is None or settings.tls is None:
        return settings
    return replace(settings, tls=replace(settings.tls, material=TlsMaterial()))


def _close(spans: Spans, then: Callable[[], None]) -> None:
    spans.close()
    then()
