"""The rules of a release, written once. The configuration's reader and the admin API both ask `validate`; each of them
says a problem in its own words for places, and refuses in its own way.

What a strategy allows stands in its row (`contracts.strategies`); what a single value may be is the business of whoever
reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from proxy.contracts.metrics import METRICS
from proxy.contracts.settings import Problem, Release, Stage
from proxy.contracts.strategies import STRATEGIES, StrategyRow

Rule = Callable[[Release, StrategyRow, str], Iterator[Problem]]


def validate(release: Release, primary: str) -> tuple[Problem, ...]:
    """Every mistake of `release` on a route whose primary is `primary`; paths are within the release (`stages[0]`)."""
    row = STRATEGIES[release.strategy]
    return tuple(problem for rule in RULES for problem in rule(release, row, primary))


def _candidate(release: Release, row: StrategyRow, primary: str) -> Iterator[Problem]:
    if not row.arms and release.candidate == primary:
        yield Problem("candidate", repr(primary), "another version than the primary")


def _arms(release: Release, row: StrategyRow, primary: str) -> Iterator[Problem]:
    arms = release.arms
    if row.arms and (not arms or min(arms.values()) <= 0.0 or sum(arms.values()) > 100.0 or primary in arms):
        allowed = "versions besides the primary, each above 0, at most 100 in all"
        yield Problem("arms", "percents that cannot be", allowed)


def _risk(release: Release, row: StrategyRow, primary: str) -> Iterator[Problem]:
    if row.needs_risk and not release.accept_risk:
        yield Problem("accept_risk", "nothing", f"true: {row.name} gives the candidate all traffic at once")


def _winner(release: Release, row: StrategyRow, primary: str) -> Iterator[Problem]:
    if release.promote_winner and not row.arms:
        tests = ", ".join(other.name for other in STRATEGIES.values() if other.arms)
        allowed = f"only with strategy {tests}; the others promote by themselves or never"
        yield Problem("promote_winner", "true", allowed)


def _window(release: Release, row: StrategyRow, primary: str) -> Iterator[Problem]:
    if release.rollback_window and row.window is None:
        allowed = f"no window: strategy {row.name} never switches"
        yield Problem("rollback_window", f"{release.rollback_window:g}s", allowed)


def _stages(release: Release, row: StrategyRow, primary: str) -> Iterator[Problem]:
    if row.needs_stages and not release.stages:
        yield Problem("stages", "no stage", "at least one, such as {canary: 5, requests: 500}")
    for index, stage in enumerate(() if row.arms else release.stages):
        yield from _stage(stage, row, f"stages[{index}]")


def _stage(stage: Stage, row: StrategyRow, path: str) -> Iterator[Problem]:
    given = {"shadow": stage.shadow, "canary": stage.canary}
    for name, percent in given.items():
        if percent is not None and name not in row.traffic:
            allowed = " | ".join(row.traffic) or "no stages at all"
            yield Problem(f"{path}.{name}", "a share that this strategy does not take", allowed)
    if all(percent is None for percent in given.values()):
        yield Problem(path, "a stage without a share", "shadow: <percent> or canary: <percent>")
    if not stage.requests and not stage.duration:
        yield Problem(path, "a stage without an end", "requests: <number>, duration: <time> or both")


def _fed(release: Release, row: StrategyRow, primary: str) -> Iterator[Problem]:
    """A line on pairs needs copies: before any were made, a stage that waits for its verdict never ends."""
    first = next(iter(release.stages), None)
    if first is None or first.shadow:
        return
    for metric in release.guard.scorecard:
        if METRICS[metric].source == "pairs":
            found = "a line that nothing feeds: the first stage makes no copies, so it would never end"
            allowed = "a first stage with copies, such as {shadow: 100, requests: 500}, or no such line"
            yield Problem(f"scorecard.{metric}", found, allowed)


RULES: tuple[Rule, ...] = (_candidate, _arms, _risk, _winner, _window, _stages, _fed)
"""In the order of their problems in an answer."""
