"""Answers that are none: a copy that ends later than its primary's answer is no evidence, a bad candidate is."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from proxy.contracts.record import ArmTick
from proxy.contracts.settings import Limit
from proxy.contracts.table import Role
from proxy.stats.counts.content import ContentCounts
from proxy.stats.evidence.alpha import AlphaShare
from proxy.stats.evidence.assignment_share import AssignmentShares
from proxy.stats.evidence.invalid_rate import EARLY_SECONDS, MAX_WAITING_ANSWERS, InvalidRate
from proxy.stats.evidence.outcome_rate import RateHistory

LIMIT = Limit(max_increase=0.02)


def rate() -> tuple[InvalidRate, AssignmentShares]:
    shares = AssignmentShares("v2", "v1")
    shares.update([ArmTick("r", "v1", "primary", 1.0, {"200": 1}), ArmTick("r", "v2", "shadow", 1.0, {"200": 1})])
    return InvalidRate(LIMIT, AlphaShare("v2", 0.001), RateHistory()), shares


def counts(version: str, n: int, bad: int) -> ContentCounts:
    return ContentCounts(version, "primary" if version == "v1" else "shadow", 1.0, n, bad, ())


def log_breach(invalid: InvalidRate) -> float:
    (line,) = invalid.get()
    return line.log_breach


@pytest.mark.parametrize("bad", [1.0, 0.5, 0.1])
def test_copies_that_come_late_or_early_are_no_evidence(bad: float) -> None:
    """Both are bad as often; the copies of a batch are those of other requests, or of none."""
    rng, highest = np.random.default_rng(7), []
    for _ in range(60):
        invalid, shares = rate()
        at_primary = at_shadow = 0
        for look in range(40):
            at_primary += 50
            lag = int(rng.integers(0, 50))
            mine, at_shadow = at_primary - lag - at_shadow, at_primary - lag
            batch = [counts("v1", 50, int(rng.binomial(50, bad))), counts("v2", mine, int(rng.binomial(mine, bad)))]
            invalid.update([each for each in batch if each.n], shares, 0.25 * look)
            highest.append(log_breach(invalid))
    assert max(highest) < log(1000.0)


def test_a_candidate_whose_answers_are_none_is_found_at_once() -> None:
    invalid, shares = rate()
    for look in range(4):
        invalid.update([counts("v1", 10, 0), counts("v2", 10, 10)], shares, 0.25 * look)
    assert log_breach(invalid) > log(1000.0)


def test_a_look_waits_for_both_arms_but_not_for_ever() -> None:
    invalid, shares = rate()
    invalid.update([counts("v2", 10, 10)], shares, 0.0)
    (line,) = invalid.get()
    assert line.n == 0
    invalid.update([counts("v2", MAX_WAITING_ANSWERS, MAX_WAITING_ANSWERS)], shares, 1.0)
    (line,) = invalid.get()
    assert line.n == MAX_WAITING_ANSWERS + 10


def unheard() -> tuple[InvalidRate, AssignmentShares]:
    """Before any tick came."""
    return InvalidRate(LIMIT, AlphaShare("v2", 0.001), RateHistory()), AssignmentShares("v2", "v1")


@pytest.mark.parametrize("batches", [[("v1", 120), ("v2", 120)], [("v2", 120), ("v1", 120)]])
def test_a_burst_of_which_records_come_before_the_first_tick_counts(batches: list[tuple[str, int]]) -> None:
    invalid, shares = unheard()
    for look, (version, n) in enumerate(batches):
        invalid.update([counts(version, n, 0)], shares, 0.25 * look)
    (line,) = invalid.get()
    assert (line.n, line.lost, line.note) == (120, 0, "")


def test_answers_long_before_the_candidate_do_not_count() -> None:
    invalid, shares = unheard()
    invalid.update([counts("v1", 120, 0)], shares, 0.0)
    invalid.update([counts("v2", 10, 0)], shares, EARLY_SECONDS + 1.0)
    (line,) = invalid.get()
    assert (line.n, line.lost, line.note) == (0, 10, "no answer of the primary beside its own is looked at yet")


def test_the_answers_are_counted_of_which_the_analysed_ones_are_a_sample() -> None:
    """Those of copies stand apart once there is live traffic, as in the figures."""
    invalid, shares = rate()
    looks: list[tuple[Role, int]] = [("shadow", 80), ("canary", 30), ("canary", 20), ("shadow", 7)]
    for role, good in looks:
        arms = [ArmTick("r", "v1", "primary", 0.5, {"200": 40, "500": 3})]
        arms.append(ArmTick("r", "v2", role, 0.5, {"200": good, "400": 5, "500": 5}))
        invalid.on_arms(shares.update(arms))
    (line,) = invalid.get()
    assert line.answers == 50


def dark(version: str, n: int) -> ContentCounts:
    return ContentCounts(version, "primary" if version == "v1" else "shadow", 1.0, 0, 0, (), n)


def test_answers_that_nobody_looked_at_prove_nothing() -> None:
    """They hold the line beside a primary whose answers are read, and are nobody's fault."""
    invalid, shares = rate()
    for look in range(40):
        invalid.update([counts("v1", 10, 0), dark("v2", 10)], shares, 0.25 * look)
    (line,) = invalid.get()
    assert (line.n, line.lost, line.moot, line.log_breach <= 0) == (0, 400, False, True)
    assert line.note == "none of 400 answers is looked at"
    invalid.update([counts("v2", 50, 0), counts("v1", 50, 0)], shares, 20.0)
    (line,) = invalid.get()
    assert line.n == 50 and line.lost > 300


def test_a_line_is_moot_where_the_answers_of_both_arms_cannot_be_read() -> None:
    invalid, shares = rate()
    invalid.update([dark("v1", 100), dark("v2", 100)], shares, 0.0)
    (line,) = invalid.get()
    assert (line.moot, line.lost) == (True, 0)


def test_a_protocol_whose_bodies_are_not_read_makes_it_moot() -> None:
    (line,) = InvalidRate(LIMIT, AlphaShare("v2", 0.001), RateHistory(), read=False).get()
    assert line.moot


@pytest.mark.parametrize(("theirs", "lost"), [(0, 100), (100, 0)])
def test_answers_of_which_only_the_beginning_was_seen_hold_the_line_beside_a_primary_that_is_read(
    theirs: int, lost: int
) -> None:
    invalid, shares = rate()
    mine = ContentCounts("v2", "shadow", 1.0, 100, 0, partly=100)
    invalid.update([ContentCounts("v1", "primary", 1.0, 100, 0, partly=theirs), mine], shares, 0.0)
    (line,) = invalid.get()
    assert (line.n, line.lost, line.moot) == (100, lost, False)
