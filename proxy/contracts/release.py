"""Phases, verdicts and the live state of a route."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from proxy.contracts.settings import Guard, Release

Phase = Literal["steady", "shadowing", "ramping", "paused", "promoted", "rolled_back"]
Outcome = Literal["pass", "fail", "undecided"]


class Verdict(Struct, frozen=True):
    """What the scorecard says of one metric (or, with metric `scorecard`, of all).

    `sentence` carries both numbers, n and what was lost; `needed` is about how many more canary requests of those that
    the metric counts (all, analysed, labelled) it would take at the present rate, None where that cannot be said.
    `bound` names the limit (`max`, `max_ratio`, …), `value` is what was held against it (the ratio for `max_ratio`),
    `log_breach` the logarithm of the evidence against it. `proved`: passed by evidence, not only for want of evidence
    against it. `shadow`, `n_shadow`: what `n_shadow` copies said, where `n` counts live requests alone.
    """

    metric: str
    outcome: Outcome
    value: float | None
    limit: float | None
    n: int
    lost: int
    sentence: str
    needed: int | None = None
    version: str = ""
    bound: str = ""
    reference: float | None = None
    log_breach: float = 0.0
    proved: bool = False
    shadow: float | None = None
    n_shadow: int = 0


class RouteState(Struct, frozen=True):
    """The live state of a route: what the store keeps and the table is derived from.

    `split` (without the primary) and `shadows` are percents set by the configuration or by hand. `candidate` is the
    version under judgement. `previous` is the primary before the last promote. `rolled_back` versions get live
    traffic again only by an explicit change. `release` is the plan in force, or the last one: during it the weight
    follows from plan, stage and phase, and is stored nowhere else. `basis` is the digest of the configured section
    that this state grew from: a changed section wins over a live state, an unchanged one does not. `after` is the
    guard of a promoted version until `until` (Unix time): absolute limits, made from the figures of the primary before.
    """

    route: str
    phase: Phase
    primary: str
    split: dict[str, float] = {}
    shadows: dict[str, float] = {}
    candidate: str | None = None
    stage: int = 0
    stage_since: float = 0.0
    previous: str | None = None
    rolled_back: tuple[str, ...] = ()
    reason: str = ""
    since: float = 0.0
    basis: str = ""
    paused_from: Phase | None = None
    release: Release | None = None
    after: Guard | None = None
    until: float = 0.0
