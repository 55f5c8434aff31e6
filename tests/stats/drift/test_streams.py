"""Streams of a route through the board: learning, drift found and named by feature, contract, bounds."""

import numpy as np
import pytest
from msgspec.structs import replace

from proxy.contracts.evidence import Evidence
from proxy.contracts.observation import Observation, Tensor
from proxy.contracts.settings import Analysis, Guard, Limit
from proxy.contracts.table import Role
from proxy.stats.board import Board
from proxy.stats.drift.profile import profile_of
from proxy.stats.drift.streams import BATCH_BODIES, MAX_BATCH_BYTES, MAX_LAYOUTS, Streams
from tests.support.observed import observation

GUARD = Guard(
    scorecard={
        "input_drift": Limit(max_psi=0.2),
        "prediction_drift": Limit(max_psi=0.2),
        "contract_violations": Limit(max=0.05, max_ratio=2.0),
    }
)

ANALYSIS = Analysis(reference=2000)


def leg(
    exchange: int, features: list[float], score: float, role: Role = "primary", version: str = "v1", share: float = 0.5
) -> Observation:
    inputs = (Tensor("x", 1, len(features), "number", list(features)),)
    outputs = (Tensor("score", 1, 1, "number", [score]),)
    return observation((0, "a"), exchange, "", "r", version, role, share, 200, "", 0.0, 0.0, 0.0, 0, inputs, outputs)


def board(analysis: Analysis = ANALYSIS) -> Board:
    made = Board()
    made.watch("r", ("v2",), "v1", GUARD, "oip", 0.0, analysis)
    return made


def feed(
    made: Board,
    rng: np.random.Generator,
    n: int,
    start: int,
    shift: float = 0.0,
    candidate_shift: float = 0.0,
    scale: float = 1.0,
) -> None:
    """n requests from `start`, half of them to the canary, 250 a second; feature 2 and the canary's score may shift."""
    for at in range(0, n, 250):
        block = rng.standard_normal((250, 5))
        block[:, 2] = scale * block[:, 2] + shift
        legs = []
        for i, row in enumerate(block.tolist()):
            canary = i % 2 == 1
            score = float(rng.standard_normal()) + (candidate_shift if canary else 0.0)
            legs.append(leg(start + at + i, row, score, *(("canary", "v2") if canary else ("primary", "v1"))))
        made.on_observations(legs, (start + at) / 250.0)
    made.on_time((start + n) / 250.0 + 2)


def drifted(made: Board) -> list[tuple[str, str, str]]:
    return sorted({(row.side, row.feature, row.role) for row in made.drift("r") if row.drifted})


def evidence(made: Board) -> dict[tuple[str, str], Evidence]:
    return {(found.metric, found.limit): found for found in made.evidence("r", 0.0)}


def test_a_profile_is_learnt_from_the_primary_and_a_stable_stream_is_quiet() -> None:
    made = board()
    feed(made, np.random.default_rng(1), 20_000, 0)
    assert [feature.name for feature in made.profile("r").inputs] == [f"x[{i}]" for i in range(5)]
    assert 2000 <= made.profile("r").inputs[0].n < 2000 + BATCH_BODIES
    assert drifted(made) == []
    found = evidence(made)
    assert found["input_drift", "max_psi"].log_breach <= 0
    assert found["contract_violations", "max"].value < 0.01


def test_a_drift_of_the_world_is_found_and_named_in_both_arms() -> None:
    made, rng = board(), np.random.default_rng(2)
    feed(made, rng, 10_000, 0)
    feed(made, rng, 6_000, 10_000, shift=1.0)
    assert drifted(made) == [("input", "x[2]", "canary"), ("input", "x[2]", "primary")]
    found = evidence(made)["input_drift", "max_psi"]
    assert found.value > 0.2
    assert found.log_breach >= np.log(1 / GUARD.false_alarm)
    assert evidence(made)["prediction_drift", "max_psi"].log_breach <= 0


def test_a_candidate_whose_scores_moved_is_found() -> None:
    made = board()
    feed(made, np.random.default_rng(3), 16_000, 0, candidate_shift=1.0)
    assert drifted(made) == [("prediction", "score", "canary")]
    assert evidence(made)["prediction_drift", "max_psi"].value > 0.2


def test_a_given_profile_is_used_at_once_and_its_rules_hold() -> None:
    made = board()
    columns = {f"x[{i}]": np.random.default_rng(i).standard_normal(5000).tolist() for i in range(5)}
    profile = profile_of(columns, {"score": np.random.default_rng(9).standard_normal(5000).tolist()})
    profile.inputs[2].rules.maximum = 0.0
    made.use_profile("r", profile)
    feed(made, np.random.default_rng(4), 2_000, 0)
    violations = made.violations("r")
    assert violations["v1", "primary", "range"] == pytest.approx(500, rel=0.2)
    found = evidence(made)["contract_violations", "max"]
    assert found.value == pytest.approx(0.25, abs=0.03), "half of the requests, none of the answers"
    assert found.log_breach >= np.log(1 / GUARD.false_alarm)
    assert evidence(made)["contract_violations", "max_ratio"].log_breach < np.log(10)


def test_batches_are_counted_when_old_although_not_full() -> None:
    made = board(Analysis(reference=10))
    for exchange in range(12):
        made.on_observations([leg(exchange, [1.0] * 5, 0.5)], 0.0)
    made.on_time(5.0)
    made.on_observations([leg(20, [1.0] * 5, 0.5)], 6.0)
    assert made.drift("r") == []
    made.on_time(8.0)
    assert {row.n for row in made.drift("r")} == {1}


def test_another_analysis_starts_the_streams_again_and_the_same_does_not() -> None:
    made = board(Analysis(reference=10))
    feed(made, np.random.default_rng(5), 250, 0)
    assert made.profile("r").inputs
    made.watch("r", ("v3",), "v1", GUARD, "oip", 9.0, Analysis(reference=10))
    assert made.profile("r").inputs
    made.watch("r", ("v3",), "v1", GUARD, "oip", 9.0, Analysis(reference=20))
    assert not made.profile("r").inputs


def test_rescues_and_noise_have_no_streams() -> None:
    streams = Streams(1)
    for role in ("rescue", "noise"):
        streams.update([leg(1, [1.0], 0.1, role)], 0.0)
    assert not streams._batches


def test_layouts_are_bounded() -> None:
    streams = Streams(1)
    streams.update([leg(1, [1.0], 0.1)], 0.0)
    streams.flush(5.0)
    for width in range(2, MAX_LAYOUTS + 20):
        streams.update([leg(1, [1.0] * width, 0.1)], 6.0)
    streams.flush(10.0)
    assert len(streams._layouts) == MAX_LAYOUTS
    assert streams.left_out["layouts"] > 0


def test_adwin_watches_what_is_named() -> None:
    made = board(Analysis(reference=500, detectors=("x[2]",)))
    rng = np.random.default_rng(6)
    feed(made, rng, 4_000, 0)
    feed(made, rng, 2_000, 4_000, shift=2.0)
    detected = {(row.feature, row.role): row.detected for row in made.drift("r") if row.side == "input"}
    assert detected["x[2]", "primary"] >= 1
    assert detected["x[0]", "primary"] is None


@pytest.mark.parametrize("seed", range(5))
def test_a_first_profile_finds_a_drift_that_begins_before_the_final_one(seed: int) -> None:
    made, rng = board(Analysis(reference=5000)), np.random.default_rng(seed)
    feed(made, rng, 1000, 0)
    assert drifted(made) == []
    assert 200 <= made.profile("r").inputs[0].n < 600
    feed(made, rng, 1000, 1000, shift=2.0)
    assert ("input", "x[2]", "primary") in drifted(made)
    assert {feature for _, feature, _ in drifted(made)} == {"x[2]"}
    feed(made, rng, 10_000, 2000, shift=2.0)
    assert made.profile("r").inputs[0].n < 600, "what moved is not taken into the final profile"
    assert ("input", "x[2]", "primary") in drifted(made)


@pytest.mark.parametrize("reference", [300, 500, 1000])
def test_a_stable_stream_gets_its_rules_however_short_the_learning(reference: int) -> None:
    for seed in range(10):
        made, rng = board(Analysis(reference=reference)), np.random.default_rng(seed)
        for second in range(2):
            rows = rng.standard_normal((1000, 30)).tolist()
            for at in range(0, 1000, 25):
                legs = [leg(1000 * second + at + i, row, 0.5) for i, row in enumerate(rows[at : at + 25])]
                made.on_observations(legs, second + at / 1000)
        made.on_time(5.0)
        assert made.profile("r").inputs[0].rules.minimum is not None


@pytest.mark.parametrize("seed", range(5))
def test_the_batch_with_which_learning_ends_is_held_against_the_first_profile_too(seed: int) -> None:
    made, rng = board(Analysis(reference=1000)), np.random.default_rng(seed)
    feed(made, rng, 1000, 0)
    rows = rng.standard_normal((1000, 5))
    rows[:, 2] += 2.0
    made.on_observations([leg(1000 + i, row, float(rng.standard_normal())) for i, row in enumerate(rows.tolist())], 6.0)
    made.on_time(9.0)
    assert drifted(made) == [("input", "x[2]", "primary")]
    assert made.profile("r").inputs[0].n < 600


def test_a_first_profile_has_no_rules_and_the_final_one_has() -> None:
    made, rng = board(), np.random.default_rng(7)
    feed(made, rng, 1000, 0)
    assert made.profile("r").inputs[0].rules.minimum is None
    feed(made, rng, 4000, 1000)
    assert made.profile("r").inputs[0].rules.minimum is not None
    assert made.profile("r").inputs[0].n >= 2000


def test_the_distributions_behind_a_row_say_what_changed() -> None:
    made = board()
    rng = np.random.default_rng(5)
    feed(made, rng, 4000, 0)
    feed(made, rng, 4000, 4000, shift=2.0)
    rows = {(row.feature, row.role): row for row in made.drift("r") if row.side == "input"}
    same, moved = (made.shape("r", rows[feature, "primary"]) for feature in ("x[0]", "x[2]"))
    for shape in (same, moved):
        assert len(shape.reference) == len(shape.live) == len(shape.edges) + 2
        assert sum(shape.live) == pytest.approx(1.0)
        assert sum(shape.reference) == pytest.approx(1.0)
    assert np.abs(np.subtract(same.live, same.reference)).max() < 0.05
    above = next(at for at, edge in enumerate(moved.edges) if edge > 1.2)
    assert sum(moved.live[above + 1 :]) > 0.6 > 4 * sum(moved.reference[above + 1 :])


def test_a_row_of_another_board_has_no_distribution() -> None:
    made, other = board(), board()
    feed(made, np.random.default_rng(6), 3000, 0)
    rows = made.drift("r")
    assert made.shape("r", rows[0]) is not None
    assert other.shape("r", rows[0]) is None
    assert other.shape("nope", rows[0]) is None


def test_another_model_of_the_candidate_begins_its_stream_of_predictions_anew() -> None:
    made, rng = board(), np.random.default_rng(3)
    feed(made, rng, 6000, 0, candidate_shift=3.0)
    assert {(row.side, row.version) for row in made.drift("r") if row.drifted} == {("prediction", "v2")}
    reference = made.profile("r").predictions
    made.begin_anew("r", "v2")
    assert not [row for row in made.drift("r") if (row.side, row.version) == ("prediction", "v2")]
    assert [row for row in made.drift("r") if row.side == "input"]
    feed(made, rng, 3000, 6000)
    assert not [row for row in made.drift("r") if row.drifted]
    assert made.profile("r").predictions == reference


def test_another_model_of_the_primary_is_learnt_anew_as_far_as_it_was_learnt() -> None:
    made, rng = board(), np.random.default_rng(4)
    feed(made, rng, 6000, 0)
    inputs = made.profile("r").inputs
    made.begin_anew("r", "v1")
    assert made.profile("r").predictions == []
    assert made.profile("r").inputs == inputs
    feed(made, rng, 6000, 6000)
    assert made.profile("r").predictions != []
    given = profile_of({}, {"score": rng.standard_normal(500).tolist()})
    made.use_profile("r", given)
    made.begin_anew("r", "v1")
    assert made.profile("r").predictions == given.predictions


def test_a_batch_that_takes_too_much_is_counted_at_once() -> None:
    streams, rows = Streams(reference=100), 10_000
    body = (Tensor("x", rows, 4, "number", [float(n % 97) for n in range(4 * rows)]),)
    legs = [replace(leg(at, [0.0], 0.0), inputs=body, outputs=()) for at in range(9)]
    waiting = []
    for each in legs:
        streams.update([each], 0.0)
        waiting.append(sum(batch.bytes for batch in streams._batches.values()))
    assert 0 < max(waiting) < MAX_BATCH_BYTES and 0 in waiting


def test_names_and_categories_of_a_profile_are_those_that_bodies_give() -> None:
    name, color, board = "n" * 500, "c" * 500, Board()
    board.watch("r", (), "v1", GUARD, "oip", 0.0, ANALYSIS)
    board.use_profile("r", profile_of({name: [color] * 200}, {}))
    for at in range(300):
        inputs = (Tensor(name, 1, 1, "category", [color]),)
        board.on_observations([replace(leg(at, [0.0], 0.0), inputs=inputs, outputs=())], 0.0)
    board.on_time(5.0)
    assert board.violations("r") == {} and [row.n for row in board.drift("r")] == [300]


@pytest.mark.parametrize("given", [True, False])
def test_what_is_ignored_has_no_stream_and_breaks_no_rule(given: bool) -> None:
    made = board(replace(ANALYSIS, ignore=("/request/x[2]", "/response/x[0]")))
    rng = np.random.default_rng(2)
    if given:
        rows = rng.standard_normal((2000, 5))
        made.use_profile("r", profile_of({f"x[{at}]": rows[:, at].tolist() for at in range(5)}, {}))
    feed(made, rng, 5000, 0)
    feed(made, rng, 5000, 5000, shift=3.0)
    assert {row.feature for row in made.drift("r") if row.side == "input"} == {f"x[{at}]" for at in (0, 1, 3, 4)}
    assert not drifted(made)
    assert not made.violations("r")
