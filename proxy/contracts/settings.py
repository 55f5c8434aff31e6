"""Contents of a configuration file, after validation. `proxy.config.load` makes these values and alone reads files."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field
from msgspec.structs import asdict, replace

from proxy.contracts.address import Address
from proxy.contracts.client_bounds import ClientBounds
from proxy.contracts.comparers import Judge, OutputRule, RowsOf, TextComparer
from proxy.contracts.evidence import FALSE_PASS
from proxy.contracts.fleet import Fleet
from proxy.contracts.group import ReleaseGroup
from proxy.contracts.identity import Identity
from proxy.contracts.journal import AccessLog, Tracing
from proxy.contracts.leg_join import wait_for
from proxy.contracts.memory import MIB, control_budget, worker_budget
from proxy.contracts.metrics import GAINS, METRICS
from proxy.contracts.operation import Admin, Capture, HistoryKept, Hook
from proxy.contracts.package import Package, RequirePackage
from proxy.contracts.price import Price
from proxy.contracts.rewrite import Credential, Rewrite
from proxy.contracts.strategies import STRATEGIES, Strategy
from proxy.contracts.table import Forwarded, RoutePolicy, Version
from proxy.contracts.tls import ClientTls, ServerTls, TlsMaterial

OnBreach = Literal["rollback", "pause", "notify"]
OnIdentityChange = Literal["restart", "rollback", "pause"]
"""What follows when another model answers under a version in the middle of a judgement. The evidence begins anew in any
case, unless it would only be got rid of."""
Require = Literal["proof", "no_breach"]
"""What ends a stage: proof that the candidate is within its margins, or that nothing speaks against it."""


class Lineage(Struct, frozen=True):
    """The origin of a version: one auditable chain from commit to endpoint."""

    commit: str = ""
    """Of the code."""
    dataset: str = ""
    """Training data."""
    features: str = ""
    """Version of the feature transformation."""
    training_config: str = ""
    evaluation: str = ""
    """Report of the evaluation."""


class Limit(Struct, frozen=True):
    """The limits of one line of a scorecard; None: not limited this way. `contracts.metrics` says which of them a
    metric can have, and in what unit."""

    max: float | None = None
    """At most, in absolute terms."""
    min: float | None = None
    """At least, in absolute terms."""
    max_ratio: float | None = None
    """At most so many times the primary's."""
    max_increase: float | None = None
    """At most so much above the primary's (a non-inferiority margin)."""
    max_drop: float | None = None
    """At most so much below the primary's."""
    max_psi: float | None = None
    """Population stability index, at most."""
    min_gain: float | None = None
    """At least so much better than the primary's (a superiority margin): what the arms of an A/B test have to prove.
    No scorecard names it; it is `Release.min_gain`. Of a loss it is a part of the primary's."""

    def given(self) -> dict[str, float]:
        """The limits that there are, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}


class Stage(Struct, frozen=True):
    """One step of a release. It ends after its requests and its duration, with a pass."""

    shadow: float | None = None
    """Percent of the requests that the candidate gets as copies."""
    canary: float | None = None
    """Percent of the live traffic that the candidate gets."""
    requests: int = 0
    """Requests of the candidate before the end."""
    duration: float = 0.0
    """Seconds before the end."""


ASSUMED: dict[str, Limit] = {
    "error_rate": Limit(max_ratio=1.5),
    "refusal_rate": Limit(max_increase=0.05),
    "abandonment_rate": Limit(max_increase=0.05),
    "invalid_rate": Limit(max_increase=0.02),
}
"""The assumed lines: each is part of every scorecard that does not name its metric, so that a version which refuses,
hangs or answers nonsense is not good because nobody thought of it. The margins are as small as a healthy candidate can
prove in some hundred requests: most primaries have refusals of their own, few have answers that are none."""


MINOR = ("refusal_rate", "abandonment_rate", "invalid_rate")
"""The assumed lines that have a small part of `false_alarm`: what they are there for is gross. The errors are not among
them: they are what a scorecard is for in the first place."""


class Guard(Struct, frozen=True):
    """The judge of a candidate: limits, and the action on a breach."""

    scorecard: dict[str, Limit] = field(default_factory=lambda: dict(ASSUMED))
    """Metric to its limits."""
    false_alarm: float = 0.001
    """Probability of ever blaming a healthy candidate by any of the limits, under continuous looking."""
    on_breach: OnBreach = "rollback"
    false_winner: float = FALSE_PASS
    """Probability of ever calling one candidate better by `min_gain` that is not. No scorecard names it either."""
    warm_up: int = 100
    """First requests whose latency is not judged, since caches, connections and models are cold. Errors are judged from
    the first."""
    on_identity_change: OnIdentityChange = "restart"

    @property
    def assumed(self) -> tuple[str, ...]:
        """The metrics of the minor lines that are as assumed; they share a small part of `false_alarm`."""
        return tuple(metric for metric in MINOR if self.scorecard.get(metric) == ASSUMED[metric])


class Release(Struct, frozen=True):
    """A release: a candidate is brought to primary by a strategy. `release.validation` has its rules."""

    candidate: str
    """The version that may become primary; of an A/B test the first of its arms."""
    strategy: Strategy
    stages: tuple[Stage, ...] = ()
    guard: Guard = Guard()
    accept_risk: bool = False
    """Consent to a strategy that gives the candidate all traffic at once."""
    arms: dict[str, float] = {}
    """Versions of an A/B test besides the primary, to their fixed percents."""
    promote_winner: bool = False
    """Whether an arm that is proved better becomes primary."""
    min_gain: float = 0.0
    """How much better an arm of an A/B test has to be; 0: better at all. Of a loss it is a part of the primary's."""
    false_winner: float = FALSE_PASS
    """Probability of ever calling any arm of an A/B test better that is not, under continuous looking."""
    rollback_window: float = 0.0
    """Seconds after the promote in which a breach leads back to the primary before it."""
    require: Require | None = None
    """What ends its stages; None: `proof` the last stage before a promote, `no_breach` the others."""

    def proof_at(self, stage: int) -> bool:
        """Whether the stage of this index ends by proof alone."""
        if self.require is not None:
            return self.require == "proof"
        ends = STRATEGIES[self.strategy].promotes or self.promote_winner
        return ends and stage + 1 >= len(self.stages)

    @property
    def subject(self) -> str | None:
        """The metric that an A/B test is about: the first line of its scorecard on labels, else the first line that
        somebody asked for, else the first. None for other strategies, and where no gain in it can be proved."""
        lines = self.guard.scorecard
        asked = [metric for metric in lines if lines[metric] != ASSUMED.get(metric)] or list(lines)
        first = next((metric for metric in asked if METRICS[metric].source == "labels"), next(iter(asked), ""))
        return first if self.arms and first and METRICS[first].kind in GAINS else None

    def guard_in_force(self) -> Guard:
        """The guard, and in an A/B test what its arms have to prove; they share `false_winner` (Bonferroni)."""
        subject = self.subject
        if subject is None:
            return self.guard
        line = replace(self.guard.scorecard[subject], min_gain=self.min_gain)
        lines = self.guard.scorecard | {subject: line}
        return replace(self.guard, scorecard=lines, false_winner=self.false_winner / len(self.arms))


class Analysis(Struct, frozen=True):
    """Rules by which the bodies of a route are read and compared."""

    features: str = ""
    """JSON pointer (RFC 6901) into a request, for protocol `json`; "" is the whole document."""
    prediction: str = ""
    """JSON pointer into a response, likewise."""
    redact: tuple[str, ...] = ()
    """Pointers into an example (`/request/…`, `/primary/…`, `/candidate/…`) that must not be shown."""
    tolerance: float = 0.05
    """Part of the larger of two scores by which they may differ and still agree."""
    profile: str = ""
    """Path of a reference profile; "": learnt."""
    reference: int = 1000
    """Rows from which a profile is learnt."""
    detectors: tuple[str, ...] = ()
    """Names of features and predictions that ADWIN watches beside the e-detector."""
    wait: float = 86_400.0
    """Seconds that a prediction waits for its label."""
    identity: Identity = Identity()
    """The place where an answer says who gave it."""
    absolute_tolerance: float | None = None
    """Difference of two numbers that is none, however small they are; None: by the size and the datatype of the
    output."""
    text: TextComparer = "auto"
    """How texts are compared."""
    text_edits: float = 0.3
    """Part of a text that may be edited. Sampled answers differ more; judge them against their own noise floor."""
    outputs: dict[str, OutputRule] = {}
    """How single outputs are compared, by globs of their names; the first that fits holds."""
    ignore: tuple[str, ...] = ()
    """Features of requests and answers that are left out of drift and comparison (`stats.selection`)."""
    rows: RowsOf = "auto"
    """What a flat list of values is."""
    judge: Judge | None = None
    """Who is asked about texts that differ; None: nobody."""


DEFAULT_ANALYSIS = Analysis()
"""The rules of a route that configures none."""


class Baseline(Struct, frozen=True):
    """An instance of the primary's model that candidates are compared with (`release.baseline` has its rules)."""

    version: str
    percent: float | None = None
    """Percent of the live traffic; None: the candidate's present one."""


class RouteSettings(RoutePolicy, frozen=True):
    """One route as configured."""

    guard: Guard = Guard()
    """The judge of `split`; a release has its own."""
    release: Release | None = None
    """The release that the section asks for."""
    group: ReleaseGroup | None = None
    """The release over several routes that `release` is the route's part of; None: it is the route's own."""
    baseline: Baseline | None = None
    """The arm that its candidates are compared with; None: the primary."""
    digest: str = ""
    """SHA-256 of the section and of its versions."""
    analysis: Analysis = Analysis()
    """Rules by which its bodies are read and compared."""

    @property
    def named(self) -> list[str]:
        """The versions that it names, each once."""
        shares = (share.version for share in (*self.split, *self.shadows))
        baseline = (self.baseline.version,) if self.baseline else ()
        release = (self.release.candidate, *self.release.arms) if self.release else ()
        return list(dict.fromkeys((self.primary, *shares, *baseline, *release)))

    @property
    def candidates(self) -> list[str]:
        """The versions that it gives live traffic in order to judge them."""
        release = (self.release.candidate, *self.release.arms) if self.release else ()
        return [name for name in dict.fromkeys((*(share.version for share in self.split), *release)) if name]

    @property
    def assumed(self) -> dict[str, Limit]:
        """The lines that a candidate of this route is held to by default, as far as the protocol can feed them."""
        if not (self.split or self.release):
            return {}
        guard = self.release.guard if self.release else self.guard
        usual = {each: limit for each, limit in ASSUMED.items() if guard.scorecard.get(each) == limit}
        fed = self.reading != "opaque"
        return {each: limit for each, limit in usual.items() if fed or METRICS[each].source == "ticks"}


class Settings(Struct, frozen=True):
    """A whole configuration."""

    listen: tuple[Address, ...]
    """Addresses of all listeners."""
    versions: dict[str, Version]
    routes: tuple[RouteSettings, ...]
    admin: Admin = Admin()
    workers: int = 1
    """Processes that carry traffic; `auto` is a number here."""
    workers_auto: bool = False
    """Whether the number is what the CPUs of the start made of `auto`."""
    state: str = "penumbra.db"
    """Path of the SQLite file, or ":memory:"."""
    audit_anchor: str = ""
    """Path of the audit's anchor as configured; "": beside the state file."""
    lineage: dict[str, Lineage] = {}
    """Version to its origin."""
    require_lineage: bool = False
    """Whether every version has to say all of it."""
    packages: dict[str, Package] = {}
    """Version to its package, where it names one."""
    require_package: RequirePackage = "none"
    """What the package of a candidate has to be before a release begins."""
    package_keys: tuple[str, ...] = ()
    """Paths of public keys, one of which has to have signed each package; (): none has to."""
    prices: dict[str, Price] = {}
    """Version to the price of its tokens, where it has one."""
    rewrites: dict[str, Rewrite] = {}
    """Version to what is rewritten for it."""
    credentials: dict[str, Credential] = {}
    """Version to what it is told about who asks."""
    listener_of: tuple[int, ...] = ()
    """Of each address in `listen` the number of its listener, as `listeners` has them; (): there is one listener."""
    listeners_tls: tuple[ServerTls | None, ...] = ()
    """TLS of each listener; None: plain HTTP. (): there is one listener, and it is plain."""
    tls: dict[str, ClientTls] = {}
    """Version to its section `tls`, where it has one."""
    judge_material: dict[str, TlsMaterial] = {}
    """Route to what the files of its judge's section `tls` hold."""
    lease: float = 10.0
    """Seconds without control after which workers send everything to the primaries."""
    drain: float = 30.0
    """Seconds that exchanges in flight have after SIGTERM."""
    hang: float = 10.0
    """Seconds without a word after which a process is ended and started again."""
    connections: int = 10_000
    """Client connections to one worker."""
    forwarded: Forwarded = "none"
    """What versions are told about where a request came from."""
    client: ClientBounds = ClientBounds()
    """What clients may send, and how long they may take."""
    pair_wait: float | None = None
    """Seconds for which the legs of one request wait for each other; None: as long as one may take."""
    memory_limit: int | None = None
    """Bytes that all processes together may take, as configured; None: as the host lets them."""
    memory_total: int = 1536 * MIB
    """Bytes that all processes together may take, as found at the start (`proxy.memory`)."""
    analysis_cpu: float = 5.0
    """Percent of one CPU, or of what there is where that is less; beyond that, exchanges are sampled."""
    processors: float = 1.0
    """CPUs that all processes together may use, as found at the start (`proxy.processors`)."""
    notify: tuple[Hook, ...] = ()
    capture: Capture | None = None
    history: HistoryKept | None = HistoryKept()
    """How much of the past is kept; None: nothing."""
    access_log: AccessLog | None = None
    tracing: Tracing | None = None
    fleet: Fleet | None = None

    @property
    def anchor(self) -> str:
        """Path of the audit's anchor; "" where nothing is kept."""
        return "" if self.state == ":memory:" else self.audit_anchor or f"{self.state}.anchor"

    @property
    def pairing(self) -> float:
        """Seconds for which the legs of one request wait for each other in control."""
        return self.pair_wait or wait_for(route.timeouts.response for route in self.routes)

    @property
    def analysis_part(self) -> float:
        """The part of one CPU that the analysis of bodies may take."""
        return self.analysis_cpu / 100.0 * min(self.processors, 1.0)

    @property
    def memory(self) -> int:
        """Bytes that control may keep beside what it takes when idle."""
        return control_budget(self.memory_total, self.workers)

    @property
    def worker_memory(self) -> int:
        """Bytes that each worker may keep beside what it takes when idle."""
        return worker_budget(self.memory_total, self.workers)


class Problem(Struct, frozen=True):
    """One mistake in a configuration, or in a release that the admin API was asked for."""

    path: str
    """Place in the file, such as `routes.cancer.canary.percent`; within a release `stages[0]`."""
    found: str
    """The value that stands there."""
    allowed: str
    """The values that would have been right."""
    endless: bool = False
    """Whether all that is wrong is that a release can never end, a line never be fed, or a prefix of a path is a glob.
    `check` and the admin API refuse that; a program that serves goes on and warns, since an outage would be worse."""

    def __str__(self) -> str:
        return f"{self.path or '(the whole file)'}: found {self.found}; allowed: {self.allowed}"


class ConfigError(Exception):
    """A configuration that cannot be used, with all of its mistakes."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems
