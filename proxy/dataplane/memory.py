"""The one budget of a worker's memory: what waits or is kept draws on it, and what is over is shed in a fixed order.

Half of the budget is for exchanges, a quarter for copies, a quarter for records. What comes first in this table goes
first, as the half for exchanges fills; what exchanges may take depends on nothing that copies or records do (law 1).

| what | of its own part | while exchanges take less than | when there is no room |
|---|---|---|---|
| copies to shadows | all | 4/8 of theirs | the copy is not sent |
| records: answers kept for them, those that wait for control | all | 5/8 | goes without its answer, or is dropped |
| for a rescue: bodies of requests that have a leg, answers held back | 6/8 | 6/8 | streamed, no rescue any more |
| new clients, new requests, what has come of a request without a leg | 7/8 | 7/8 | 503 with `Retry-After` |
| bytes under way to and from a version | – | – | counted, never refused |

Bytes are counted where they are kept (`take`, `insist`, `give`), and those that wait in sockets at each look at the
deadlines (`look`). Pieces of at most `COUNTED` bytes are not counted: an exchange itself takes as much.
"""

from __future__ import annotations

from typing import Final

from proxy.contracts.memory import SHED
from proxy.dataplane.ports import Unsent

COPIES: Final = 0
RECORDS: Final = 1
RESCUES: Final = 2
REQUESTS: Final = 3

EIGHTHS: Final = (4, 5, 6, 7)
"""How full the half for exchanges may be, in eighths, while there is room for each."""

COUNTED: Final = 4096
"""Bytes of a body or head up to which nothing is counted."""

JOINED: Final = 16 * 1024
"""Bytes of a body up to which what is written together is joined first: the copy costs less than a write in pieces."""

CLIENT_BYTES: Final = 4096
"""Bytes that a client's connection counts for. An idle one was measured to take 2.7 KiB."""

SECURED_BYTES: Final = 48 * 1024
"""What TLS takes beside that: OpenSSL's two buffers of a record each, keys, session. An idle one was measured to take
17 KiB, one that has carried full records both ways 45."""

ROOMY: Final = 256
"""Connections to one version, and clients, that have the usual buffers of the kernel; further ones have small ones. So
1,024 slow readers of large answers hold 160 KB each and not 320."""

NO_MEMORY: Final = "what waits and is kept fills the memory of this worker"


class Memory:
    """`limit`: bytes of the budget; `copies`, `records`, `exchanges`: bytes taken; `shed`: what was refused, by use.

    `unsent` are bytes that waited in sockets of exchanges at the last look, `queued` those of records.
    """

    __slots__ = (
        "_most_for_copies",
        "_most_for_records",
        "_most_for_requests",
        "_most_for_rescues",
        "_quarter",
        "_watched",
        "copies",
        "exchanges",
        "limit",
        "queued",
        "records",
        "shed",
        "unsent",
    )

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.copies = self.records = self.exchanges = self.unsent = self.queued = 0
        self._quarter = limit // 4
        # Not a list of them: they are read several times a request.
        copies, records, rescues, requests = [limit * part // 16 for part in EIGHTHS]
        self._most_for_copies, self._most_for_records = copies, records
        self._most_for_rescues, self._most_for_requests = rescues, requests
        self._watched: set[Unsent] = set()
        self.shed = [0] * len(SHED)

    def used(self) -> int:
        """All bytes that wait or are kept."""
        return self.copies + self.records + self.exchanges + self.unsent + self.queued

    def fits(self, use: int, size: int) -> bool:
        """Whether there is room for `size` bytes more for `use`; a "no" is counted as shed."""
        taken = self.exchanges + self.unsent
        if use == COPIES:
            room = taken <= self._most_for_copies and self.copies + size <= self._quarter
        elif use == RECORDS:
            room = taken <= self._most_for_records and self.records + self.queued + size <= self._quarter
        else:
            room = taken + size <= (self._most_for_rescues if use == RESCUES else self._most_for_requests)
        if not room:
            self.shed[use] += 1
        return room

    def take(self, use: int, size: int) -> bool:
        """Takes `size` bytes for `use`, where there is room; else False, as `fits`."""
        if not self.fits(use, size):
            return False
        self.insist(use, size)
        return True

    def insist(self, use: int, size: int) -> None:
        """Takes `size` bytes, room or not; below zero: gives them back."""
        if use >= RESCUES:
            self.exchanges += size
        elif use == COPIES:
            self.copies += size
        else:
            self.records += size

    def give(self, use: int, size: int) -> None:
        """Gives back what was taken."""
        self.insist(use, -size)

    def is_full(self) -> bool:
        """Whether there is no room for a new request or client, which is then shed by who asks."""
        return self.exchanges + self.unsent > self._most_for_requests

    def has_room(self) -> bool:
        """Whether there is room for everything."""
        return self.exchanges + self.unsent <= self._most_for_copies

    def watch(self, socket: Unsent) -> None:
        """The other side of `socket` does not take what is written: from now on each look counts its bytes."""
        self._watched.add(socket)

    def forget(self, socket: Unsent) -> None:
        """The opposite of `watch`; also for one that was not watched."""
        self._watched.discard(socket)

    def look(self, clients: int, queued: int, secured: int = 0) -> None:
        """Counts what waits in sockets, and `clients` connections. `queued`: bytes of records that wait for control;
        `secured`: how many connections of clients hold the state of TLS."""
        self.queued = queued
        self.unsent = clients * CLIENT_BYTES + secured * SECURED_BYTES
        for socket in self._watched:
            self.unsent += socket.unsent()

    def take_shed(self) -> dict[str, int]:
        """What was shed since the last call, by its name."""
        shed = {SHED[use]: count for use, count in enumerate(self.shed) if count}
        self.shed = [0] * len(SHED)
        return shed
