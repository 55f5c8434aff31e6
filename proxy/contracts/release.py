"""Phases, verdicts and the live state of a route."""

from __future__ import annotations

from typing import Literal, get_args

from msgspec import Struct

from proxy.contracts.settings import Guard, Release

Phase = Literal["steady", "shadowing", "ramping", "paused", "promoted", "rolled_back"]
PHASES: tuple[Phase, ...] = get_args(Phase)
Outcome = Literal["pass", "fail", "undecided"]


class Verdict(Struct, frozen=True):
    """The judgement of the scorecard on one metric, or on all of them (metric `scorecard`)."""

    metric: str
    outcome: Outcome
    value: float | None
    """Number that is held against the limit: for `max_ratio` the ratio, infinite where only the primary's figure is 0;
    None without data, and where both are 0."""
    limit: float | None
    n: int
    """Observations of the candidate."""
    lost: int
    """Observations that are missing from `n`."""
    sentence: str
    """The judgement in words, with both numbers, n and losses."""
    needed: int | None = None
    """Further canary requests for a decision at the present rate, counted as the metric counts them (all, analysed,
    labelled); None: unknown."""
    version: str = ""
    """The candidate."""
    bound: str = ""
    """Name of the limit: `max`, `max_ratio`, …"""
    reference: float | None = None
    """The primary's figure."""
    log_breach: float = 0.0
    """Natural logarithm of the evidence against the candidate."""
    proved: bool = False
    """A pass by evidence, rather than for want of evidence against the candidate."""
    shadow: float | None = None
    """The figure of the copies, where `n` counts live requests alone."""
    n_shadow: int = 0
    """Copies that `shadow` rests on."""
    moot: bool = False
    """Whether the line can have no data at present, so that nothing waits for it."""
    aim: bool = False
    """Whether the line is what an A/B test has to prove, and no limit: it never fails."""
    assumed: bool = False
    """Whether nobody asked for the line, and it is part of the scorecard all the same."""
    route: str = ""
    """The route that the figures are of, in a release over several; "": of the one that is asked about."""
    own: float | None = None
    """The candidate's figure, whatever of it is held against the limit."""
    n_reference: int = 0
    """Observations that `reference` rests on."""

    @property
    def counts(self) -> bool:
        """Whether a verdict on all lines is made of it, and so waits for it: not where it is moot, nor where nobody
        asked for it and nothing came."""
        return not self.moot and (self.n > 0 or self.lost > 0 or not self.assumed)


class RouteState(Struct, frozen=True):
    """The live state of a route: the store keeps it, and the table is derived from it.

    During a release the weights follow from `release`, `stage` and `phase`; they are stored nowhere else.
    """

    route: str
    phase: Phase
    primary: str
    split: dict[str, float] = {}
    """Percents of live traffic by version, without the primary, set by the configuration or by hand."""
    shadows: dict[str, float] = {}
    """Percents of copies by version, likewise."""
    candidate: str | None = None
    """Version under judgement."""
    left: tuple[str, ...] = ()
    """Arms that have left the A/B test of `release`; the primary has their shares, and no other user moves."""
    stage: int = 0
    """Index of the stage of the release."""
    stage_since: float = 0.0
    """Unix time at which the stage began."""
    previous: str | None = None
    """Primary before the last promote."""
    rolled_back: tuple[str, ...] = ()
    """Versions that get live traffic again only by an explicit change."""
    reason: str = ""
    """Reason of the last change."""
    since: float = 0.0
    """Unix time of the last change of phase."""
    basis: str = ""
    """Digest of the configured section that this state grew from. A changed section wins over a live state."""
    paused_from: Phase | None = None
    """Phase to which a resume leads."""
    release: Release | None = None
    """Release in force, or the last one."""
    after: Guard | None = None
    """Guard of a promoted version: absolute limits, made from the figures of the previous primary."""
    until: float = 0.0
    """Unix time at which `after` ends."""
    baseline_fault: str = ""
    """Why the route's baseline gets no traffic any more; "": it was not found broken."""
