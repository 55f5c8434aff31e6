"""The baseline of a route: an instance of the primary's model that gets the candidate's share of the live traffic, and
is compared in place of the whole primary. An arm with a tenth of the traffic is slower by itself.

1. It has traffic only while a candidate has: never in phases that leave all to the primary.
2. Without a percent of its own it follows the candidate, of several the one with most traffic. It never gets more than
   the primary keeps: the baseline itself is judged against the primary, and a rollback must not meet an idle one.
3. It stands beside the primary that the section names, and beside no other: it is of that one's model.
4. A broken baseline leaves (`judged_by`, `decide.on_baseline`), so that it makes no bad candidate look good: the
   candidate is then compared with the primary again. It comes back with a split or release by hand, or with a changed
   section.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from proxy.contracts.metrics import METRICS, Metric
from proxy.contracts.release import RouteState, Verdict
from proxy.contracts.settings import Baseline, Guard, Limit, Problem, Release, RouteSettings
from proxy.contracts.table import Share
from proxy.release import transitions
from proxy.release.limits import AGAINST_PRIMARY
from proxy.release.scorecard import overall

MAX_LATENCY_RATIO = 3.0
"""Times the primary's latency from which a baseline counts as broken. A tenth of the traffic alone makes an arm up to
about half slower (41 % at the median, measured on a busy machine); three times is no matter of the share, and would
hide a candidate as slow."""

MAX_SILENT_LEGS = 100.0
"""Legs in a row that a baseline is due and does not have, so that it is taken for silent."""

_WHOLE = 100.0 - 1e-9
"""Percent; sums of floats may be less than 100 by a rounding error."""


def in_force(section: RouteSettings, state: RouteState) -> Share | None:
    """The baseline of a route and its percent of the live traffic; None: it has none now."""
    baseline = section.baseline
    if baseline is None or why_idle(section, state):
        return None
    percent = percent_beside(baseline, transitions.weights(state)[0])
    return Share(baseline.version, percent) if percent > 0 else None


def why_idle(section: RouteSettings, state: RouteState) -> str:
    """Why the configured baseline has no traffic, though a candidate may have; "": nothing keeps it from its part."""
    baseline = section.baseline
    if baseline is None:
        return ""
    if state.primary != section.primary:
        return f"{baseline.version} is of the model of {section.primary}, and the primary is {state.primary}"
    return state.baseline_fault


def percent_beside(baseline: Baseline, split: Mapping[str, float]) -> float:
    """The baseline's percent of the live traffic beside a split (without the primary)."""
    largest, left = max(split.values(), default=0.0), 100.0 - sum(split.values())
    if largest <= 0.0:
        return 0.0
    if baseline.percent is not None:
        return max(min(baseline.percent, left), 0.0)
    return max(min(largest, left / 2.0), 0.0)


def judged_by(guard: Guard) -> Guard:
    """The guard of a baseline against its primary: the lines that compare a candidate with it, no stricter than
    equality, and latency by a margin that no share explains."""
    lines = {metric: limit for metric, given in guard.scorecard.items() if (limit := _own(METRICS[metric], given))}
    return replace(guard, scorecard=lines)


def _own(metric: Metric, limit: Limit) -> Limit | None:
    ratio = limit.max_ratio
    if ratio is not None:
        ratio = max(ratio, MAX_LATENCY_RATIO if metric.kind in ("distribution", "quantile") else 1.0)
    own = Limit(max_ratio=ratio, max_increase=limit.max_increase, max_drop=limit.max_drop)
    return None if own == Limit() else own


def hold_back(verdicts: tuple[Verdict, ...], own: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """A candidate's verdicts by a baseline, whose `own` are these: nothing passes by an arm that is not known to be
    sound itself."""
    total = overall(own)
    doubt = next((verdict for verdict in own if verdict.outcome == total.outcome != "pass"), None)
    if doubt is None:
        return verdicts
    why = f"its baseline {doubt.version} is not known to be sound: {doubt.sentence}"
    return tuple(
        replace(each, outcome="undecided", proved=False, sentence=f"{each.sentence}, but {why}", needed=doubt.needed)
        if each.outcome == "pass" and each.bound in AGAINST_PRIMARY
        else each
        for each in verdicts
    )


def problems(section: RouteSettings) -> tuple[Problem, ...]:
    """Every mistake of a configured baseline; none where there is no baseline."""
    baseline, release = section.baseline, section.release
    if baseline is None:
        return ()
    split = {share.version: share.percent for share in section.split}
    shadows = [share.version for share in section.shadows]
    guard = release.guard if release else section.guard
    return (
        *_names(baseline, section.primary, split, shadows, release),
        *_percents(baseline, split, release),
        *_purpose(split, release, guard),
    )


def refusals(section: RouteSettings, state: RouteState) -> tuple[Problem, ...]:
    """Why a state that somebody asks for cannot stand beside the route's baseline."""
    baseline = section.baseline
    if baseline is None:
        return ()
    release = state.release if transitions.releasing(state) else None
    named = _names(baseline, state.primary, state.split, state.shadows, release)
    return (*named, *_percents(baseline, state.split, release))


def _names(
    baseline: Baseline, primary: str, split: Mapping[str, float], shadows: Iterable[str], release: Release | None
) -> Iterator[Problem]:
    candidates = {*split, *((release.candidate, *release.arms) if release else ())}
    for role, versions in (("primary", {primary}), ("candidate", candidates), ("shadow", {*shadows})):
        if baseline.version in versions:
            allowed = (
                f"another version than the {role}: a second instance of the primary's model, at an address of its own"
            )
            yield Problem("baseline.version", repr(baseline.version), allowed)


def _percents(baseline: Baseline, split: Mapping[str, float], release: Release | None) -> Iterator[Problem]:
    if baseline.percent is None:
        return
    if not baseline.percent > 0:
        yield Problem("baseline.percent", "0", "above 0, or no percent: then it follows the candidate's")
    live = max(_live(split, release), default=0.0)
    if live + baseline.percent > _WHOLE:
        found = f"{baseline.percent:g} beside {live:g} percent of the candidate, which leave the primary nothing"
        below = f"below {100.0 - live:g}, or " if live < _WHOLE else ""
        yield Problem("baseline.percent", found, f"{below}no percent: then it follows the candidate's")


def _live(split: Mapping[str, float], release: Release | None) -> list[float]:
    """The candidates' percents of the live traffic, in each stage that gives them some."""
    if release is not None:
        return [stage.canary for stage in release.stages if stage.canary]
    return [sum(split.values())] if split else []


def _purpose(split: Mapping[str, float], release: Release | None, guard: Guard) -> Iterator[Problem]:
    if not split and release is None:
        yield Problem("baseline", "a baseline without a candidate", "a baseline beside canary, split or release")
    if release is not None and not _live(split, release):
        found = f"a baseline beside strategy {release.strategy} without a stage that splits live traffic"
        yield Problem("baseline", found, "a stage such as {canary: 10, requests: 1000}, or no baseline")
    if min(_live(split, release), default=0.0) > _WHOLE:
        found = "a baseline beside a candidate that gets all traffic"
        yield Problem("baseline", found, "a candidate that leaves the primary some, or no baseline")
    if not judged_by(guard).scorecard:
        found = "a baseline that no line of the scorecard compares with"
        yield Problem("baseline", found, "a line with max_ratio, max_increase or max_drop, or no baseline")
