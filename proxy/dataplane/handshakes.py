"""Handshakes with model servers: all are counted, and the log tells when those of a version begin to fail, and when
that ends."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from typing import Final

from proxy.dataplane.tally import Tally
from proxy.dataplane.tls_failed import TlsFailed
from proxy.tls.reason import reason_of

log = logging.getLogger("penumbra.worker")

SERVER: Final = "upstream"
"""The side that handshakes are with, as the metric has it."""


AGAIN_SECONDS: Final = 60.0
"""Seconds before the same of a version is told again: one of two servers may fail, each time after the other worked."""


class Handshakes:
    """The handshakes of a worker with model servers. `clock`: monotonic seconds."""

    __slots__ = ("_clock", "_said", "_tally", "_told")

    def __init__(self, tally: Tally, clock: Callable[[], float] = monotonic) -> None:
        self._tally, self._clock = tally, clock
        self._said: dict[str, str] = {}  # what the log said last; nothing: that it works
        self._told: dict[tuple[str, str], float] = {}

    def succeeded(self, version: str) -> None:
        """A handshake with `version` is complete."""
        self._tally.shook(SERVER, "ok")
        if self._said.pop(version, ""):
            log.info("version %s: TLS works again", version)

    def failed(self, version: str, error: Exception | str) -> TlsFailed:
        """A handshake with `version` has failed, by `error` or for a reason that is known."""
        why = error if isinstance(error, str) else str(reason_of(error))
        self._tally.shook(SERVER, why)
        if self._said.get(version) != why and self._may_tell(version, why):
            self._said[version] = why
            log.warning("version %s: TLS fails, %s: %s", version, why, error)
        return TlsFailed(why)

    def keep(self, versions: frozenset[str]) -> None:
        """Forgets all other versions."""
        self._said = {version: why for version, why in self._said.items() if version in versions}
        self._told = {pair: when for pair, when in self._told.items() if pair[0] in versions}

    def _may_tell(self, version: str, why: str) -> bool:
        now = self._clock()
        if now - self._told.get((version, why), -AGAIN_SECONDS) < AGAIN_SECONDS:
            return False
        self._told[version, why] = now
        return True
