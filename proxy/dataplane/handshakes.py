"""Handshakes with model servers: all are counted, and the log tells when those of a version begin to fail, and when
that ends."""

from __future__ import annotations

import logging
from typing import Final

from proxy.dataplane.tally import Tally
from proxy.dataplane.tls_failed import TlsFailed
from proxy.tls.reason import reason_of

log = logging.getLogger("penumbra.worker")

SERVER: Final = "upstream"
"""The side that handshakes are with, as the metric has it."""


class Handshakes:
    """The handshakes of a worker with model servers."""

    __slots__ = ("_failing", "_tally")

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._failing: dict[str, str] = {}

    def succeeded(self, version: str) -> None:
        """A handshake with `version` is complete."""
        self._tally.shook(SERVER, "ok")
        if self._failing.pop(version, ""):
            log.info("version %s: TLS works again", version)

    def failed(self, version: str, error: Exception | str) -> TlsFailed:
        """A handshake with `version` has failed, by `error` or for a reason that is known."""
        why = error if isinstance(error, str) else str(reason_of(error))
        self._tally.shook(SERVER, why)
        if self._failing.get(version) != why:
            self._failing[version] = why
            log.warning("version %s: TLS fails, %s: %s", version, why, error)
        return TlsFailed(why)

    def keep(self, versions: frozenset[str]) -> None:
        """Forgets all other versions."""
        for each in [each for each in self._failing if each not in versions]:
            del self._failing[each]
