"""A trial: the configuration of one route, cut down to one candidate that gets a copy of each captured request.

1. The scorecard, `false_alarm` and the analysis are those of the route; its release says how many requests it wants
   before it may pass early: as many as the longest of its stages.
2. What has been found is told and not acted upon: there is no traffic that could be led back.
3. Times are judged only where the primary runs beside the candidate: those in the capture are of another machine.
4. What asks others (a judge of texts) or needs several arms (a baseline, an A/B test) is left out, and named.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from proxy.contracts.metrics import METRICS
from proxy.contracts.release import Verdict
from proxy.contracts.settings import Guard, Release, RouteSettings, Settings, Stage
from proxy.contracts.table import Version
from proxy.release.scorecard import MIN_OBSERVATIONS, bounds

UNTIMED = "the recorded times are of another machine; run the primary beside the candidate (--primary) to judge it"


class UnfitTrialError(Exception):
    """A route or version that cannot be tried; the message says why, and what would do."""


class Trial(Struct, frozen=True):
    """What is judged, and by what."""

    settings: Settings
    """The configuration with the route alone."""
    section: RouteSettings
    """The route as configured."""
    candidate: str
    requests: int
    """Requests before an early pass."""
    timed: bool
    """Whether times are judged."""
    unjudged: tuple[Verdict, ...] = ()
    """Lines of the scorecard that are not judged."""
    notes: tuple[str, ...] = ()
    """What else is left out, and why."""

    @property
    def route(self) -> str:
        """Name of the route."""
        return self.section.name

    def unlabelled(self) -> Trial:
        """The same on a capture without labels: no prediction is kept for one."""
        (alone,) = self.settings.routes
        alone = replace(alone, analysis=replace(alone.analysis, wait=0.0))
        return replace(self, settings=replace(self.settings, routes=(alone,)))

    @property
    def guard(self) -> Guard:
        """The scorecard in force."""
        release = self.settings.routes[0].release
        assert release is not None
        return release.guard


def trial_of(settings: Settings, route: str, candidate: Version, timed: bool) -> Trial:
    """The trial of `candidate` on `route`. Raises UnfitTrialError.

    - `timed`: the primary runs beside it
    """
    section = next((each for each in settings.routes if each.name == route), None)
    if section is None:
        known = ", ".join(each.name for each in settings.routes)
        raise UnfitTrialError(f"found the route {route}; allowed: {known}")
    if section.protocol == "opaque":
        raise UnfitTrialError(f"route {route} has protocol opaque: its bodies are not captured, and cannot be compared")
    if candidate.name == section.primary:
        primary = f"found {candidate.name} as the candidate, which is the primary of route {route}"
        raise UnfitTrialError(f"{primary}; allowed: another name, which --version gives it")
    guard = section.release.guard if section.release else section.guard
    lines = {name: limit for name, limit in guard.scorecard.items() if timed or not is_timed(name)}
    judged = replace(guard, scorecard=lines, on_breach="notify", on_identity_change="restart")
    stages = section.release.stages if section.release else ()
    requests = max((stage.requests for stage in stages), default=0) or MIN_OBSERVATIONS
    release = Release(
        candidate=candidate.name,
        strategy="shadow",
        stages=(Stage(shadow=100.0, requests=requests),),
        guard=judged,
        require=(section.release.require if section.release else None) or "proof",
    )
    analysis = replace(section.analysis, judge=None)
    alone = replace(section, release=release, analysis=analysis, split=(), shadows=(), baseline=None, group=None)
    return Trial(
        replace(settings, versions=settings.versions | {candidate.name: candidate}, routes=(alone,)),
        section, candidate.name, requests, timed, () if timed else _unjudged(guard, candidate.name), _notes(section),
    )  # fmt: skip


def is_timed(metric: str) -> bool:
    """Whether a line of a scorecard is about times."""
    return METRICS[metric].unit == "seconds"


def _unjudged(guard: Guard, version: str) -> tuple[Verdict, ...]:
    return tuple(
        Verdict(metric, "undecided", None, limit, 0, 0, f"{metric}: not judged: {UNTIMED}", version=version,
                bound=name, moot=True)
        for metric, name, limit in bounds(guard) if is_timed(metric)
    )  # fmt: skip


def _notes(section: RouteSettings) -> tuple[str, ...]:
    told = {
        "nobody is asked about texts that differ: analysis.judge is not part of a replay": section.analysis.judge,
        f"release {section.group.name if section.group else ''} is over several routes: this is {section.name} alone": (
            section.group
        ),
        "the candidate is compared with the primary, not with the route's baseline": section.baseline,
    }
    return tuple(sentence for sentence, there in told.items() if there is not None)


def default_candidate(section: RouteSettings) -> str:
    """The version that a route is about to try: of its release, else the one that it splits or mirrors to; `candidate`
    where that is none, or several."""
    if section.release is not None:
        return section.release.candidate
    named = dict.fromkeys(share.version for share in (*section.split, *section.shadows))
    others = [version for version in named if version != section.primary]
    return others[0] if len(others) == 1 else "candidate"
