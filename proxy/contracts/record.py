"""What workers report, upwards only: ticks are exact; records may be sampled or dropped, and drops are counted."""

from __future__ import annotations

from msgspec import Struct, field

from proxy.contracts.histogram import Buckets
from proxy.contracts.table import Role


class ArmTick(Struct):
    """Exact counts of the legs of one arm that finished since the last tick.

    An arm is (route, version, role, share): `share` is the version's part of the live traffic, 0 to 1, *when the
    request was assigned*, so that evidence stays valid while a split changes. `codes` counts legs by status code, or by
    the reason of a failure (`contracts.failure`) where the version gave none. `bad` counts the legs that are charged to
    the version: status 5xx or an upstream failure. `failed_keys` are hashes of the sticky keys of bad legs (at most
    `MAX_FAILED_KEYS` a tick, then counted in `bad` only). Latencies in seconds: `total` from the assignment to the last
    byte, `first_byte` to the first byte of the answer; legs without an answer are not in them.
    """

    route: str
    version: str
    role: Role
    share: float
    codes: dict[str, int] = field(default_factory=dict)
    bad: int = 0
    failed_keys: list[int] = field(default_factory=list)
    total: Buckets = field(default_factory=dict)
    total_sum: float = 0.0
    first_byte: Buckets = field(default_factory=dict)
    first_byte_sum: float = 0.0
    connect: Buckets = field(default_factory=dict)

    @property
    def finished(self) -> int:
        """All legs that finished, also those without an answer and those whose client went away."""
        return sum(self.codes.values())


MAX_FAILED_KEYS = 256
"""Per arm and tick: 256 failures in 100 ms decide any test; more would only cost memory."""


class Tick(Struct):
    """Exact counters of one worker since its last acknowledged tick. Keys that are tuples stand as lists of rows.

    `shadow_dropped`, `rescued`: rows (route, version, reason, count). `rejected`: rows (route or "", reason, count):
    requests that never got a leg. `mirrored`: rows (route, version, count): copies that should have been made by the
    configured percentage, before any drop. `overhead`: route to buckets of the seconds that the proxy itself added.
    `inflight`: rows (route, version, role, count) right now, a gauge. `revision`: the table in force; `leased`: False
    once it runs on primaries only.
    """

    worker: int
    incarnation: str
    seq: int
    revision: int
    leased: bool = True
    arms: list[ArmTick] = field(default_factory=list)
    shadow_dropped: list[tuple[str, str, str, int]] = field(default_factory=list)
    mirrored: list[tuple[str, str, int]] = field(default_factory=list)
    rescued: list[tuple[str, str, str, int]] = field(default_factory=list)
    rejected: list[tuple[str, str, int]] = field(default_factory=list)
    records_dropped: dict[str, int] = field(default_factory=dict)
    overhead: dict[str, Buckets] = field(default_factory=dict)
    overhead_sum: dict[str, float] = field(default_factory=dict)
    inflight: list[tuple[str, str, str, int]] = field(default_factory=list)
    connections: int = 0


class Record(Struct, array_like=True, gc=False):
    """Facts of one finished leg.

    `exchange` ties the legs of one client request together (unique per worker incarnation; control pairs on
    (worker, exchange)). Bodies are as they crossed the wire, or None: not kept (too large, or sampled out). The
    request's body, fields, method and path travel once, with the leg that answered the client; where none did, with the
    last one, less the body. `*_fields` are the header fields as they were forwarded, each line ended by CRLF. Times in
    seconds; `started` is the Unix time at which the leg began, `total` how long it took, also where it failed. `chunks`
    are the seconds from the start at which pieces of a streamed answer arrived. `copies`: how many copies (shadow and
    noise) of the request were sent, where the request travels; -1: not known.
    """

    exchange: int
    request_id: str
    route: str
    version: str
    role: Role
    share: float
    status: int
    failure: str
    started: float
    first_byte: float
    total: float
    path: str = ""
    request_fields: bytes = b""
    request: bytes | None = None
    response_fields: bytes = b""
    response: bytes | None = None
    key: int = 0
    chunks: list[float] = field(default_factory=list)
    method: str = ""
    copies: int = -1
