"""The versioned routing table: what control decides and workers follow. Tables only come down."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from proxy.contracts.rewrite import Credential, Rewrite
from proxy.contracts.tls import ClientTls, ServerTls

HttpVersion = Literal[1, 2]

Role = Literal["primary", "canary", "baseline", "shadow", "rescue", "noise"]
"""Purpose of a leg. `primary`, `canary` and `baseline` are assignments; the others are extra legs. `baseline`: an
instance of the primary's model with the candidate's share of the traffic, compared in place of the whole primary.
`rescue`: the primary answers in place of a failed canary or baseline. `noise`: a copy of a request back to the primary,
which measures its disagreement with itself (the noise floor)."""

LIVE_ROLES: tuple[Role, ...] = ("primary", "canary", "baseline")
"""Roles that requests are assigned to: each has one leg of one of them."""

COPY_ROLES: frozenset[Role] = frozenset(("shadow", "noise"))
"""Roles of copies, whose answers no client gets."""

Protocol = Literal["oip", "kserve-v1", "mlflow", "openai", "json", "grpc", "auto", "opaque"]
"""How bodies are read; `auto`: as each of them looks, `grpc`: messages of the Open Inference Protocol, no others."""

OIP_SERVICE = "inference.GRPCInferenceService"
"""The service of gRPC whose messages are read."""

StickySource = Literal["header", "cookie", "json"]


NameLookup = Literal["system", "dns", "srv"]
"""Who says where a version is: the C library; DNS, with its TTL; or a service's SRV records (RFC 2782)."""


class Balance(Struct, frozen=True):
    """How requests are shared out among the endpoints of a version, where its name has several."""

    failures: int = 5
    """Failures in a row after which an endpoint is ejected."""
    ejection: float = 30.0
    """Seconds of its first ejection; the next ones are longer."""
    max_ejected: float = 50.0
    """Percent of the endpoints that may be ejected at a time; one always may."""
    slow_start: float = 10.0
    """Seconds until an endpoint that is new, or has returned, has its whole share; 0: at once."""


class Version(Struct, frozen=True):
    """The address at which a deployable bundle is served."""

    name: str
    host: str
    """A name or a numeric address; of a service its name, underscores included."""
    port: int
    """0: each endpoint of a service has its own."""
    authority: str
    """Value of `Host` towards this version."""
    base_path: str = ""
    """Prefix of the path of each request, without a last slash."""
    balance: Balance = Balance()
    """How its endpoints share the requests."""
    lookup: NameLookup = "system"
    """Who says where it is."""
    secure: bool = False
    """Whether TLS is spoken there. What is shown and trusted then is in `Table.tls`, so that other certificates change
    no version."""
    http: HttpVersion = 1
    """The version of HTTP that is spoken there."""
    grpc: bool = False
    """Whether it takes calls of gRPC alone (`url: grpc://…`): requests of REST become such."""
    http_said: bool = False
    """Whether somebody has said which version of HTTP it speaks; else it is HTTP/2 on routes of gRPC."""

    @property
    def url(self) -> str:
        """Where it is served, as clients write it."""
        return f"{'grpc' if self.grpc else 'http'}{'s' * self.secure}://{self.authority}{self.base_path}"


class Match(Struct, frozen=True):
    """Conditions of a route on a request. All given ones must hold."""

    path: str
    """Prefix, on segment boundaries; that of `grpc` where that is given."""
    headers: dict[str, str] = {}
    """Field names in lower case, to exact values."""
    methods: tuple[str, ...] = ()
    """Allowed methods; none given: all."""
    model: str | None = None
    """Name of the model, in the path, in a body or in a message of gRPC."""
    grpc: str = ""
    """Service of gRPC, or service and method, as `package.Service/Method`: calls of it alone. "": any request."""


class Sticky(Struct, frozen=True):
    """The place of the key of a sticky assignment: requests with one key go to one version."""

    source: StickySource
    name: str
    """Name of the header (lower case) or cookie, or a JSON pointer (RFC 6901) into the body."""


class Share(Struct, frozen=True, omit_defaults=True):
    """The part of a route's requests that a version gets: live requests in a split, copies for a shadow."""

    version: str
    percent: float
    """0 to 100."""
    vacant: bool = False
    """In a split: the version gets nothing and the primary its part, yet nobody else's bucket moves. An arm that has
    left an A/B test leaves this behind."""


FirstByte = Literal["head", "body"]
"""The first byte of an answer: that of its head, or of its body. Servers of streams may write the head before they
begin to work."""

Retry = Literal["unprocessed", "idempotent", "always", "never"]
"""Which requests are sent again to the same version, once, when their connection ends without a byte of an answer."""


class Rescue(Struct, frozen=True):
    """The primary's answer in place of a failed canary's, in the same exchange."""

    after: float | None = None
    """Seconds without a first byte after which a canary counts as failed; None: no deadline of its own."""
    on: tuple[int, ...] = (502, 503, 504)
    """Statuses of a canary that the primary's answer replaces: a gateway or a server that says it cannot serve."""
    by: FirstByte = "head"
    """The first byte that `after` waits for, and after which there is no rescue."""


class Timeouts(Struct, frozen=True):
    """Deadlines of a route, in seconds."""

    connect: float = 1.0
    """For a connection to a version, its TLS included."""
    response: float = 30.0
    """From the request's end to the response's head, for each attempt."""
    idle: float = 60.0
    """Without a byte in either direction."""
    total: float | None = None
    """For the whole exchange, all attempts and both bodies; None: not limited, for streams."""
    connection_age: float = 300.0
    """Of a connection to a version, after which it takes no further request; give or take a tenth."""
    keepalive: float = 300.0
    """Without a byte on a connection by HTTP/2 that has calls, after which its server is asked for a sign of life.
    Servers of gRPC end one that asks more often than they allow: without data every 5 minutes, by default."""
    connection_idle: float = 55.0
    """For which a connection to a version may be idle. Shorter than the common server limit of 60; a server that closes
    sooner costs one silent retry."""


class Limits(Struct, frozen=True):
    """Bounds of a route: bytes of one request body, and numbers in one worker."""

    body: int = 64 * 1024 * 1024
    """Bytes of a request body that is admitted."""
    mirror_body: int = 8 * 1024 * 1024
    """Bytes of a request body that is copied to shadows."""
    mirror_inflight: int = 256
    """Unfinished legs of one shadow."""
    inflight: int = 4096
    """Unfinished exchanges of the route."""
    connections: int = 1024
    """Connections to one version for the route's live traffic."""
    request_buffer: int = 1024 * 1024
    """Bytes of a request body that are at hand before a version gets it, where it is not complete sooner; 0: it gets
    them as they come."""
    rescue_body: int = 8 * 1024 * 1024
    """Bytes of a request body that is kept for another try or another version, until neither can be needed."""


class Inferences(Struct, frozen=True):
    """The requests of a route that ask its model for something, where its protocol does not say so."""

    methods: tuple[str, ...] = ()
    """Methods of them; none given: all that can carry a question."""
    paths: tuple[str, ...] = ()
    """Shell patterns (`*` also across slashes) for their paths without a query; none given: all."""


Forwarded = Literal["none", "x-forwarded", "forwarded"]
"""The fields by which versions are told where a request came from: none, X-Forwarded-For and X-Forwarded-Proto, or
Forwarded (RFC 7239)."""

Mirrored = Literal["inferences", "all"]
"""The requests that shadows get copies of."""

Copies = Literal["follow", "finish"]
"""What copies do whose client has left: they follow it, or finish."""

OnRollback = Literal["finish", "reset"]
"""What streams do that are open on a version when it is rolled back: they finish there, or end."""


class RoutePolicy(Struct, frozen=True):
    """Requests that match, and the versions that get them: as configured, or as a worker follows it."""

    name: str
    """Name of the route."""
    match: Match
    """Conditions on its requests."""
    protocol: Protocol
    """Protocol in which bodies are read."""
    primary: str
    """Version that gets what `split` leaves of 100 %."""
    split: tuple[Share, ...] = ()
    """Percents of live traffic for other versions than the primary."""
    shadows: tuple[Share, ...] = ()
    """Percents of copies."""
    sticky: Sticky | None = None
    """Part of a request that decides about its version; None: chance does."""
    rescue: Rescue | None = Rescue()
    """None: a canary's failure reaches the client."""
    timeouts: Timeouts = Timeouts()
    """Times of a leg and of the exchange."""
    limits: Limits = Limits()
    """Bounds in one worker."""
    noise: float = 0.0
    """Percent of the requests that the primary gets twice."""
    inference: Inferences | None = None
    """None: as the protocol says (`routing.inference`)."""
    mirror: Mirrored = "inferences"
    """Requests that shadows get copies of."""
    copies: Copies = "follow"
    """What copies do whose client has left."""
    retry: Retry = "unprocessed"
    """Requests that are sent again when their connection ends without an answer."""
    on_rollback: OnRollback = "finish"
    """What streams do that are open on a version when it is rolled back."""

    @property
    def calls(self) -> bool:
        """Whether its requests are calls of gRPC."""
        return self.protocol == "grpc" or bool(self.match.grpc)

    @property
    def reading(self) -> Protocol:
        """The protocol by which its bodies are read: those of calls of another service than `OIP_SERVICE` by none."""
        return read_as(self.protocol, self.match)


def asked_on(version: Version, calls: bool) -> Version:
    """A version as a route asks it. `calls`: one whose requests are calls of gRPC."""
    return replace(version, http=2) if calls and version.http != 2 and not version.http_said else version


def read_as(protocol: Protocol, match: Match) -> Protocol:
    """The protocol by which bodies of a route are read. The path of a call is its service and its method."""
    service = match.path.split("/")[1:2]
    return "opaque" if protocol == "grpc" and service and service[0] not in ("", OIP_SERVICE) else protocol


class Route(RoutePolicy, frozen=True):
    """A route as workers follow it: the split and the shadows are those of the live state."""

    baseline: Share | None = None
    """Instance of the primary's model that the candidate is compared with; None: there is none, or no candidate."""
    identity: str = ""
    """Name of the header (lower case) that says who answered; "": workers look for none."""
    journal: bool = False
    """Records of all legs, for access log and spans, also where bodies carry no features (protocol `opaque`)."""
    unread: bool = False
    """Records, with their requests, of calls whose messages nobody reads: for a capture that is to be replayed."""
    group: str = ""
    """Name of the release over several routes that the route is part of: the same users meet its versions on all of
    them; "": it stands alone."""
    rolled_back: tuple[str, ...] = ()
    """Versions that were rolled back and not let in again, for a control that begins with a store that is older."""


class Table(Struct, frozen=True):
    """All routes and versions, as every worker follows them."""

    revision: int
    """Number of the table; grows by one with each change."""
    versions: dict[str, Version]
    routes: tuple[Route, ...]
    lease: float = 10.0
    """Seconds of silence of control after which a worker sends everything to the primaries."""
    rewrites: dict[str, Rewrite] = {}
    """What is rewritten for a version, by its name."""
    credentials: dict[str, Credential] = {}
    """What a version is told about who asks, by its name."""
    listeners: tuple[ServerTls | None, ...] = ()
    """TLS of each listener, in their order; None: plain HTTP. (): there is one, and it is plain."""
    tls: dict[str, ClientTls] = {}
    """TLS towards a version, by its name, where its section says something."""
    forwarded: Forwarded = "none"
    """What versions are told about where a request came from."""

    @property
    def identity_headers(self) -> tuple[str, ...]:
        """Names (lower case) of the fields that tell versions who a client is: of all listeners, since a version cannot
        tell by which one a request came."""
        return tuple({tls.identity_header for tls in self.listeners if tls is not None and tls.identity_header})

    def route(self, name: str) -> Route | None:
        """The route of that name; None: it has none."""
        return next((route for route in self.routes if route.name == name), None)


def primaries_only(table: Table) -> Table:
    """The table that a worker follows when the lease has run out: no canaries, no baselines, no shadows. Whoever had
    traffic beside a primary is rolled back."""
    alone = (
        replace(route, split=(), baseline=None, shadows=(), noise=0.0, rolled_back=_without_traffic(route))
        for route in table.routes
    )
    return replace(table, routes=tuple(alone))


def _without_traffic(route: Route) -> tuple[str, ...]:
    live = (share.version for share in route.split if share.percent > 0 and not share.vacant)
    return tuple(dict.fromkeys((*route.rolled_back, *live)))
