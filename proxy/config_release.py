"""The sections about releases: scorecard, guard, stages, strategy.

The table `METRICS` says which limits each line of a scorecard may have, `PLANS` what stages each strategy takes.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from proxy import config_values as values
from proxy.config_reader import Section
from proxy.config_values import Parser
from proxy.contracts.settings import Guard, Limit, OnBreach, Release, Stage, Strategy

_RATE: dict[str, Parser] = {"max": values.fraction, "max_ratio": values.ratio}
_TIME: dict[str, Parser] = {"max": values.duration, "max_ratio": values.ratio}
_DRIFT: dict[str, Parser] = {"max_psi": values.ratio}
_SCORE: dict[str, Parser] = {"min": values.fraction, "max_drop": values.fraction}
_LOSS: dict[str, Parser] = {"max": values.number(0, 1e12), "max_ratio": values.ratio}

METRICS: dict[str, dict[str, Parser]] = {
    "error_rate": _RATE,
    "latency": {"max_ratio": values.ratio},
    "latency_p50": _TIME,
    "latency_p90": _TIME,
    "latency_p95": _TIME,
    "latency_p99": _TIME,
    "time_to_first_token": _TIME,
    "disagreement": {"max": values.fraction},
    "input_drift": _DRIFT,
    "prediction_drift": _DRIFT,
    "contract_violations": _RATE,
    "accuracy": _SCORE,
    "f1": _SCORE,
    "auroc": _SCORE,
    "log_loss": _LOSS,
    "mae": _LOSS,
    "rmse": _LOSS,
}
"""Metric to the limits that it can be held to: rates and scores are 0 to 1, times are durations."""


class Plan(Struct, frozen=True):
    """What stages a strategy takes: `shares` are the keys a stage may have, `needed` whether there must be one."""

    shares: tuple[str, ...]
    needed: bool = False


PLANS: dict[Strategy, Plan] = {
    "shadow": Plan(("shadow",)),
    "canary": Plan(("shadow", "canary"), needed=True),
    "ab-test": Plan(("shadow", "canary"), needed=True),
    "blue-green": Plan(("shadow", "canary")),
    "big-bang": Plan(()),
}

_STAGE: dict[str, Parser] = {
    "shadow": values.percent,
    "canary": values.percent,
    "requests": values.whole(1, 10**12),
    "duration": values.duration,
}


def read_guard(section: Section, base: Guard | None = None) -> Guard:
    """`scorecard`, `false_alarm` and `on_breach` of a route or release; what is absent is as in `base`."""
    given = section.fields({"false_alarm": values.probability, "on_breach": values.one_of(OnBreach)})
    if "scorecard" in section:
        given["scorecard"] = _scorecard(section.section("scorecard"))
    return replace(base or Guard(), **given)


def _scorecard(section: Section) -> dict[str, Limit]:
    lines: dict[str, Limit] = {}
    for metric, parsers in METRICS.items():
        line = section.section(metric)
        limits = line.fields(parsers)
        line.finish()
        if metric in section:
            lines[metric] = Limit(**limits)
            if not line.tree:
                line.refuse("", "no limit", " | ".join(parsers))
    section.finish()
    if not section.tree:
        section.refuse("", "no line", "at least one metric with a limit, such as error_rate: {max_ratio: 1.5}")
    return lines


def read_release(route: Section, version: Parser, primary: str, guard: Guard) -> Release | None:
    """The release of a route, or None when there is none."""
    section = route.section("release")
    if "release" not in route:
        return None
    strategy: Strategy = section.take("strategy", values.one_of(Strategy), "canary", required=True)
    release = Release(
        candidate=section.take("candidate", version, "", required=True),
        strategy=strategy,
        stages=_stages(section, PLANS[strategy]),
        guard=read_guard(section, guard),
        accept_risk=section.take("accept_risk", values.truth, False),
    )
    section.finish()
    if release.candidate and release.candidate == primary:
        section.refuse("candidate", repr(primary), "another version than the primary")
    if strategy == "big-bang" and not release.accept_risk:
        section.refuse("accept_risk", "nothing", "true: big-bang gives the candidate all traffic at once")
    return release


def _stages(release: Section, plan: Plan) -> tuple[Stage, ...]:
    stages = tuple(_stage(section, plan) for section in release.items("stages"))
    if plan.needed and not stages:
        release.refuse("stages", "no stage", "at least one, such as {canary: 5, requests: 500}")
    return stages


def _stage(section: Section, plan: Plan) -> Stage:
    given = section.fields(_STAGE)
    section.finish()
    for share in {"shadow", "canary"} & set(section.tree) - set(plan.shares):
        section.refuse(share, "a share that this strategy does not take", " | ".join(plan.shares) or "no stages at all")
    if not {"shadow", "canary"} & set(section.tree):
        section.refuse("", "a stage without a share", "shadow: <percent> or canary: <percent>")
    if not {"requests", "duration"} & set(section.tree):
        section.refuse("", "a stage without an end", "requests: <number>, duration: <time> or both")
    return Stage(**given)
