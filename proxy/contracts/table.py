"""The versioned routing table: what control decides and workers follow. Tables only come down."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

Role = Literal["primary", "canary", "shadow", "rescue", "noise"]
"""What a leg was for. `rescue`: the primary answering in place of a failed canary (an extra leg, not an
assignment); `noise`: a copy of a request back to the primary, to measure its disagreement with itself."""

Protocol = Literal["oip", "kserve-v1", "mlflow", "openai", "json", "opaque"]
StickySource = Literal["header", "cookie", "json"]


class Version(Struct, frozen=True):
    """Where a deployable bundle is served. `base_path` is put before the path of each request."""

    name: str
    host: str
    port: int
    authority: str
    base_path: str = ""


class Match(Struct, frozen=True):
    """All given conditions must hold. `path` is a prefix on segment boundaries; header names are lower case."""

    path: str
    headers: dict[str, str] = {}
    methods: tuple[str, ...] = ()
    model: str | None = None


class Sticky(Struct, frozen=True):
    """Where the key of a sticky assignment is read: a header, a cookie or a JSON pointer (RFC 6901)."""

    source: StickySource
    name: str


class Share(Struct, frozen=True):
    """`percent` (0 to 100) of a route's requests for `version`: live ones in a split, copies for a shadow."""

    version: str
    percent: float


class Rescue(Struct, frozen=True):
    """The primary answers in place of a failed canary; `after` seconds without a first byte count as failed."""

    after: float | None = None


class Timeouts(Struct, frozen=True):
    """Seconds. `connect`: TCP; `response`: request sent to response head, for each try; `idle`: no byte either way;
    `total`: the whole exchange, all tries and a body in both directions (None: not limited, for streams)."""

    connect: float = 1.0
    response: float = 30.0
    idle: float = 60.0
    total: float | None = None


class Limits(Struct, frozen=True):
    """`body`, `mirror_body`: bytes of one request body. In one worker: `mirror_inflight`: unfinished legs of a shadow;
    `inflight`: unfinished exchanges of the route; `connections`: to one version for the route's live traffic."""

    body: int = 64 * 1024 * 1024
    mirror_body: int = 8 * 1024 * 1024
    mirror_inflight: int = 256
    inflight: int = 4096
    connections: int = 1024


class Route(Struct, frozen=True):
    """Requests that match, and who gets them. What `split` leaves of 100 % goes to `primary`. `journal`: legs are
    recorded even where bodies say nothing (protocol `opaque`), for the access log and spans."""

    name: str
    match: Match
    protocol: Protocol
    primary: str
    split: tuple[Share, ...] = ()
    shadows: tuple[Share, ...] = ()
    sticky: Sticky | None = None
    rescue: Rescue | None = Rescue()
    timeouts: Timeouts = Timeouts()
    limits: Limits = Limits()
    noise: float = 0.0
    journal: bool = False


class Table(Struct, frozen=True):
    """`revision` grows by one with each change. Workers that hear nothing from control for `lease` seconds
    send everything to the primaries."""

    revision: int
    versions: dict[str, Version]
    routes: tuple[Route, ...]
    lease: float = 10.0


def primaries_only(table: Table) -> Table:
    """The table that a worker follows when the lease has run out: no canaries, no shadows."""
    return replace(table, routes=tuple(replace(r, split=(), shadows=(), noise=0.0) for r in table.routes))
