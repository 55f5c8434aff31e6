"""What a report says beside the verdict: outcomes, agreement, drift, distributions, times."""

from __future__ import annotations

from itertools import islice
from math import isfinite

from proxy.contracts import histogram
from proxy.contracts.outcome import Outcome, outcome_of
from proxy.contracts.replay import (
    MAX_DISTRIBUTIONS,
    MAX_WORST,
    Agreement,
    Arm,
    ArmOutcomes,
    DifferentAnswers,
    Distribution,
    FeatureDrift,
    Latencies,
)
from proxy.contracts.table import Role
from proxy.control.capture.replay import Rehearsal
from proxy.control.replay.judge import ArmTally, ReplayJudge
from proxy.control.replay.trial import Trial
from proxy.release.audit import plain
from proxy.stats.board import Board
from proxy.stats.drift.figures import Drift, FeatureShape

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "max": 1.0}

ROLES: dict[Arm, Role] = {"recorded": "primary", "primary": "primary", "candidate": "shadow"}
"""The role of an arm's legs."""


def outcomes(judge: ReplayJudge) -> tuple[ArmOutcomes, ...]:
    """The legs of each arm by outcome."""
    board, route = _board(judge), judge.trial.route
    invalid = board.content.invalid if board else {}
    return tuple(
        ArmOutcomes(
            arm, counts.version, dict(counts.outcomes), dict(counts.codes),
            {why: n for (of, version, role, why), n in invalid.items()
             if (of, version, role) == (route, counts.version, ROLES[arm])},
        )
        for arm, counts in judge.arms.items()
    )  # fmt: skip


INSTEAD: dict[Outcome, str] = {"refused": "refused", "failed": "failed"}
"""Outcomes that are told before what follows from them, such as disagreement with every answer."""


def instead(judge: ReplayJudge) -> str:
    """What the candidate did with half of the requests or more in place of answering them, as part of a sentence."""
    counts = judge.arms.get("candidate")
    if counts is None:
        return ""
    judged = counts.outcomes.total()
    for outcome, verb in INSTEAD.items():
        n = counts.outcomes[outcome]
        if n and 2 * n >= judged:
            codes = ", ".join(code for code in sorted(counts.codes) if outcome_of(code, True) == outcome)
            return f"the candidate {verb} {n:,} of {judged:,} requests ({codes})"
    return ""


def agreement(judge: ReplayJudge) -> Agreement:
    """Pairs compared, and the worst of those that disagree."""
    return _agreement(judge.rehearsal, judge.trial)


def rare(judge: ReplayJudge) -> Agreement:
    """The same of what is no evidence."""
    return _agreement(judge.rare, judge.trial)


def _agreement(rehearsal: Rehearsal | None, trial: Trial) -> Agreement:
    if rehearsal is None:
        return Agreement()
    board = rehearsal.board
    tally = board.agreement(trial.route, trial.candidate)
    noise = board.agreement(trial.route, trial.section.primary, "noise")
    worst = tuple(
        DifferentAnswers(
            each.request_id, each.kind, _finite(each.shift), plain(each.detail), each.truncated, each.row, each.comparer
        )
        for each in islice(board.examples(trial.route, trial.candidate), MAX_WORST)
    )
    return Agreement(
        tally.pairs, tally.disagreements, sum(tally.lost.values()), dict(tally.kinds),
        noise.pairs, noise.disagreements, worst,
    )  # fmt: skip


def _finite(shift: float | None) -> float | None:
    return shift if shift is not None and isfinite(shift) else None


def drift(judge: ReplayJudge) -> tuple[FeatureDrift, ...]:
    """All features, those that drifted and are furthest off first."""
    rows = _rows(judge)
    return tuple(
        FeatureDrift(row.feature, row.side, _arm(row, judge), row.version, row.psi, row.drifted, row.n) for row in rows
    )


def finding(judge: ReplayJudge) -> str:
    """Whether the world or the model changed; "" before anything is known."""
    board, trial = _board(judge), judge.trial
    found = board.findings(trial.route) if board else ()
    return next((each.sentence for each in found if each.version == trial.candidate), "")


def distributions(judge: ReplayJudge) -> tuple[Distribution, ...]:
    """The features and predictions that are furthest off, as histograms of each arm."""
    board = _board(judge)
    if board is None:
        return ()
    found: dict[tuple[str, str], Distribution] = {}
    for row in sorted(_rows(judge), key=lambda row: row.side != "prediction"):
        shape = board.shape(judge.trial.route, row)
        if shape is None:
            continue
        known = found.get((row.side, row.feature))
        if known is None:
            if len(found) == MAX_DISTRIBUTIONS:
                continue
            known = found[row.side, row.feature] = _distribution(row, shape)
        if shape.live:
            known.shares[_arm(row, judge)] = tuple(shape.live)
    return tuple(found.values())


def _distribution(row: Drift, shape: FeatureShape) -> Distribution:
    number = shape.kind == "number"
    edges, categories = (tuple(shape.edges), ()) if number else ((), tuple(shape.categories))
    return Distribution(
        row.feature, row.side, "number" if number else "category", edges, categories,
        {"reference": tuple(shape.reference)},
    )  # fmt: skip


def latencies(judge: ReplayJudge) -> tuple[Latencies, ...]:
    """Times to the last byte, by arm."""
    return tuple(_latencies(arm, counts) for arm, counts in judge.arms.items() if counts.times)


def _latencies(arm: Arm, counts: ArmTally) -> Latencies:
    n = sum(counts.times.values())
    quantiles = {name: histogram.quantile(counts.times, q) or 0.0 for name, q in QUANTILES.items()}
    return Latencies(arm, n, quantiles, counts.seconds / n)


def _board(judge: ReplayJudge) -> Board | None:
    return judge.rehearsal.board if judge.rehearsal else None


def _rows(judge: ReplayJudge) -> list[Drift]:
    board = _board(judge)
    rows = board.drift(judge.trial.route) if board else []
    return sorted(rows, key=lambda row: (not row.drifted, -row.psi, row.side, row.feature, row.role))


def _arm(row: Drift, judge: ReplayJudge) -> Arm:
    if row.version == judge.trial.candidate:
        return "candidate"
    return "primary" if "primary" in judge.arms else "recorded"
