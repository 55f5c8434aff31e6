"""The rules of a release, written once. The configuration's reader and the admin API both ask `validate`; each of them
says a problem in its own words for places, and refuses in its own way.

A release that can never end is a mistake: a line that nothing feeds, a primary without traffic to be compared with, a
proof that no line has. `never_ends` has these rules; they are asked again when an older release is started anew.

What a strategy allows stands in its row (`contracts.strategies`); what a single value may be is the business of whoever
reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec.structs import replace

from proxy.contracts.metrics import METRICS
from proxy.contracts.price import Price
from proxy.contracts.settings import Guard, Problem, Release, Stage
from proxy.contracts.strategies import STRATEGIES, StrategyRow
from proxy.contracts.table import Protocol
from proxy.release.limits import AGAINST_PRIMARY
from proxy.release.scorecard import MIN_OBSERVATIONS, bounds, enough, has_margin

Rule = Callable[[Release, StrategyRow, str], Iterator[Problem]]


def validate(release: Release, primary: str, protocol: Protocol | None = None) -> tuple[Problem, ...]:
    """Every mistake of `release` on a route whose primary is `primary`; paths are within the release (`stages[0]`).

    - `protocol`: that of the route; None where whoever asks looks for lines that it never feeds by itself
    """
    row = STRATEGIES[release.strategy]
    found = tuple(problem for rule in RULES for problem in rule(release, row, primary))
    return (*found, *never_ends(release, protocol))


def never_ends(release: Release, protocol: Protocol | None) -> tuple[Problem, ...]:
    """The reasons why `release` could never end, if there are any."""
    row = STRATEGIES[release.strategy]
    found = [problem for rule in ENDLESS for problem in rule(release, row, "")]
    unfed = [metric for metric in release.guard.scorecard if protocol and metric not in release.guard.assumed]
    lines = [(metric, why) for metric in unfed if protocol and (why := never_fed(metric, protocol))]
    unfed_lines = (Problem(f"scorecard.{metric}", why, FED) for metric, why in lines)
    return tuple(replace(problem, endless=True) for problem in (*found, *unfed_lines))


FED = "a protocol whose bodies are read, or lines about statuses and latency"
_STREAMLESS: frozenset[Protocol] = frozenset(("kserve-v1", "mlflow"))
"""Protocols without streams."""
_WORDLESS: frozenset[Protocol] = frozenset(("kserve-v1",))
"""Protocols without language models."""


_OF_WORDS = ("output_tokens", "time_per_output_token", "tokens_per_second", "cost")
"""Metrics of their answers."""


def never_fed(metric: str, protocol: Protocol) -> str:
    """Why a protocol can never feed a line on `metric`; "" where it can."""
    opaque = protocol == "opaque" and METRICS[metric].source != "ticks"
    streamless = protocol in _STREAMLESS and metric == "time_to_first_token"
    wordless = protocol in _WORDLESS and metric in _OF_WORDS
    return f"a line that protocol {protocol} never feeds" if opaque or streamless or wordless else ""


def unpriced(guard: Guard, versions: Iterable[str], prices: Mapping[str, Price]) -> tuple[Problem, ...]:
    """Why a line on `cost` that compares these versions is never fed; nothing where all have prices in one currency."""
    if "cost" not in guard.scorecard:
        return ()
    named = dict.fromkeys(version for version in versions if version)
    found = [name for name in named if name not in prices]
    if found:
        allowed = f"a price of each version, such as versions.{found[0]}.price: {{input: 0.15, output: 0.6}}"
        return (Problem("scorecard.cost", f"no price of {', '.join(found)}", allowed),)
    currencies = sorted({prices[name].currency for name in named})
    if len(currencies) > 1:
        found = [f"{name} in {prices[name].currency}" for name in named]
        return (Problem("scorecard.cost", f"prices of {', '.join(found)}", "one currency"),)
    return ()


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


def _provable_winner(release: Release, row: StrategyRow, primary: str) -> Iterator[Problem]:
    if release.promote_winner and release.arms and release.subject is None:
        found = "true, and the scorecard has no line in which a gain can be proved"
        yield Problem(
            "promote_winner", found, "with a line on a rate, or on labels, such as accuracy: {max_drop: 0.02}"
        )


def _provable(release: Release, row: StrategyRow, primary: str) -> Iterator[Problem]:
    if release.require == "proof" and not any(has_margin(*bound) for bound in bounds(release.guard)):
        allowed = "with a margin of a rate, max_increase or a max_ratio above 1, or no_breach"
        yield Problem("require", "proof, and no line that has one", allowed)


def _compared(release: Release, row: StrategyRow, primary: str) -> Iterator[Problem]:
    """A candidate with all of the traffic has nobody to be compared with, and what was learnt before must do."""
    first = next(iter(release.stages), None)
    against = any(name in AGAINST_PRIMARY for _, name, _ in bounds(release.guard))
    if first is not None and against and (first.canary or 0.0) >= 100.0:
        allowed = (
            "less than 100 in all" if row.arms else "less than 100, or a stage with copies or a smaller share before"
        )
        found = "all of the traffic: nobody is left to be compared with"
        yield Problem("arms" if row.arms else "stages[0].canary", found, allowed)


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
    if not any(given.values()):
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


def _still_fed(release: Release, row: StrategyRow, primary: str) -> Iterator[Problem]:
    """A stage without copies lives on the pairs of those before it: they must ask for as many as it needs."""
    paired = [metric for metric in release.guard.scorecard if METRICS[metric].source == "pairs"]
    had = 0
    for index, stage in enumerate(release.stages if paired else ()):
        needs = enough(stage)
        if stage.shadow:
            had = max(had, MIN_OBSERVATIONS if stage.duration else needs)
        elif index and had < needs:
            found = f"no copies, where {paired[0]} needs {needs} compared answers and the stages before ask for {had}"
            yield Problem(f"stages[{index}]", found, "copies in it, or more requests in a stage with copies before it")


RULES: tuple[Rule, ...] = (_candidate, _arms, _risk, _winner, _window, _stages)
"""In the order of their problems in an answer."""

ENDLESS: tuple[Rule, ...] = (_fed, _still_fed, _compared, _provable, _provable_winner)
"""What could never end, likewise."""
