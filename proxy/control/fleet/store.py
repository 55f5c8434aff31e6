"""The store of a fleet: five calls by which sidecars share evidence and one table, whatever engine is behind them.

| call | by | what it does |
|---|---|---|
| `acquire` | the judge, and all where there is none | makes the sidecar the judge where nobody is, or renews its term |
| `report` | each sidecar, each second | leaves cumulative counts and labels; says what is new |
| `collect` | the judge, each look | the newest report of each member that reported since, and the evidence in force |
| `commit` | the judge, after a look | puts evidence, what was consumed and the table in force as one value, or not |
| `table` | each sidecar, when a look is new | the table in force, and the entries of the audit chain behind one |

Times are the store's own: no clock of a sidecar is compared with another's. A call that fails raises
`StoreUnavailableError`, and may have had its effect: every call may therefore be made again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from msgspec import Struct

from proxy.contracts.tls import ClientTls
from proxy.release.audit import Link

LEADERSHIP_SECONDS = 5.0
"""Time that a term lasts without being renewed: a judge that is gone is replaced after it."""

MEMBER_SECONDS = 10.0
"""Time without a report after which a sidecar is no member any more."""

REPORT_KEPT_SECONDS = 60.0
"""Time that the counts of a sidecar are kept after its last report: one that goes on reports all of them again, and of
one that is gone the next judge must find them."""

MAX_CHAIN = 10_000
"""Entries of the fleet's audit chain that the store keeps; sidecars keep all that they have seen in their own files."""

LINKS_A_CALL = 500
"""Links that one call returns; further ones come with the next. An entry is a few kB, and a call may take a second."""

MAX_LABELS = 100_000
"""Labels that the store keeps for sidecars that were away, the newest; one is some 100 bytes."""

LABELS_A_REPORT = 1000
"""Labels that one report brings and takes; further ones come with the next."""


class StoreUnavailableError(Exception):
    """The store did not answer, or refused; the message says why, without any secret."""


class StoreUnfitError(Exception):
    """The store answered and cannot be used for a fleet; the message says why and what to do."""


Place = tuple[int, int, str]
"""Where a committed value stands: number and look of its term, and the stamp of the term, which no other term has: a
store that went back in time may give a number twice. Places are ordered as tuples are."""

NOWHERE: Place = (0, 0, "")
"""Before the first look."""


class Leadership(Struct, frozen=True):
    """Who judges at present."""

    judge: str
    """The instance that holds the term."""
    term: int
    """Number of the term, from 1."""
    stamp: str
    """The stamp of the term."""

    def place(self, look: int) -> Place:
        """The place of a look of this term."""
        return self.term, look, self.stamp


class Report(Struct, frozen=True):
    """What one sidecar leaves in the store, each second."""

    instance: str
    """Name of the sidecar, unique in the fleet and the same after a restart of control."""
    epoch: str
    """The start of what is counted: unique."""
    seq: int
    """Number of the report in its epoch, from 1; only a larger one replaces what the store has."""
    body: bytes
    """Counts since the epoch began, cumulative, and the state that the sidecar follows."""
    labels: tuple[bytes, ...] = ()
    """Labels that were given to this sidecar, for those that made the predictions; at most `LABELS_A_REPORT`."""
    labels_before: int = 0
    """Labels that this epoch brought before them: those that come again are taken once."""
    labels_after: str = ""
    """Place of the last label of the fleet that this sidecar took; "": it takes those that come from now on."""


class Heard(Struct, frozen=True):
    """The store's answer to a report."""

    judge: str
    """The instance that judges at present; "": nobody does."""
    place: Place
    """That of the newest committed value."""
    labels: tuple[bytes, ...] = ()
    """Labels behind `labels_after`, oldest first."""
    labels_after: str = ""
    """Place of the last of them."""
    time: float = 0.0
    """Unix seconds by the store's clock."""


class Reported(Struct, frozen=True):
    """The newest report of one member."""

    instance: str
    epoch: str
    seq: int
    age: float
    """Seconds since it came, by the store's clock."""
    body: bytes | None
    """None: the judge has this one already."""


class Collected(Struct, frozen=True):
    """What a look of the judge begins with."""

    place: Place
    """That of the value in force."""
    evidence: bytes | None
    """Evidence, and what of each report was consumed; None: nothing was committed, or it stands at the known place."""
    reports: tuple[Reported, ...]
    time: float = 0.0
    """Unix seconds by the store's clock."""


class FollowedTable(Struct, frozen=True):
    """The table in force, for sidecars."""

    place: Place
    body: bytes
    links: tuple[Link, ...] = ()
    """Entries of the audit chain behind the one that was asked for."""


CommitResult = Literal["done", "other_term", "other_place"]
"""`other_term`: another sidecar judges; `other_place`: what is in the store is not what the look began with."""


class FleetStore(Protocol):
    """The port. All methods raise StoreUnavailableError."""

    async def acquire(self, instance: str, floor: int, stamp: str) -> Leadership:
        """Makes `instance` the judge where nobody is; renews its term where that has the same stamp, and gives it a new
        one otherwise. A new term is larger than `floor`, the highest that the sidecar has seen: a store that comes back
        empty goes on upwards."""
        ...

    async def report(self, report: Report) -> Heard:
        """Leaves a report, where it is newer than what is there; the sidecar is a member for `MEMBER_SECONDS`."""
        ...

    async def collect(self, known: Mapping[tuple[str, str], int], place: Place) -> Collected:
        """The newest report of each (instance, epoch) of the last `REPORT_KEPT_SECONDS`, without the body where `known`
        has its number; and the evidence in force, where it stands elsewhere than at `place`."""
        ...

    async def commit(
        self, before: Place, place: Place, evidence: bytes, table: bytes, links: Sequence[Link] = (), end: int = 0
    ) -> CommitResult:
        """Puts `evidence` and `table` in force at `place` and appends `links` to the chain, whose last number is then
        `end`, if that term is held and the value in the store stands at `before`; the term is renewed by it."""
        ...

    async def table(self, after: int = 0) -> FollowedTable | None:
        """The table in force, with the first `LINKS_A_CALL` links whose number is larger than `after`; None: nothing
        was ever committed."""
        ...

    def trust(self, tls: ClientTls | None) -> None:
        """From the next call on, connects by this section, where TLS is spoken; None: by that of nobody."""
        ...

    async def close(self) -> None:
        """Gives connections back."""
        ...
