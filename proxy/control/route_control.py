"""One route under control: its section of the configuration, its live state, and its status beside that state."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from proxy.contracts.notices import Notice, notices
from proxy.contracts.release import RouteState, Verdict
from proxy.contracts.settings import Guard, RouteSettings
from proxy.contracts.table import Share
from proxy.release import plan, transitions
from proxy.release.baseline import in_force, why_idle
from proxy.release.transitions import Situation

SWEEP_SECONDS = 1.0
"""Seconds by which a limit of time and its report may be late."""


MIN_KEYLESS = 100
"""Requests without a key that are not spoken of: some are under way while a table is swapped."""
MAX_KEYLESS_PART = 0.1
"""Part of the requests without a key that is not spoken of, either: health checks, and clients of other kinds."""


class RouteStatus(Struct):
    """Facts that the engine gathers of a route while its state lasts. The engine alone writes them."""

    verdicts: tuple[Verdict, ...] = ()
    """The lines of the scorecard, as of the last tick."""
    at_rollback: tuple[Verdict, ...] = ()
    """The lines at the rollback, while the route is rolled back."""
    baseline: tuple[Verdict, ...] = ()
    """The lines of the baseline's own scorecard, against the primary."""
    legs: int = 0
    """Finished legs of the candidates in the stage in force."""
    keyed: int = 0
    """Legs of the route's live traffic in that stage that the split chose, where its release is one over several."""
    keyless: int = 0
    """Those that went to the primary whatever the split says."""
    full_since: float | None = None
    """When the stage in force had its requests and its duration; None: it has not yet."""
    notified: frozenset[str] = frozenset()
    """Causes of breaches that were notified and not acted upon, so that each is notified once."""
    anew: float = 0.0
    """When the evidence began anew while the same candidates stayed under judgement (another model answers, another
    scorecard holds, or a start could not take it up); 0.0: it did not."""
    warnings: tuple[str, ...] = ()
    """Configuration of the route that has no effect."""


class RouteControl:
    """A route that is configured. `situation` follows from the state and is derived once for each."""

    __slots__ = ("baseline", "section", "situation", "state", "status", "table")

    section: RouteSettings
    state: RouteState
    situation: Situation
    status: RouteStatus
    baseline: Share | None
    """The arm that candidates are compared with, and its percent; None: the primary. It follows from the state, too."""
    table: int
    """Revision of the table that first had the state; 0 before."""

    def __init__(self, section: RouteSettings, state: RouteState, status: RouteStatus) -> None:
        self.section, self.state, self.status, self.table = section, state, status, 0
        self.situation, self.baseline = transitions.situation(state), in_force(section, state)

    @property
    def guard(self) -> Guard:
        """The scorecard in force."""
        return plan.guard_of(self.section, self.state)

    @property
    def gone(self) -> frozenset[str]:
        """Versions that were rolled back and get nothing any more, no copies either."""
        return frozenset(self.state.rolled_back) - {*self.situation.split, *self.situation.shadows}

    @property
    def baseline_warnings(self) -> tuple[str, ...]:
        """Why the configured baseline gets nothing while a candidate has traffic; () where it does."""
        why = why_idle(self.section, self.state) if self.situation.split else ""
        return (f"no baseline: {why}",) if why else ()

    def notices(self, held: str, lacks: str) -> list[Notice]:
        """What of its configuration has no effect. `held`: why its release does not go on; `lacks`: what a package
        lacks."""
        return [
            *notices("configured-rolled-back", *self.status.warnings),
            *notices("release-held", held),
            *notices("package-missing", lacks),
            *notices("no-baseline", *self.baseline_warnings),
            *notices("requests-without-key", *self.keyless_warnings),
        ]

    def enter(self, before: RouteState | None, after: RouteState, table: int) -> None:
        """Takes up a state, which `table` is the first to have; what was gathered in the one before (None: there was
        none) goes with what it was about."""
        self.table = table
        self.state, self.situation = after, transitions.situation(after)
        self.baseline = in_force(self.section, after)
        status = self.status
        status.warnings = tuple(each for each in status.warnings if each in plan.withheld(self.section, after))
        stay = set(self.situation.candidates)
        if before is None or not stay or not stay <= set(transitions.candidates(before)):
            status.notified = frozenset()
            if after.phase != "rolled_back":  # else the lines at the rollback are told with it
                status.anew = 0.0
        if before is None or (before.stage, before.stage_since) != (after.stage, after.stage_since):
            status.legs, status.full_since = 0, None
            status.keyed = status.keyless = 0
        if after.phase != "rolled_back":
            status.at_rollback = ()
        elif before is None or before.phase != "rolled_back":
            status.at_rollback = status.verdicts

    def count(self, role: str, version: str, legs: int, share: float = 1.0) -> None:
        """Counts finished legs, where they are of a candidate and in the role that the stage in force gives it."""
        status = self.status
        if version in self.situation.candidates and role == self.judged_role:
            status.legs += legs
        if self.section.group and self.situation.split and role in ("primary", "canary"):
            chosen = role == "canary" or share < 1.0
            status.keyed, status.keyless = status.keyed + legs * chosen, status.keyless + legs * (not chosen)

    @property
    def keyless_warnings(self) -> tuple[str, ...]:
        """That many requests have no key, where the same users should meet matching versions on several routes."""
        keyed, keyless, sticky = self.status.keyed, self.status.keyless, self.section.sticky
        if sticky is None or keyless < MIN_KEYLESS or keyless <= MAX_KEYLESS_PART * (keyed + keyless):
            return ()
        part = keyless / (keyed + keyless)
        why = f"no key at {sticky.source}:{sticky.name} that can be read, or met an ejection"
        return (f"{part:.0%} of {keyed + keyless:,} requests had {why}: they met the primary, and are no evidence",)

    @property
    def judged_role(self) -> str:
        """The role that the stage in force gives the candidates; "" without a stage."""
        stage = self.situation.stage
        return "" if stage is None else "canary" if stage.canary else "shadow"

    def awaits_legs(self, oldest: float | None, now: float) -> bool:
        """Whether the stage in force has its requests and its duration, but legs of candidates are under way that began
        before: what hangs ends last, so those that have ended speak too well of it. `oldest`: when the first of them
        began. Limits of time end what is silent; what is still under way then is sending, and is not waited for."""
        stage, status, timeouts = self.situation.stage, self.status, self.section.timeouts
        if stage is None or status.legs < stage.requests or now - self.state.stage_since < stage.duration:
            return False
        if status.full_since is None:
            status.full_since = now
        patience = timeouts.response + timeouts.idle + SWEEP_SECONDS
        return oldest is not None and oldest < status.full_since and now < status.full_since + patience


def live_split(route: RouteControl) -> dict[str, float]:
    """Live traffic in percent, the primary's first, the baseline's last."""
    beside = {route.baseline.version: route.baseline.percent} if route.baseline else {}
    split = route.situation.split | beside
    return {route.state.primary: 100.0 - sum(split.values()), **split}


def followed(
    known: RouteControl | None, section: RouteSettings, state: RouteState, warnings: tuple[str, ...], now: float
) -> RouteControl:
    """A route under a section; what was gathered goes on with it. Evidence begins anew where another scorecard holds,
    or bodies are read otherwise, as `Board.watch` says."""
    if known is None:
        return RouteControl(section, state, RouteStatus(warnings=warnings))
    made = RouteControl(section, state, replace(known.status, warnings=warnings))
    stay = made.situation.candidates
    if stay and stay == known.situation.candidates and _judged_by(made) != _judged_by(known):
        made.status.anew = now
    return made


def _judged_by(route: RouteControl) -> tuple[object, ...]:
    return route.state.primary, route.guard, route.section.reading, route.baseline
