"""The sections about releases: scorecard, guard, stages, strategy.

Which limits a line of a scorecard may have stands in its metric's row (`contracts.metrics`), which stages a strategy
takes in its own (`contracts.strategies`); the rules between keys are those of `release.validation`.
"""

from __future__ import annotations

from msgspec.structs import replace

from proxy.config import values
from proxy.config.section import Section
from proxy.config.values import Parser
from proxy.contracts.metrics import METRICS, LimitName, Metric, Unit
from proxy.contracts.settings import ASSUMED, Guard, Limit, OnBreach, OnIdentityChange, Release, Require, Stage
from proxy.contracts.strategies import MAX_STAGE_REQUESTS, STRATEGIES, Strategy, StrategyRow
from proxy.contracts.table import OIP_SERVICE, Protocol
from proxy.release.validation import FED, never_fed, validate

_LOSS = values.Number(0, 1e12)
_IN_UNIT: dict[Unit, Parser] = {
    "fraction": values.fraction,
    "seconds": values.duration,
    "tokens": values.Number(1, 1e6),
    "currency": values.Number(0, 1e4, above=True),
    "psi": values.ratio,
    "nats": _LOSS,
    "label": _LOSS,
}
"""Unit of a metric to the parser of a limit in that unit."""


def _parser(metric: Metric, limit: LimitName) -> Parser:
    if limit == "max_increase":
        return values.probability
    return values.ratio if limit == "max_ratio" else _IN_UNIT[metric.unit]


PARSERS: dict[str, dict[str, Parser]] = {
    metric.name: {limit: _parser(metric, limit) for limit in metric.limits} for metric in METRICS.values()
}
"""Metric to the limits that it can be held to, each with its parser."""

_STAGE: dict[str, Parser] = {
    "shadow": values.percent,
    "canary": values.percent,
    "requests": values.Whole(1, MAX_STAGE_REQUESTS),
    "duration": values.span,
}

_TEST: dict[str, Parser] = {"min_gain": values.Number(0, 0.99), "false_winner": values.probability}
"""What the arms of an A/B test have to prove."""

_GUARD: dict[str, Parser] = {
    "false_alarm": values.probability,
    "on_breach": values.one_of(OnBreach),
    "warm_up": values.Whole(0, 10**9),
    "on_identity_change": values.one_of(OnIdentityChange),
}


def read_guard(section: Section, base: Guard | None = None) -> Guard:
    """`scorecard`, `false_alarm`, `on_breach`, `warm_up` and `on_identity_change` of a route or release; what is absent
    is as in `base`."""
    given = section.fields(_GUARD)
    if "scorecard" in section:
        given["scorecard"] = _scorecard(section.section("scorecard"))
    return replace(base or Guard(), **given)


def refuse_unfed(route: Section, protocol: Protocol, reading: Protocol) -> None:
    """Refuses lines of the route's scorecards that its protocol can never feed: verdicts on them would stay undecided
    for ever. `reading`: the protocol by which its bodies are read."""
    named = protocol if reading == protocol else f"{protocol} of a service other than {OIP_SERVICE}"
    release = route.tree.get("release")
    for place, holder in (("", route.tree), ("release.", release if isinstance(release, dict) else {})):
        lines = holder.get("scorecard")
        for name, line in lines.items() if isinstance(lines, dict) else ():
            if line != "off" and name in METRICS and never_fed(name, reading):
                found = f"a line that protocol {named} never feeds"
                route.refuse(f"{place}scorecard.{name}", found, FED, endless=True)


def _scorecard(section: Section) -> dict[str, Limit]:
    """The lines of a scorecard, and the assumed ones that it does not name."""
    lines = _lines(section)
    assumed = {metric: limit for metric, limit in ASSUMED.items() if metric not in section}
    if not section.tree or not (lines or assumed):
        section.refuse("", "no line", "at least one metric with a limit, such as error_rate: {max_ratio: 1.5}")
    return lines | assumed


def own_lines(section: Section, common: dict[str, Limit]) -> dict[str, Limit]:
    """The scorecard of one route of a release over several: the `common` lines, with what it says otherwise."""
    own = _lines(section)
    if not section.tree:
        section.refuse("", "no line", "at least one metric with a limit, such as error_rate: {max_ratio: 1.5}")
    return {metric: limit for metric, limit in common.items() if metric not in section} | own


def _lines(section: Section) -> dict[str, Limit]:
    """The lines that a section names."""
    lines: dict[str, Limit] = {}
    for metric, parsers in PARSERS.items():
        line = _line(section, metric)
        limits = line.fields(parsers) if line else {}
        if line:
            line.finish()
        if line and metric in section:
            lines[metric] = Limit(**limits)
            if not line.tree and not section.refused(metric):
                line.refuse("", "no limit", " | ".join(parsers))
    section.finish()
    return lines


def _line(section: Section, metric: str) -> Section | None:
    """The mapping of a line; None where an assumed line is turned off, or cannot be read."""
    if metric not in ASSUMED:
        return section.section(metric)
    line = section.choice(metric, {"off": None})
    return line if metric in section else None


def read_release(route: Section, version: Parser, primary: str, guard: Guard) -> Release | None:
    """The release of a route, or None when there is none."""
    section = route.section("release")
    if "release" not in route:
        return None
    row = read_strategy(section)
    arms = _arms(section, version) if row.arms else {}
    candidate = next(iter(arms), "") if row.arms else section.take("candidate", version, "", required=True)
    release = read_course(section, row, candidate, arms, guard)
    section.finish()
    for problem in validate(release, primary):
        # A value that could not be read was replaced: the rule that its fallback breaks is no second mistake.
        if not section.refused(problem.path):
            section.refuse(problem.path, problem.found, problem.allowed, problem.endless)
    return release


def read_strategy(section: Section) -> StrategyRow:
    """The row of the strategy of a release."""
    strategy: Strategy = section.take("strategy", values.one_of(Strategy), "canary", required=True)
    return STRATEGIES[strategy]


def read_course(section: Section, row: StrategyRow, candidate: str, arms: dict[str, float], guard: Guard) -> Release:
    """What a release says beside whom it brings to primary: its stages, its guard, its end."""
    return Release(
        candidate=candidate,
        strategy=row.name,
        stages=(_test(section, arms),) if row.arms else tuple(map(_stage, section.items("stages"))),
        guard=read_guard(section, guard),
        accept_risk=section.take("accept_risk", values.truth, False),
        arms=arms,
        promote_winner=section.take("promote_winner", values.truth, False),
        require=section.take("require", values.one_of(Require), None),
        rollback_window=section.take("rollback_window", values.span, row.window or 0.0),
        **(section.fields(_TEST) if row.arms else {}),
    )


def _arms(release: Section, version: Parser) -> dict[str, float]:
    """The arms of an A/B test besides the primary; either `arms`, or `candidate` with half of the traffic."""
    arms: dict[str, float] = release.pairs("arms", version, values.percent)
    if "arms" in release:
        return arms
    candidate = release.take("candidate", version, "", required=True)
    return {candidate: 50.0}


def _test(release: Section, arms: dict[str, float]) -> Stage:
    """An A/B test is one stage: its arms never move while it runs."""
    given = release.fields({"requests": _STAGE["requests"], "duration": _STAGE["duration"]})
    return Stage(canary=sum(arms.values()) or 1.0, **given)


def _stage(section: Section) -> Stage:
    given = section.fields(_STAGE)
    section.finish()
    return Stage(**given)
