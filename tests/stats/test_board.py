"""The one door: ticks and observations in, evidence and monotone counts out."""

from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from proxy.contracts.evidence import Evidence
from proxy.contracts.observation import Observation, Tensor, Text, Usage
from proxy.contracts.price import Price
from proxy.contracts.settings import Analysis, Guard, Limit
from proxy.contracts.table import Role
from proxy.stats.board import Board
from proxy.stats.evidence.alpha import ASSUMED_PART
from tests.support.boards import GUARD, ROUTE, arm, tick, watched
from tests.support.observed import observation


def leg(role: Role, version: str, exchange: int, label: int, status: int = 200, **more: Any) -> Observation:
    outputs = (Tensor("predict", 1, 1, "number", [label], integer=True),)
    return observation(
        (0, "a"), exchange, "", ROUTE, version, role, 0.0, status, "", 0.0, 0.01, 0.02, outputs=outputs, **more
    )


def test_a_dead_canary_is_found_within_a_dozen_requests() -> None:
    board, rng, asked = watched(), np.random.default_rng(4), 0
    while board.evidence(ROUTE, 0.0)[0].log_breach < np.log(1 / GUARD.false_alarm):
        canary = int(rng.binomial(10, 0.1))
        bad = int(rng.binomial(10 - canary, 0.01))
        asked += canary
        board.on_tick(
            tick(arm("canary", "v2", bad=canary), arm("primary", "v1", 10 - canary - bad, bad, 0.9)), asked * 0.1
        )
        assert asked < 30
    assert asked <= 12


def test_a_healthy_canary_passes_and_says_what_it_needs_on_the_way() -> None:
    board, needs = watched(), []
    for at in range(200):
        board.on_tick(tick(arm("canary", "v2", 95, 5), arm("primary", "v1", 855, 45, 0.9)), at * 0.1)
        needs.append(board.evidence(ROUTE, at * 0.1)[0].needed)
    found = board.evidence(ROUTE, 20.0)[0]
    assert (found.metric, found.limit, found.version) == ("error_rate", "max_ratio", "v2")
    assert (found.n, found.n_reference) == (20_000, 180_000)
    assert found.value == pytest.approx(0.05)
    assert found.ratio == pytest.approx(1.0)
    assert found.log_pass > np.log(20)
    assert found.log_breach < 0.1
    assert needs[0] > needs[1] > 0


def test_rescues_copies_of_others_and_other_versions_do_not_count_as_evidence() -> None:
    board = watched()
    board.on_tick(tick(arm("rescue", "v1", bad=50), arm("shadow", "v9", bad=50), arm("canary", "v9", bad=50)), 0.0)
    found = board.evidence(ROUTE, 0.0)[0]
    assert (found.n, found.n_reference, found.value) == (0, 0, None)


def test_every_limit_of_the_scorecard_has_evidence_and_shares_the_false_alarms() -> None:
    scorecard = {
        "error_rate": Limit(max_ratio=1.5, max=0.1),
        "disagreement": Limit(max=0.05),
        "input_drift": Limit(max_psi=0.2),
    }
    board, alone = watched(Guard(scorecard=scorecard)), watched()
    found = board.evidence(ROUTE, 0.0)
    assert [(e.metric, e.limit) for e in found] == [
        ("error_rate", "max"),
        ("error_rate", "max_ratio"),
        ("disagreement", "max"),
        ("input_drift", "max_psi"),
    ]
    for each in (board, alone):
        each.on_tick(tick(arm("canary", "v2", bad=5), arm("primary", "v1", 100, share=0.9)), 0.0)
    strict, plain = board.evidence(ROUTE, 0.0)[1], alone.evidence(ROUTE, 0.0)[0]
    assert strict.log_breach == pytest.approx(plain.log_breach - np.log(4 * (1 - ASSUMED_PART)))


def test_disagreement_is_paired_and_judged() -> None:
    board = watched(Guard(scorecard={"disagreement": Limit(max=0.05)}))
    for exchange in range(200):
        board.on_observations(
            [leg("shadow", "v2", exchange, exchange % 2), leg("primary", "v1", exchange, 0)], exchange * 0.01
        )
    tally, found = board.agreement(ROUTE, "v2"), board.evidence(ROUTE, 2.0)[0]
    assert (tally.pairs, tally.disagreements, tally.ratio) == (200, 100, 0.5)
    assert (found.metric, found.value, found.n) == ("disagreement", 0.5, 200)
    assert found.log_breach > np.log(1000)


def test_a_slow_candidate_is_found_from_ticks_alone() -> None:
    board, rng = (
        watched(Guard(scorecard={"latency_p50": Limit(max_ratio=1.25, max=1.0)}, warm_up=0)),
        np.random.default_rng(1),
    )
    for at in range(200):
        primary = {int(i): 1 for i in rng.permutation(60)[:18] - 280}
        canary = {int(i) + 30: 1 for i in rng.permutation(60)[:2] - 280}
        arms = arm("primary", "v1", 18, share=0.9, total=primary), arm("canary", "v2", 2, total=canary)
        board.on_tick(tick(*arms), at * 0.1)
    ratio, absolute = board.evidence(ROUTE, 20.0)[1], board.evidence(ROUTE, 20.0)[0]
    assert (ratio.limit, absolute.limit, ratio.n) == ("max_ratio", "max", 400)
    assert ratio.ratio == pytest.approx(10**0.25, rel=0.1)
    assert ratio.log_breach > np.log(1000)
    assert absolute.log_breach < 0.1
    assert absolute.log_pass > np.log(20)


def test_many_events_in_each_tick_do_not_look_like_an_order_of_them() -> None:
    """Both arms of a tick are one look: a restart between them would see a hundred canary failures in a row."""
    board, rng, worst = watched(Guard(scorecard={"error_rate": Limit(max_ratio=1.0)})), np.random.default_rng(2), -99.0
    for at in range(300):
        bad, bad_primary = int(rng.binomial(500, 0.2)), int(rng.binomial(500, 0.2))
        arms = arm("primary", "v1", 500 - bad_primary, bad_primary, 0.5), arm("canary", "v2", 500 - bad, bad, 0.5)
        board.on_tick(tick(*arms), at * 0.1)
        worst = max(worst, board.evidence(ROUTE, 0.0)[0].log_breach)
    assert worst < np.log(20)


def noisy(board: Board, rng: np.random.Generator, n: int, floor: float, more: float) -> Evidence:
    """A primary that disagrees with itself at `floor`, and a shadow that does so at `floor` + `more`."""
    for exchange in range(n):
        board.on_observations(
            [
                leg("primary", "v1", exchange, 0),
                leg("noise", "v1", exchange, int(rng.random() < floor)),
                leg("shadow", "v2", exchange, int(rng.random() < floor + more)),
            ],
            exchange * 0.01,
        )
    return board.evidence(ROUTE, 0.0)[0]


def test_a_version_is_not_blamed_for_the_noise_of_the_primary_itself() -> None:
    guard = Guard(scorecard={"disagreement": Limit(max=0.05)})
    same = noisy(watched(guard), np.random.default_rng(1), 1500, 0.2, 0.0)
    assert same.value == pytest.approx(0.2, abs=0.03)
    assert same.reference == pytest.approx(0.2, abs=0.03)
    assert same.log_breach < np.log(20)
    worse = noisy(watched(guard), np.random.default_rng(2), 1500, 0.2, 0.2)
    assert worse.log_breach > np.log(1000)


def test_examples_of_disagreement_are_kept_and_redacted() -> None:
    board = Board()
    board.watch(ROUTE, ("v2",), "v1", GUARD, "oip", 0.0, Analysis(redact=("/primary/predict",)))
    board.on_observations([leg("primary", "v1", 1, 0), leg("shadow", "v2", 1, 1)], 0.0)
    (example,) = board.examples(ROUTE, "v2")
    assert example.detail == {"request": {}, "primary": {"predict": "[redacted]"}, "candidate": {"predict": 1}}
    assert board.examples(ROUTE, "v9") == []


def test_the_time_to_the_first_token_is_judged_and_counted() -> None:
    board, rng = (
        watched(Guard(scorecard={"time_to_first_token": Limit(max_ratio=1.25, max=1.0)}, warm_up=0)),
        np.random.default_rng(3),
    )
    for at in range(3000):
        canary = rng.random() < 0.3
        first = float(rng.lognormal(-2, 0.3)) * (1.8 if canary else 1.0)
        text = Text("hi", "stop", first_token=first, gaps=(0.01, 0.02))
        seen = leg(*(("canary", "v2") if canary else ("primary", "v1")), at, 0)
        board.on_observations([replace(seen, text=text, share=0.3 if canary else 0.7)], at * 0.01)
    absolute, ratio = board.evidence(ROUTE, 30.0)
    assert ratio.ratio == pytest.approx(1.8, rel=0.15)
    assert ratio.log_breach > np.log(1000)
    assert absolute.log_pass > np.log(20)
    token, gap = board.tokens[ROUTE, "v1", "primary"]
    assert sum(gap.buckets.values()) == 2 * sum(token.buckets.values()) > 3000


def test_a_shadow_is_judged_by_its_first_token_too() -> None:
    guard = Guard(scorecard={"time_to_first_token": Limit(max_ratio=1.25)}, warm_up=0)
    board, rng = watched(guard), np.random.default_rng(4)
    board.on_tick(tick(arm("shadow", "v2", 1, share=1.0), arm("primary", "v1", 1, share=1.0)), 0.0)
    legs: list[tuple[Role, str, float]] = [("primary", "v1", 1.0), ("shadow", "v2", 1.8)]
    for at in range(1500):
        for role, version, factor in legs:
            text = Text("hi", "stop", first_token=factor * float(rng.lognormal(-2, 0.3)))
            board.on_observations([replace(leg(role, version, at, 0), text=text, share=1.0)], at * 0.01)
    assert board.evidence(ROUTE, 15.0)[0].log_breach > np.log(1000)


def test_numbers_and_times_of_tokens_are_judged() -> None:
    lines = {"output_tokens": Limit(max=40_000, max_ratio=1.25), "time_per_output_token": Limit(max_ratio=1.25)}
    board, rng = watched(Guard(scorecard=lines, warm_up=0)), np.random.default_rng(4)
    board.on_tick(tick(arm("shadow", "v2", 1, share=1.0), arm("primary", "v1", 1, share=1.0)), 0.0)
    legs: list[tuple[Role, str, float]] = [("primary", "v1", 1.0), ("shadow", "v2", 2.0)]
    for at in range(1000):
        for role, version, factor in legs:
            tokens = round(factor * float(rng.lognormal(9, 0.3)))
            text, total = Text("hi", "stop", first_token=0.5), 0.5 + (tokens - 1) * 0.02 * factor
            seen = replace(leg(role, version, at, 0), text=text, usage=Usage(9, tokens), total=total, share=1.0)
            board.on_observations([seen], at * 0.01)
    most, ratio_of, slower = board.evidence(ROUTE, 10.0)
    named = [(line.metric, line.limit) for line in (most, ratio_of, slower)]
    assert named == [("output_tokens", "max"), ("output_tokens", "max_ratio"), ("time_per_output_token", "max_ratio")]
    for line in (ratio_of, slower):
        assert line.ratio == pytest.approx(2.0, rel=0.1) and line.log_breach > np.log(1000)
    assert most.log_breach < np.log(1000) and most.value > 10_000


BOTH: tuple[tuple[Role, str], ...] = (("primary", "v1"), ("shadow", "v2"))


def test_costs_are_judged_by_the_prices_of_the_versions() -> None:
    guard = Guard(scorecard={"cost": Limit(max=0.01, max_ratio=1.25)}, warm_up=0)
    cheap, dear = Price(0.0, 2e-7, per=1), Price(0.0, 4e-7, per=1)
    for price, breached in ((cheap, False), (dear, True)):
        board, rng = Board(), np.random.default_rng(4)
        board.prices = {"v1": cheap, "v2": price}
        board.watch(ROUTE, ("v2",), "v1", guard, "openai", 0.0)
        board.on_tick(tick(arm("shadow", "v2", 1, share=1.0), arm("primary", "v1", 1, share=1.0)), 0.0)
        for at in range(1000):
            for role, version in BOTH:
                usage = Usage(9, round(float(rng.lognormal(3, 0.3))))
                seen = replace(leg(role, version, at, 0), text=Text("hi", "stop"), usage=usage, share=1.0)
                board.on_observations([seen], at * 0.01)
        most, ratio_of = board.evidence(ROUTE, 10.0)
        assert (ratio_of.log_breach > np.log(1000)) == breached and most.log_breach < 0
        assert ratio_of.ratio == pytest.approx(2.0 if breached else 1.0, rel=0.1)
        assert most.value == pytest.approx((4e-7 if breached else 2e-7) * 29.5, rel=0.1) and not most.lost


def test_answers_that_do_not_tell_what_they_took_are_lost_where_the_primarys_do() -> None:
    guard = Guard(scorecard={"output_tokens": Limit(max_ratio=1.25)}, warm_up=0)
    for untold, lost in (({"v2"}, True), ({"v1", "v2"}, False)):
        board = watched(guard)
        board.on_tick(tick(arm("shadow", "v2", 1, share=1.0), arm("primary", "v1", 1, share=1.0)), 0.0)
        for at in range(300):
            for role, version in BOTH:
                usage = None if version in untold and at % 2 else Usage(9, 20)
                board.on_observations([replace(leg(role, version, at, 0), text=Text("hi", "stop"), usage=usage)], at)
        (line,) = board.evidence(ROUTE, 10.0)
        assert (line.lost > 100) == lost and line.n == 150


@pytest.mark.parametrize("text", [Text("hi", "stop"), None], ids=["a text", "numbers"])
@pytest.mark.parametrize("both", [False, True], ids=["the primary tells", "nobody tells"])
def test_answers_of_which_none_tells_what_it_took_are_lost_and_the_line_says_so(text: Text | None, both: bool) -> None:
    guard = Guard(scorecard={"output_tokens": Limit(max_ratio=1.25)}, warm_up=0)
    board = watched(guard)
    board.on_tick(tick(arm("shadow", "v2", 1, share=1.0), arm("primary", "v1", 1, share=1.0)), 0.0)
    for at in range(300):
        for role, version in BOTH:
            usage = None if both or version == "v2" else Usage(9, 20)
            board.on_observations([replace(leg(role, version, at, 0), text=text, usage=usage)], at * 0.01)
    (line,) = board.evidence(ROUTE, 10.0)
    assert (line.n, line.lost) == (0, 0 if both else 300)
    assert line.note == "none of 300 answers tells what it took" + (", nor do the primary's" if both else "")
