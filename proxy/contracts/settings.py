"""What a configuration file says, after validation. `proxy.config.load` makes these; nobody else reads files."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from proxy.contracts.strategies import Strategy
from proxy.contracts.table import Limits, Match, Protocol, Rescue, Share, Sticky, Timeouts, Version

OnBreach = Literal["rollback", "pause", "notify"]
AccessRole = Literal["read", "operate"]
HookEvent = Literal["start", "stage", "breach", "rollback", "promote", "change"]
"""What happened: a release began, a stage was passed, a limit was breached, traffic went back to the primary, a
candidate became primary; `change`: anything else that somebody did."""


class Lineage(Struct, frozen=True):
    """Where a version comes from: one auditable chain from commit to endpoint."""

    commit: str = ""
    dataset: str = ""
    features: str = ""
    training_config: str = ""
    evaluation: str = ""


class Limit(Struct, frozen=True):
    """One line of a scorecard. None: not limited this way."""

    max: float | None = None
    min: float | None = None
    max_ratio: float | None = None
    max_drop: float | None = None
    max_psi: float | None = None


class Stage(Struct, frozen=True):
    """One step of a release: `shadow` or `canary` percent, until `requests`, `duration` (seconds) and a pass."""

    shadow: float | None = None
    canary: float | None = None
    requests: int = 0
    duration: float = 0.0


class Guard(Struct, frozen=True):
    """What a candidate is judged by. `false_alarm`: probability of ever rolling back a healthy one. `warm_up`: first
    requests whose latency is not judged, since caches, connections and models are cold; errors are, from the first.
    """

    scorecard: dict[str, Limit] = field(default_factory=lambda: {"error_rate": Limit(max_ratio=1.5)})
    false_alarm: float = 0.001
    on_breach: OnBreach = "rollback"
    warm_up: int = 100


class Release(Struct, frozen=True):
    """A release of `candidate`.

    `arms`: for an A/B test, the versions and their fixed percents (the candidate is the first); with `promote_winner`
    one that has proved itself becomes primary. `rollback_window`: seconds after the promote in which a breach still
    leads back to the primary before it.
    """

    candidate: str
    strategy: Strategy
    stages: tuple[Stage, ...] = ()
    guard: Guard = Guard()
    accept_risk: bool = False
    arms: dict[str, float] = {}
    promote_winner: bool = False
    rollback_window: float = 0.0


class Analysis(Struct, frozen=True):
    """How the bodies of a route are understood and compared.

    `features`, `prediction`: JSON pointers (RFC 6901) into request and response for protocol `json`; "" is the whole
    document. `redact`: pointers into an example (`/request/…`, `/primary/…`, `/candidate/…`) that must not be shown.
    `tolerance`: part of the larger one by which two scores may differ and still agree. `profile`: path of a reference
    profile, or "": learnt from the first `reference` rows. `detectors`: names of features and predictions that ADWIN
    watches beside the e-detector. `wait`: seconds that a prediction waits for its label.
    """

    features: str = ""
    prediction: str = ""
    redact: tuple[str, ...] = ()
    tolerance: float = 0.05
    profile: str = ""
    reference: int = 1000
    detectors: tuple[str, ...] = ()
    wait: float = 86_400.0


class RouteSettings(Struct, frozen=True):
    """One route as configured; `digest` identifies the section's content."""

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
    guard: Guard = Guard()
    release: Release | None = None
    noise: float = 0.0
    digest: str = ""
    analysis: Analysis = Analysis()


class Address(Struct, frozen=True):
    """A TCP address to listen on; port 0 lets the kernel choose."""

    host: str
    port: int


class Token(Struct, frozen=True):
    """A caller of the admin API by name: `read` may look, `operate` may look and change."""

    name: str
    token: str
    role: AccessRole


class Admin(Struct, frozen=True):
    """The admin API. No operate token: only loopback may change anything. No read token: whoever reaches it may look.

    `token` is an operate token without a name of its own.
    """

    listen: Address = Address("127.0.0.1", 9900)
    token: str = ""
    tokens: tuple[Token, ...] = ()


class Hook(Struct, frozen=True):
    """A webhook that hears of changes: `events` of them (none given: all), signed with `secret` if there is one."""

    url: str
    secret: str = ""
    events: tuple[HookEvent, ...] = ()


class Capture(Struct, frozen=True):
    """Records kept for a backtest: `percent` of the exchanges, in files at `path` that together hold `max_bytes`.
    Without `bodies` only times, statuses and who answered are kept."""

    percent: float
    path: str
    max_bytes: int
    bodies: bool = False


class AccessLog(Struct, frozen=True):
    """A line for `percent` of the exchanges, chosen by request id; with `errors` for each in which a version failed."""

    percent: float = 1.0
    errors: bool = True


class Tracing(Struct, frozen=True):
    """Spans, sent to an OTLP/HTTP `endpoint`. A request whose caller decided about its trace follows that decision;
    of the others `percent` are traced."""

    endpoint: str
    percent: float = 1.0


class Settings(Struct, frozen=True):
    """A whole configuration. `workers` is already a number; `state` a path, or ":memory:". `analysis_cpu`: percent of
    one CPU that the analysis of bodies may take; beyond that, exchanges are sampled."""

    listen: Address
    versions: dict[str, Version]
    routes: tuple[RouteSettings, ...]
    admin: Admin = Admin()
    workers: int = 1
    state: str = "penumbra.db"
    lineage: dict[str, Lineage] = {}
    lease: float = 10.0
    drain: float = 30.0
    connections: int = 10_000
    analysis_cpu: float = 5.0
    notify: tuple[Hook, ...] = ()
    capture: Capture | None = None
    access_log: AccessLog | None = None
    tracing: Tracing | None = None


class Problem(Struct, frozen=True):
    """One mistake in a configuration: where (`routes.cancer.canary.percent`), what was found, what is allowed."""

    path: str
    found: str
    allowed: str

    def __str__(self) -> str:
        where = self.path or "(the whole file)"
        return f"{where}: found {self.found}; allowed: {self.allowed}"


class ConfigError(Exception):
    """A configuration that cannot be used, with all of its mistakes."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems
