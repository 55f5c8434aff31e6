"""What sidecars, judge and followers write to each other: the bodies of reports, of evidence, and of tables.

All are MessagePack. Sidecars of two versions of this program can be in one fleet while it is updated (`formats`).
"""

from __future__ import annotations

from itertools import zip_longest
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from proxy.contracts.notices import KINDS, Notice
from proxy.contracts.release import RouteState, Verdict
from proxy.contracts.story import FleetStory
from proxy.control.fleet.counts import Rows
from proxy.control.fleet.store import NOWHERE, Place

Body = TypeVar("Body", bound=Struct)

OF_ANOTHER_VERSION = "fleet-judge"
"""The kind of what a judge warns of whose program has other kinds, or none."""


class Intent(Struct, frozen=True):
    """A change by hand that a sidecar was asked for, for the judge to make."""

    id: str
    """Unique."""
    route: str
    action: str
    """Name of the command (`control.api.moves`)."""
    value: dict[str, Any]
    """The body of the request."""
    who: str
    etag: str
    """What it is changed from, where the caller said so; "": whatever it is."""
    until: float = 0.0
    """When it is too late, by the store's clock (Unix seconds); 0: never."""
    versions: tuple[str, ...] = ()
    """What a rollback took off where it was asked for."""


class Answer(Struct, frozen=True):
    """What became of an intent."""

    id: str
    kind: str = ""
    """Type of the problem; "": it is done."""
    detail: str = ""
    field: str | None = None
    place: Place = NOWHERE
    """The look from which on it is in force."""


class ReportBody(Struct, frozen=True):
    """What a sidecar reports."""

    counted: Rows
    """Counts since its epoch began."""
    follows: Place = NOWHERE
    """The table that it follows."""
    settings: str = ""
    """Digest of what its configuration says about routes."""
    sections: dict[str, str] = {}
    """Route to the digest of its section."""
    rolled_back: dict[str, tuple[Place, tuple[str, ...]]] = {}
    """Route to the versions that it knows as rolled back, and the look at which it learned so."""
    intents: tuple[Intent, ...] = ()
    under_way: list[tuple[str, str, str, float]] = []
    """Inferences under way: rows (route, version, role, seconds since the oldest of them began)."""
    apart: bool = False
    """Whether it had been without the store for longer than its lease."""
    version: str = ""
    """Version of this program."""
    began: Place = NOWHERE
    """The table that it followed when its epoch began."""
    taken: int = 0
    """Number of the newest report of its epoch that was taken, as the table says that it follows."""
    format: int = 1
    alone: tuple[str, ...] = ()
    """Routes of which the table that it follows says nothing that fits their sections: their primaries are alone."""
    left: list[tuple[str, str, int]] = []
    """Streams that are open on versions that were rolled back: rows (route, version, count)."""


class MemberRow(Struct, frozen=True):
    """A sidecar, as the judge sees it."""

    instance: str
    age: float
    """Seconds since its last report."""
    follows: Place = NOWHERE
    settings: str = ""
    differs: tuple[str, ...] = ()
    """Routes whose sections are not the judge's."""
    version: str = ""
    alone: tuple[str, ...] = ()
    """Those of them that do not follow the table."""
    left: list[tuple[str, str, int]] = []
    """Streams that are open there on versions that were rolled back: rows (route, version, count)."""


class Consumed(Struct, array_like=True, frozen=True):
    """What was taken of the reports of one sidecar and epoch."""

    seq: int
    """Number of the newest report; older ones say nothing new."""
    counted: Rows
    follows: Place = NOWHERE
    """The table that the sidecar followed then."""
    over: bool = False
    """Whether the epoch is over, and its counts are not kept."""


class Judgement(Struct, array_like=True, frozen=True):
    """What is judged on a route, and since which look."""

    since: float
    """When the route came into its phase, by the fleet's clock."""
    candidates: tuple[str, ...]
    began: Place
    """The first look whose table has it."""


class FleetEvidence(Struct):
    """What the judge goes on from: live states, what judges them, and what of each report was consumed."""

    clock: float = 0.0
    """Seconds by the fleet's clock, which looks like Unix time and stands still while nobody judges."""
    revision: int = 0
    states: list[RouteState] = []
    kept: dict[str, bytes] = {}
    """Route to its evidence (`control.state.evidence_snapshots`)."""
    consumed: dict[str, Consumed] = {}
    """By `EPOCH:INSTANCE`."""
    lineage: list[Place] = []
    count: int = 0
    """Entries of the fleet's audit chain, and the hash of the last one."""
    hash: str = ""
    answers: list[Answer] = []
    """Of the newest intents."""
    judgements: dict[str, Judgement] = {}
    """By route."""
    begins: float = 0.0
    """When a fleet without any past began, by its clock, while candidates wait for those who may know of one; or 0."""
    format: int = 1
    told: int = -1
    """Number of the audit's entry up to which messages were delivered, or given up; -1: nobody knows."""


class RecentArm(Struct, array_like=True, frozen=True):
    """What the legs of an arm did of late, at all sidecars together."""

    version: str
    role: str
    outcomes: dict[str, int]
    """Those that there were any of."""
    n: int = 0
    """Legs whose latency is in the following, in seconds."""
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None


class FleetTable(Struct, frozen=True):
    """What sidecars follow, and what they show of the fleet."""

    revision: int
    states: list[RouteState]
    clock: float = 0.0
    verdicts: dict[str, list[Verdict]] = {}
    baselines: dict[str, list[Verdict]] = {}
    legs: dict[str, int] = {}
    """Route to the finished legs of the candidates in the stage in force."""
    warnings: dict[str, list[str]] = {}
    taken: dict[str, int] = {}
    """`EPOCH:INSTANCE` to the number of the newest report that the judge knew."""
    answers: list[Answer] = []
    members: list[MemberRow] = []
    judge: str = ""
    count: int = 0
    """Entries of the fleet's audit chain."""
    hash: str = ""
    settling: bool = False
    """Whether only primaries have traffic, because the fleet begins without any past."""
    format: int = 1
    """That of the judge."""
    followed_from: int = 1
    """The oldest format whose programs can follow it."""
    stories: dict[str, FleetStory] = {}
    """Route to whom its candidates met, in the whole fleet."""
    kinds: dict[str, list[str]] = {}
    """Route to the kinds of its `warnings`, in their order; judges of older versions tell none."""
    recent: dict[str, list[RecentArm]] = {}
    """Route to what its arms did in the last `window` seconds; judges of older versions tell none."""
    window: float = 0.0

    def notices(self, route: str) -> list[Notice]:
        """What the judge warns of."""
        warnings, kinds = self.warnings.get(route, ()), self.kinds.get(route, ())
        known = [kind if kind in KINDS else OF_ANOTHER_VERSION for kind in kinds]
        return [Notice(kind, text) for text, kind in zip_longest(warnings, known, fillvalue=OF_ANOTHER_VERSION) if text]


class LabelBody(Struct, frozen=True):
    """A label that was given to one sidecar, or that another one has taken."""

    request_id: str
    label: Any = None
    to: str = ""
    """The sidecar that asked, where it is told that its label was taken; "": whoever made the prediction."""


def encode(body: Struct) -> bytes:
    """A body as bytes."""
    return msgspec.msgpack.encode(body)


def decode(body: bytes, kind: type[Body]) -> Body:
    """The body in some bytes. Raises msgspec.MsgspecError on what is none."""
    return msgspec.msgpack.decode(body, type=kind)
