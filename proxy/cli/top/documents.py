"""What is read of the API's answers. What else they have is not looked at; what is missing or of another kind is no
answer of this API."""

from __future__ import annotations

from math import nan
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

T = TypeVar("T")


class UnreadableError(Exception):
    """An answer that is none of the admin API."""


class NoticeDoc(Struct, frozen=True):
    """A warning of a route."""

    kind: str
    severity: str
    text: str


class StageDoc(Struct, frozen=True):
    """What a stage of a release asks for."""

    requests: int = 0


class ReleaseDoc(Struct, frozen=True):
    """The release of a route, under way or the last one."""

    candidate: str
    strategy: str
    active: bool
    stage: int
    stages: list[StageDoc]
    requests: int
    require: str
    name: str = ""


class InForceDoc(Struct, frozen=True):
    """Where the last change is in force."""

    workers: tuple[int, int]
    sidecars: tuple[int, int] | None = None
    everywhere: bool = False


class RouteDoc(Struct, frozen=True):
    """One route."""

    route: str
    phase: str
    primary: str
    split: dict[str, float]
    shadows: dict[str, float]
    candidates: list[str]
    verdict: str
    sentence: str
    reason: str
    since: float
    release: ReleaseDoc | None = None
    notices: list[NoticeDoc] = []
    in_force: InForceDoc | None = None


class WorkerDoc(Struct, frozen=True):
    """A worker of the sidecar."""

    worker: int
    up: bool


class MistakeDoc(Struct, frozen=True):
    """A mistake of a configuration file."""

    path: str


class ConfigurationDoc(Struct, frozen=True):
    """The state of the configuration file."""

    problems: list[MistakeDoc] = []


class RoutesDoc(Struct, frozen=True):
    """All routes."""

    revision: int
    routes: list[RouteDoc]
    scope: str = "sidecar"
    workers: list[WorkerDoc] = []
    unsaved: int = 0
    fleet: str | None = None
    configuration: ConfigurationDoc = ConfigurationDoc()


class LatencyDoc(Struct, frozen=True):
    """Quantiles of the window, in seconds; None: nothing was timed."""

    p50: float | None = None
    p99: float | None = None


class ArmDoc(Struct, frozen=True):
    """The legs of a version in a role."""

    version: str
    role: str
    legs: int
    recent: dict[str, int]
    total: LatencyDoc = LatencyDoc()


class ShadowDoc(Struct, frozen=True):
    """The copies of a shadow."""

    version: str
    owed: int
    coverage: float | None = None


class RescuedDoc(Struct, frozen=True):
    """Requests that the primary answered in place of another version."""

    version: str
    count: int


class TrafficDoc(Struct, frozen=True):
    """The traffic of a route."""

    window: float
    arms: list[ArmDoc]
    shadows: list[ShadowDoc] = []
    rescued: list[RescuedDoc] = []


class LineDoc(Struct, frozen=True):
    """A line of a scorecard."""

    metric: str
    title: str
    version: str
    bound: str
    verdict: str
    n: int
    value: float | str | None = None
    limit: float | None = None
    reference: float | str | None = None
    unit: str | None = None
    evidence: float | str | None = None
    lost: int = 0

    @property
    def log_breach(self) -> float:
        """The logarithm of the evidence of a breach; NaN: it is no number."""
        try:
            return float(nan if self.evidence is None else self.evidence)
        except ValueError:
            return nan


class ScorecardDoc(Struct, frozen=True):
    """The lines of a route."""

    metrics: list[LineDoc]
    at_rollback: list[LineDoc]
    false_alarm: float
    false_alarm_at_rollback: float

    @property
    def lines(self) -> list[LineDoc]:
        """Those that are judged; after a rollback those that it was made by."""
        return self.metrics or self.at_rollback

    @property
    def chance(self) -> float:
        """The probability of a false alarm that they are held to."""
        return self.false_alarm if self.metrics else self.false_alarm_at_rollback


class ChangeDoc(Struct, frozen=True):
    """An entry of the audit."""

    at: float
    who: str
    action: str
    route: str
    why: str = ""


class AuditDoc(Struct, frozen=True):
    """Entries of the audit, in its order."""

    entries: list[ChangeDoc]


class SeriesDoc(Struct, frozen=True):
    """A figure of each second; None: nobody knows."""

    name: str
    version: str | None
    role: str | None
    values: list[float | str | None]
    counts: list[int | None] = []
    pairs: list[int | None] = []
    feature: str = ""
    side: str = ""
    drifted: bool = False


class RouteSeriesDoc(Struct, frozen=True):
    """The series of a route."""

    route: str
    series: list[SeriesDoc]


class PastDoc(Struct, frozen=True, rename={"start": "from"}):
    """The last seconds of all routes."""

    start: float
    step: int
    until: float
    routes: list[RouteSeriesDoc]


class Seen(Struct, frozen=True):
    """All that was known at one moment."""

    at: float
    """Unix seconds by the clock of the sidecar."""
    routes: RoutesDoc
    traffic: dict[str, TrafficDoc] = {}
    scorecards: dict[str, ScorecardDoc] = {}
    changes: list[ChangeDoc] = []
    """Newest first."""
    past: PastDoc | None = None
    """None: no history is kept."""

    def route(self, name: str) -> RouteDoc | None:
        """The route of that name; None: there is none."""
        return next((each for each in self.routes.routes if each.route == name), None)


def read(document: Any, kind: type[T]) -> T:
    """A document by its kind. Raises UnreadableError."""
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise UnreadableError(f"its answer is none of the admin API of this version: {error}") from None
