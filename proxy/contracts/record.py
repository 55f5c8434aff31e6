"""Reports of workers, upwards only: ticks are exact; records may be sampled or dropped, and drops are counted."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from proxy.contracts.grpc_status import LABELS
from proxy.contracts.histogram import Buckets
from proxy.contracts.outcome import OUTCOMES, Outcome, outcome_of
from proxy.contracts.table import COPY_ROLES, Role

MAX_REQUEST_ID: Final = 128
"""Characters of a request id that a record carries, and that a label may name."""


class ArmTick(Struct):
    """Exact counts of the legs of one arm that finished since the last tick. Latencies count in log buckets of seconds;
    legs without an answer are not in them."""

    route: str
    version: str
    role: Role
    share: float
    """The version's part of the live traffic, 0 to 1, *when the requests were assigned*, so that evidence stays valid
    while a split changes."""
    codes: dict[str, int] = field(default_factory=dict)
    """Legs by status code, or by the reason of a failure (`contracts.failure`) where the version gave none."""
    keys: dict[Outcome, list[int]] = field(default_factory=dict)
    """Hashes of the sticky keys of legs whose outcome is charged to the version, at most `MAX_FAILED_KEYS` an outcome;
    further ones count in `codes` only."""
    total: Buckets = field(default_factory=dict)
    """From the assignment to the last byte of the answer; where the client still sent its request, from its end."""
    total_sum: float = 0.0
    """Seconds, exact; likewise below."""
    first_byte: Buckets = field(default_factory=dict)
    """From the same to the first byte of the answer."""
    first_byte_sum: float = 0.0
    waited: Buckets = field(default_factory=dict)
    """From the assignment to the client's leaving, of abandoned legs: their latency is at least that (censored)."""
    connect: Buckets = field(default_factory=dict)
    """From the wish for a new connection to its being open; legs on pooled connections are not in it."""
    connect_sum: float = 0.0
    inference: bool = True
    """Whether the requests ask a model for something; the others are evidence of nothing."""
    disturbed: Buckets = field(default_factory=dict)
    """The part of `total` during which the worker stood still (`dataplane.stall`): no evidence on latency."""
    identities: dict[str, int] = field(default_factory=dict)
    """Answers of success by what the route's header says of who gave them (`contracts.identity`); "": further ones."""

    @property
    def finished(self) -> int:
        """All legs that finished, also those without an answer and those whose client went away."""
        return sum(self.codes.values())

    def outcomes(self) -> dict[Outcome, int]:
        """The finished legs by outcome, as far as heads and connections tell; the counts sum to `finished`."""
        if not self.inference:
            return {"not_an_inference": self.finished} if self.codes else {}
        counts: dict[Outcome, int] = {}
        for code, count in self.codes.items():
            outcome = outcome_of(code, self.role in COPY_ROLES)
            counts[outcome] = counts.get(outcome, 0) + count
        return counts

    def counted(self) -> int:
        """The finished inferences that rates are parts of."""
        return sum(count for outcome, count in self.outcomes().items() if OUTCOMES[outcome].counted)


TICK_SECONDS = 0.1
"""Seconds between ticks: evidence is at most so old, and a tick costs a worker half a millisecond."""

MAX_FAILED_KEYS = 256
"""Per arm, outcome and tick: 256 failures in 100 ms decide any test; more would only cost memory."""


TlsSide = Literal["client", "upstream"]
"""Who is at the other end of TLS: a client, or a model server."""


class Tick(Struct):
    """Exact counters of one worker since its last acknowledged tick. Keys that are tuples stand as lists of rows."""

    worker: int
    incarnation: str
    """The start of the worker that counts: unique."""
    seq: int
    """The number of the tick, from 1; a tick that comes again is not counted again."""
    revision: int
    """The revision of the table in force."""
    leased: bool = True
    """False while the worker serves primaries only, because control was silent for longer than the lease."""
    arms: list[ArmTick] = field(default_factory=list)
    shadow_dropped: list[tuple[str, str, str, int]] = field(default_factory=list)
    """Copies that were not sent: rows (route, version, reason, count)."""
    mirrored: list[tuple[str, str, int]] = field(default_factory=list)
    """Copies that the configured percentages ask for, before any drop: rows (route, version, count)."""
    rescued: list[tuple[str, str, str, int]] = field(default_factory=list)
    """Requests that the primary answered in place of a canary: rows (route, version, reason, count)."""
    retries: list[tuple[str, str, str, int]] = field(default_factory=list)
    """Legs that were sent again: rows (route, version, reason, count)."""
    rejected: list[tuple[str, str, int]] = field(default_factory=list)
    """Requests that never got a leg: rows (route or "", reason, count)."""
    records_dropped: dict[str, int] = field(default_factory=dict)
    """Records that control will not see, by reason."""
    overhead: dict[str, Buckets] = field(default_factory=dict)
    """Seconds that the proxy itself added, by route."""
    overhead_sum: dict[str, float] = field(default_factory=dict)
    inflight: list[tuple[str, str, str, int]] = field(default_factory=list)
    """Legs in flight right now, a gauge: rows (route, version, role, count)."""
    connections: int = 0
    """Client connections open right now, a gauge."""
    lag: Buckets = field(default_factory=dict)
    """Seconds by which the event loop came late to its looks at the deadlines."""
    lag_sum: float = 0.0
    under_way: list[tuple[str, str, str, float]] = field(default_factory=list)
    """Inferences under way: rows (route, version, role, seconds since the oldest of them began)."""
    streams: list[tuple[str, str, str, int]] = field(default_factory=list)
    """Streams open right now, a gauge: rows (route, version, role, count)."""
    memory: int = 0
    """Bytes that wait or are kept right now, a gauge."""
    memory_limit: int = 0
    """Bytes that may (`dataplane.memory`)."""
    shed: dict[str, int] = field(default_factory=dict)
    """What the worker had no memory for, by kind."""
    resolutions: list[tuple[str, str, int]] = field(default_factory=list)
    """Lookups of the names of versions that have ended: rows (version, outcome, count)."""
    ejections: list[tuple[str, str, int]] = field(default_factory=list)
    """Endpoints that get no requests for a while: rows (version, reason, count)."""
    endpoints: dict[str, dict[str, str]] | None = None
    """By version the state of each address (`contracts.endpoint_state`), a gauge; None: as told before."""
    malformed: list[tuple[str, str, str, int]] = field(default_factory=list)
    """Messages that could not be read: rows (route, version, rule, count), the first two "" for requests of clients."""
    not_rescued: list[tuple[str, str, str, int]] = field(default_factory=list)
    """Failures of a canary that the primary could not answer in place of: rows (route, version, reason, count)."""
    not_retried: list[tuple[str, str, str, int]] = field(default_factory=list)
    """Legs that were not sent again though their connection ended without an answer: likewise."""
    not_rewritten: list[tuple[str, str, str, str, int]] = field(default_factory=list)
    """Messages that could not be rewritten for a version: rows (route, version, `request` or `answer`, reason, count).
    """
    unread_keys: list[tuple[str, str, int]] = field(default_factory=list)
    """Requests whose sticky key, or model, could not be read: rows (route or "", reason, count)."""
    handshakes: list[tuple[TlsSide, str, int]] = field(default_factory=list)
    """TLS handshakes that have ended: rows (side, `ok` or why it failed, count)."""


def code_of(failure: str, call: int, status: int) -> str:
    """What counts a leg: its status, or the reason of its failure."""
    return failure or (LABELS[call] if call >= 0 else str(status))


class LegFacts(Struct, array_like=True, gc=False, frozen=True):
    """Facts of one finished leg that statistics need; what `Record` and `Observation` have in common."""

    exchange: int
    """The number of the client's request, unique for each incarnation of a worker: ties the legs of a request together,
    by (worker, incarnation, exchange)."""
    route: str
    version: str
    role: Role
    share: float
    """The version's part of the live traffic when the request was assigned, 0 to 1."""
    started: float
    """Unix time at which the leg began."""
    total: float
    """Seconds that the leg took, also where it failed."""
    status: int = 0
    """The status of the answer; 0: none came."""
    failure: str = ""
    """Why the leg failed (`contracts.failure`), or ""."""
    first_byte: float = 0.0
    """Seconds to the first byte of the answer; 0: none came."""
    request_id: str = ""
    key: int = 0
    """Hash of the request's sticky key; 0: it has none."""
    copies: int = -1
    """Copies (shadow and noise) of the request that were sent, where the request travels; -1: not known."""
    inference: bool = True
    """Whether the request asks a model for something."""
    call: int = -1
    """The status with which a call of gRPC ended; -1: it is none, or failed without one."""
    detail: str = ""
    """The rule that an answer broke which is malformed: the field, or the part of the message. Of a call of gRPC that
    did not end well what its version said (`grpc-message`)."""

    @property
    def code(self) -> str:
        """What counts the leg: its status, or the reason of its failure."""
        return code_of(self.failure, self.call, self.status)

    @property
    def ended_well(self) -> bool:
        """Whether the outcome of an inference is good, at the cost of three comparisons: nearly all are."""
        return not self.failure and self.status < 300 and self.call <= 0

    @property
    def outcome(self) -> Outcome:
        """How the leg ended, as far as its head and its connection tell. Whoever tells of a leg goes by this."""
        return outcome_of(self.code, self.role in COPY_ROLES) if self.inference else "not_an_inference"


DISTURBED: Final = 1
UNARY: Final = 2
UNREAD: Final = 4
"""Marks of a record."""


class Record(LegFacts, array_like=True, gc=False, frozen=True):
    """Report of a worker on one finished leg. Built by keyword, but where one is made for each leg
    (`dataplane.recorder`): there in the order of the fields.

    The request's body, fields, method and path travel once, with the leg that answered the client; where none did, with
    the last one, less the body.
    """

    method: str = ""
    path: str = ""
    """Path and query; empty where the request travels with another leg."""
    request_fields: bytes = b""
    """Header fields as they were forwarded, each line ended by CRLF."""
    request: bytes | None = None
    """Body as it crossed the wire; None: with another leg, too large, or sampled out."""
    response_fields: bytes = b""
    """As `request_fields`."""
    response: bytes | None = None
    """As `request`."""
    chunks: list[float] = field(default_factory=list)
    """Seconds from the start at which pieces of a streamed answer's body arrived, the first few hundred of them."""
    ends: list[int] = field(default_factory=list)
    """Bytes of the answer's body that had arrived by each of these times."""
    beginning: bytes = b""
    """Of an answer that is too large to be kept, the first bytes: what it is, and when its first token came."""
    ending: bytes = b""
    """Of one that is an event stream, the last bytes: they show whether it failed, and whether it came to its end."""
    parts: int = 0
    """Parts of the answer's body that went ahead of this record; `response`, `chunks`, `ends` are what comes behind."""
    partial: bool = False
    """This is such a part, of a leg that is still under way: an answer's body, a few hundred kilobytes at a time."""
    marks: int = 0
    """Which of `DISTURBED`, `UNARY` and `UNREAD` hold, in one number: a record is made and sent for each leg."""

    @property
    def disturbed(self) -> bool:
        """The worker stood still meanwhile: the times of pieces, those of earlier parts too, say nothing."""
        return bool(self.marks & DISTURBED)

    @property
    def unary(self) -> bool:
        """The leg was a call of gRPC that has one message each way, whatever its client asked by."""
        return bool(self.marks & UNARY)

    @property
    def unread(self) -> bool:
        """The leg was of a call of gRPC whose messages nobody reads: it counts by its status, and so do its copies."""
        return bool(self.marks & UNREAD)


def without_bodies(record: Record) -> Record:
    """The record as it may wait: without what makes it large, the fields of an answer among it (up to 64 KiB)."""
    bodies = record.request is not None or record.response is not None or record.beginning or record.ending
    if not bodies and not record.response_fields and not record.chunks:
        return record
    return replace(
        record, request=None, response=None, beginning=b"", ending=b"", response_fields=b"", chunks=[], ends=[]
    )
