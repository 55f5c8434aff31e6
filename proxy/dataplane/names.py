"""The names of a worker's versions, looked up apart from each other, and only as often as needed.

1. Each version has a name of its own, with at most one lookup under way: nobody waits for another version's.
2. A numeric address is never looked up.
3. A name that no pool has needed for a while is forgotten, once its lookup has ended: so threads and sockets of lookups
   are bounded by the number of names, however long each of them hangs.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Final

from proxy.contracts.table import Version
from proxy.dataplane.endpoints import Found, ServerEndpoint
from proxy.dataplane.local_fault import LOCAL_LOOKUPS
from proxy.dataplane.name import Name
from proxy.dataplane.resolver import Answer, Heard, numeric
from proxy.dataplane.tally import Tally
from proxy.dataplane.unexpected import UNEXPECTED, unexpected

log = logging.getLogger("penumbra.worker")

FORGOTTEN_SECONDS: Final = 60.0
"""Seconds after which a name is forgotten that no pool needs."""
FRESHNESS_SECONDS: Final = 0.25
"""Seconds that a leg waits for a new answer where the last one is old; then that is used."""

EJECTIONS: Final = {"connect": "it cannot be reached", "failures": "its requests fail one after the other"}
"""Reasons of an ejection, and what the log says of them."""

LookUp = Callable[[Version, Heard], None]
Key = tuple[str, str, int, str]


class VersionNames:
    """The names of versions. `ask`: asks for addresses, and has the answer called back later; `tally`: where that is
    counted."""

    __slots__ = ("_ask", "_clock", "_names", "tally")

    def __init__(self, tally: Tally, clock: Callable[[], float], ask: LookUp) -> None:
        self.tally, self._clock, self._ask = tally, clock, ask
        self._names: dict[Key, Name] = {}

    async def endpoints(self, version: Version) -> list[ServerEndpoint]:
        """Where `version` is served. Raises gaierror where that is not known."""
        now = self._clock()
        name = self._name(version)
        name.watched = now
        if name.is_unknown():
            self._start(version, name)
            await _waited(name, None)
        elif name.is_old(now):
            self._start(version, name)
            await _waited(name, FRESHNESS_SECONDS)
        return name.current(self._clock())

    def known(self, version: Version) -> list[ServerEndpoint]:
        """Where `version` was last found to be served."""
        return self._name(version).endpoints

    def ejected(self, version: Version, endpoint: ServerEndpoint, reason: str) -> None:
        """`endpoint` gets no requests of `version` for a while. `reason`: "connect" or "failures"."""
        log.warning("version %s: %s is ejected for a while: %s", version.name, endpoint, EJECTIONS[reason])
        self.tally.ejected(version.name, reason)

    def watch(self, version: Version, busy: bool, now: float) -> None:
        """A pool needs the name of `version`. `busy`: it has connections."""
        name = self._name(version)
        name.watched = now
        name.busy = name.busy or busy
        if name.is_due(now):
            self._start(version, name)
            name.busy = busy

    def sweep(self, now: float) -> None:
        """Forgets names that no pool needs."""
        old = now - FORGOTTEN_SECONDS
        for key in [key for key, name in self._names.items() if name.watched < old and name.pending is None]:
            del self._names[key]

    def _name(self, version: Version) -> Name:
        key = (version.name, version.host, version.port, version.lookup)
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = Name(numeric(version.host, version.port))
        return name

    def _start(self, version: Version, name: Name) -> None:
        if name.pending is None and not name.fixed:
            name.pending = asyncio.get_running_loop().create_future()
            try:
                self._ask(version, Pending(self, version, name).heard)
            except Exception as error:
                self.faulted(version, name, error)

    def faulted(self, version: Version, name: Name, error: Exception) -> None:
        """A lookup has raised, or the hearing of its answer: whoever waits for it does not, and it is tried again."""
        unexpected(error)
        name.failed(socket.EAI_SYSTEM, UNEXPECTED, self._clock())
        self.tally.resolved(version.name, "unavailable")

    def heard(self, version: Version, name: Name, answer: Answer) -> None:
        """The answer to a lookup."""
        now = self._clock()
        if isinstance(answer, Found):
            outcome = "answered"
            if name.answered(answer, now):
                shown = ", ".join([str(each) for each in name.endpoints])
                log.info("version %s: %s is at %s", version.name, version.host, shown)
        else:
            code, text = answer.errno or 0, answer.strerror or str(answer)
            outcome = "unavailable" if code in LOCAL_LOOKUPS else "unknown"
            if name.failed(code, text, now):
                log.warning("version %s: %s cannot be resolved: %s", version.name, version.host, text)
        self.tally.resolved(version.name, outcome)


class Pending:
    """A lookup under way, and whose it is."""

    __slots__ = ("_name", "_names", "_version")

    def __init__(self, names: VersionNames, version: Version, name: Name) -> None:
        self._names, self._version, self._name = names, version, name

    def heard(self, answer: Answer) -> None:
        """The resolver has answered."""
        try:
            self._names.heard(self._version, self._name, answer)
        except Exception as error:
            self._names.faulted(self._version, self._name, error)


async def _waited(name: Name, seconds: float | None) -> None:
    """Returns once the lookup under way has ended, or after `seconds`; then, or cancelled, it has waited in vain."""
    pending = name.pending
    if pending is None:
        return
    try:
        await asyncio.wait((pending,), timeout=seconds)
    finally:
        name.vain = name.vain or name.pending is pending
