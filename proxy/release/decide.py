"""Decisions: verdicts → the action to take. The engine carries it out, and nothing else does.

- A breach acts in every phase where a candidate can have traffic, as `on_breach` says. Of an A/B test the arm leaves
  that is to blame, and the last one with the whole test.
- A baseline that is broken leaves: it would make a bad candidate look good.
- Inputs that drifted while nothing else is wrong mean that the world changed: a notification, and no blame on the
  candidate.
- A stage ends after its requests and its duration with a pass; a paused route stays where it is.
- After the last stage the strategy's row says whether the candidate is promoted.
- Another model under the name of a version begins the evidence anew, or ends the release, as `on_identity_change` says.
  What has breached stays breached, and nobody begins anew for ever: then the evidence is kept, and that is told.
- The winner of an A/B test is better than the primary, by proof, and within all of its limits. Of several the one with
  the largest gain wins: that it is better than the primary is proved, that it is better than the others is not.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from math import inf
from typing import Literal

from msgspec import Struct

from proxy.contracts.identity import IdentityChange
from proxy.contracts.metrics import METRICS
from proxy.contracts.release import RouteState, Verdict
from proxy.contracts.settings import OnBreach, OnIdentityChange
from proxy.contracts.strategies import STRATEGIES
from proxy.release.baseline import MAX_SILENT_LEGS
from proxy.release.phases import legal
from proxy.release.scorecard import overall
from proxy.release.transitions import candidates, is_test, stage_of

Act = Literal["rollback", "leave", "drop", "pause", "notify", "advance", "promote", "settle", "restart", "keep"]

INPUT_METRICS = frozenset(metric.name for metric in METRICS.values() if metric.blames == "world")
"""Metrics of what clients send: both versions get the same inputs, so these alone never blame the candidate."""


class Action(Struct, frozen=True):
    """One action of the engine."""

    act: Act
    reason: str
    """One sentence."""
    cause: str = ""
    """The metric that decided."""
    version: str | None = None
    """The version that is blamed, or promoted."""


def on_breach(
    state: RouteState, verdicts: Iterable[Verdict], wanted: OnBreach, told: Container[str] = ()
) -> Action | None:
    """The answer to verdicts that failed; None if none did. One look takes off one arm, the next one the next.

    - `told`: breaches that were notified already, as `told_as` calls them
    """
    failed = [verdict for verdict in verdicts if verdict.outcome == "fail"]
    blamed = [verdict for verdict in failed if verdict.metric not in INPUT_METRICS]
    if not failed:
        return None
    if not blamed:
        return Action("notify", f"inputs drifted, the versions did not: {_sentences(failed)}", failed[0].metric)
    if not legal(state.phase, wanted if wanted != "notify" else "rollback"):
        wanted = "notify"
    if wanted == "notify":
        blamed = [verdict for verdict in blamed if told_as(state, verdict) not in told] or blamed
    if not is_test(state):
        return Action(wanted, _sentences(blamed), blamed[0].metric, blamed[0].version)
    first = blamed[0].version
    alone = wanted == "rollback" and candidates(state) != (first,)
    why = f"{first}: {_sentences([verdict for verdict in blamed if verdict.version == first])}"
    return Action("leave" if alone else wanted, why, blamed[0].metric, first)


def on_baseline(version: str, verdicts: Iterable[Verdict], silence: float) -> Action | None:
    """The answer to what a baseline itself is like; None while it is sound, or may be.

    - `verdicts`: its own, against the primary
    - `silence`: legs that it should have had since its last one
    """
    failed = [verdict for verdict in verdicts if verdict.outcome == "fail"]
    if not failed and silence < MAX_SILENT_LEGS:
        return None
    why = _sentences(failed) or f"it gave no data where about {silence:,.0f} requests were due"
    reason = f"baseline {version} is broken, so candidates are compared with the primary: {why}"
    return Action("drop", reason, failed[0].metric if failed else "silence", version)


def told_as(state: RouteState, about: Verdict | Action) -> str:
    """The name of a breach among those that were notified: by metric, and in an A/B test by arm."""
    metric = about.metric if isinstance(about, Verdict) else about.cause
    return f"{about.version} {metric}" if is_test(state) and about.version else metric


def on_pass(state: RouteState, verdicts: Sequence[Verdict], legs: int, now: float) -> Action | None:
    """Whether the stage in force is done: `legs` are the candidates' finished legs in it."""
    stage, release = stage_of(state), state.release
    if state.phase == "paused" or stage is None or release is None:
        return None
    if legs < stage.requests or now - state.stage_since < stage.duration:
        return None
    if release.promote_winner:
        return _winner(verdicts)
    total = overall(verdicts)
    if total.outcome != "pass":
        return None
    reason = f"stage {state.stage + 1} of {len(release.stages)} passed: {legs:,} requests, {_all_held(verdicts)}"
    if state.stage + 1 < len(release.stages):
        return Action("advance", reason)
    return Action("promote", reason) if STRATEGIES[release.strategy].promotes else None


def on_identity_change(
    state: RouteState, change: IdentityChange, verdicts: Iterable[Verdict], wanted: OnIdentityChange, may: bool
) -> Action:
    """The answer to another model under the name of a version: a candidate, the primary or its baseline.

    - `may`: whether the evidence has not begun anew too often
    """
    version, judged = change.version, candidates(state)
    own = version if version in judged else None
    what = f"another model answers as {version}: {change}"
    about = [verdict for verdict in verdicts if own is None or verdict.version == own]
    if any(v.outcome == "fail" and v.metric not in INPUT_METRICS for v in about):
        return Action("keep", f"{what}; the evidence is kept, as it had failed before", IDENTITY, version)
    if wanted == "rollback" and judged and legal(state.phase, "rollback"):
        act: Act = "leave" if own and is_test(state) and judged != (own,) else "rollback"
        return Action(act, what, IDENTITY, own)
    if not may:
        return Action("keep", f"{what}; the evidence is kept, as it has begun anew too often", IDENTITY, version)
    if wanted == "pause" and judged and legal(state.phase, "pause"):
        return Action("pause", f"{what}; the evidence begins anew", IDENTITY, version)
    return Action("restart", f"{what}; the evidence begins anew", IDENTITY, version)


def _all_held(verdicts: Sequence[Verdict]) -> str:
    """How many limits held; the lines themselves are the evidence of the change, and would fill a list of changes."""
    held = sum(verdict.outcome == "pass" and not verdict.aim for verdict in verdicts)
    return "its limit held" if held == 1 else f"all {held} limits held"


IDENTITY = "identity"
"""The cause of what follows a change of identity."""


def _winner(verdicts: Sequence[Verdict]) -> Action | None:
    """Of the arms that are better by proof, and within their limits, the one with the largest gain."""
    proved = [v for v in verdicts if v.aim and v.proved and _passes(verdicts, v)]
    if not proved:
        return None
    best = max(proved, key=lambda verdict: -inf if verdict.value is None else verdict.value)
    return Action("promote", f"{best.version} has proved itself: {best.sentence}", best.metric, best.version)


def _passes(verdicts: Sequence[Verdict], arm: Verdict) -> bool:
    """Whether an arm is within its limits, and on other routes of its release what goes with it is."""
    lines = (each for each in verdicts if each.version == arm.version or each.route != arm.route)
    return overall(lines).outcome == "pass"


def _sentences(verdicts: Iterable[Verdict]) -> str:
    return "; ".join(f"{v.route}: {v.sentence}" if v.route else v.sentence for v in verdicts)
