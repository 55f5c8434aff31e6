"""The sections about releases: scorecard, guard, stages, strategy.

The table `METRICS` says which limits each line of a scorecard may have, `PLANS` what stages each strategy takes.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from proxy.config import values
from proxy.config.section import Section
from proxy.config.values import Parser
from proxy.contracts.settings import Guard, Limit, OnBreach, Release, Stage, Strategy

_RATE: dict[str, Parser] = {"max": values.fraction, "max_ratio": values.ratio}
_TIME: dict[str, Parser] = {"max": values.duration, "max_ratio": values.ratio}
_DRIFT: dict[str, Parser] = {"max_psi": values.ratio}
_SCORE: dict[str, Parser] = {"min": values.fraction, "max_drop": values.fraction}
_LOSS: dict[str, Parser] = {"max": values.Number(0, 1e12), "max_ratio": values.ratio}

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


_WINDOW = 600.0
"""Ten minutes after a switch of all traffic at once: most breakage shows in the first of them."""


class Plan(Struct, frozen=True):
    """What stages a strategy takes: `shares` are the keys a stage may have, `needed` whether there must be one.
    `window`: seconds after the switch in which a breach leads back, unless the file says otherwise."""

    shares: tuple[str, ...]
    needed: bool = False
    window: float = 0.0


PLANS: dict[Strategy, Plan] = {
    "shadow": Plan(("shadow",)),
    "canary": Plan(("shadow", "canary"), needed=True),
    "ab-test": Plan(()),
    "blue-green": Plan(("shadow", "canary"), window=_WINDOW),
    "big-bang": Plan((), window=_WINDOW),
}

_STAGE: dict[str, Parser] = {
    "shadow": values.percent,
    "canary": values.percent,
    "requests": values.Whole(1, 10**12),
    "duration": values.span,
}

_GUARD: dict[str, Parser] = {
    "false_alarm": values.probability,
    "on_breach": values.one_of(OnBreach),
    "warm_up": values.Whole(0, 10**9),
}


def read_guard(section: Section, base: Guard | None = None) -> Guard:
    """`scorecard`, `false_alarm`, `on_breach` and `warm_up` of a route or release; what is absent is as in `base`."""
    given = section.fields(_GUARD)
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
    arms = _arms(section, strategy, version, primary)
    release = Release(
        candidate=next(iter(arms), "") if arms else section.take("candidate", version, "", required=True),
        strategy=strategy,
        stages=(_test(section, arms),) if strategy == "ab-test" else _stages(section, PLANS[strategy]),
        guard=read_guard(section, guard),
        accept_risk=section.take("accept_risk", values.truth, False),
        arms=arms,
        promote_winner=section.take("promote_winner", values.truth, False),
        rollback_window=section.take("rollback_window", values.span, PLANS[strategy].window),
    )
    section.finish()
    _check(section, release, primary)
    return release


def _check(section: Section, release: Release, primary: str) -> None:
    if release.candidate and release.candidate == primary:
        section.refuse("arms" if release.arms else "candidate", repr(primary), "another version than the primary")
    if release.strategy == "big-bang" and not release.accept_risk:
        section.refuse("accept_risk", "nothing", "true: big-bang gives the candidate all traffic at once")
    if release.promote_winner and release.strategy != "ab-test":
        section.refuse(
            "promote_winner", "true", "only with strategy ab-test; the others promote by themselves or never"
        )
    if release.strategy == "shadow" and release.rollback_window:
        section.refuse("rollback_window", f"{release.rollback_window:g}s", "no window: strategy shadow never switches")


def _arms(release: Section, strategy: Strategy, version: Parser, primary: str) -> dict[str, float]:
    """The arms of an A/B test besides the primary; either `arms`, or `candidate` with half of the traffic."""
    if strategy != "ab-test":
        return {}
    arms: dict[str, float] = release.pairs("arms", version, values.percent)
    if "arms" not in release:
        candidate = release.take("candidate", version, "", required=True)
        return {candidate: 50.0}
    if not 0.0 < sum(arms.values()) <= 100.0 or min(arms.values()) <= 0.0 or primary in arms:
        release.refuse(
            "arms", "percents that cannot be", "versions besides the primary, each above 0, at most 100 in all"
        )
    return arms


def _test(release: Section, arms: dict[str, float]) -> Stage:
    """An A/B test is one stage: its arms never move while it runs."""
    given = release.fields({"requests": _STAGE["requests"], "duration": _STAGE["duration"]})
    return Stage(canary=sum(arms.values()) or 1.0, **given)


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
