"""Quality against scikit-learn on the same predictions, and what it means for a candidate, through the board."""

from typing import Any

import numpy as np
import pytest
from sklearn import metrics as exact

from proxy.contracts.evidence import Evidence
from proxy.contracts.observation import Observation, Tensor
from proxy.contracts.record import ArmTick, Tick
from proxy.contracts.settings import Guard, Limit
from proxy.stats.board import Board
from proxy.stats.quality import scores
from proxy.stats.quality.predictions import Prediction
from proxy.stats.quality.scores import (
    MAX_CLASSES,
    MAX_RANKED,
    QUALITY_METRICS,
    Score,
    ScoredPrediction,
    score_prediction,
)
from tests.support.observed import observation


def graded(said: list[Prediction], labels: list[float | str]) -> Score:
    score = Score()
    for each, label in zip(said, labels, strict=True):
        score.update(score_prediction(each, label))
    return score


def test_classification_is_scikit_learns() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 3000)
    positive = np.clip(0.5 + 0.25 * (labels - 0.5) + 0.2 * rng.standard_normal(3000), 0.001, 0.999)
    score = graded([Prediction(scores=(1 - p, p)) for p in positive.tolist()], labels.tolist())
    guesses = (positive > 0.5).astype(int)
    assert score.get("accuracy") == pytest.approx(exact.accuracy_score(labels, guesses))
    assert score.get("f1") == pytest.approx(exact.f1_score(labels, guesses))
    assert score.get("log_loss") == pytest.approx(exact.log_loss(labels, positive))
    assert score.get("auroc") == pytest.approx(exact.roc_auc_score(labels, positive), abs=0.01)
    assert score.get("mae") is None
    numbers = graded([Prediction(number=p) for p in positive.tolist()], labels.tolist())
    assert [numbers.get(m) for m in QUALITY_METRICS] == pytest.approx(
        [score.get(m) for m in QUALITY_METRICS], nan_ok=True
    )


def test_several_classes_are_scikit_learns() -> None:
    rng = np.random.default_rng(2)
    labels, guesses = rng.choice(["a", "b", "c"], 1000).tolist(), rng.choice(["a", "b", "c"], 1000).tolist()
    score = graded([Prediction(guess) for guess in guesses], labels)
    assert score.get("accuracy") == pytest.approx(exact.accuracy_score(labels, guesses))
    assert score.get("f1") == pytest.approx(exact.f1_score(labels, guesses, average="macro"))


def test_regression_is_scikit_learns() -> None:
    rng = np.random.default_rng(3)
    labels = rng.normal(100, 30, 1000)
    guesses = labels + rng.normal(0, 10, 1000)
    score = graded([Prediction(number=g) for g in guesses.tolist()], labels.tolist())
    assert score.get("mae") == pytest.approx(exact.mean_absolute_error(labels, guesses))
    assert score.get("rmse") == pytest.approx(exact.root_mean_squared_error(labels, guesses))
    assert score.get("accuracy") is None


@pytest.mark.parametrize(
    ("said", "label"),
    [
        (Prediction(scores=(0.1, 0.9)), "cat"),
        (Prediction(scores=(0.1, 0.9)), 7),
        (Prediction(number=2.0), "x"),
        (Prediction(), 1),
        (Prediction(number=1e200), 1.5),
        (Prediction(number=2.0), 10**400),
        (Prediction(number=float("nan")), 1.5),
    ],
)
def test_what_does_not_fit_is_no_grade(said: Prediction, label: float | str) -> None:
    assert score_prediction(said, label) is None


def test_ids_for_labels_do_not_fill_the_memory() -> None:
    score = graded([Prediction(f"id{at}") for at in range(3000)], [f"id{at}" for at in range(3000)])
    assert score.get("accuracy") == 1.0
    assert len(score._classes) <= 1001


def leg(request_id: str, role: Any, version: str, label: int, share: float) -> Observation:
    outputs = (Tensor("predict", 1, 1, "number", [float(label)], integer=True),)
    return observation(
        (0, "a"), hash(request_id), request_id, "r", version, role, share, 200, "", 0, 0, 0, 0, (), outputs
    )


def shadowed(
    scorecard: dict[str, Limit], rates: tuple[float, float], n: int = 1500, seed: int = 0
) -> dict[tuple[str, str], Evidence]:
    """A shadow and its primary on the same requests; `rates` are their error rates."""
    board, rng = Board(), np.random.default_rng(seed)
    board.watch("r", ("v2",), "v1", Guard(scorecard=scorecard), "oip", 0.0)
    for at in range(n):
        label = int(rng.integers(0, 2))
        answers = [label ^ int(rng.random() < rate) for rate in rates]
        board.on_observations(
            [leg(str(at), "primary", "v1", answers[0], 1.0), leg(str(at), "shadow", "v2", answers[1], 1.0)], 0.0
        )
        assert board.on_label(str(at), label, 0.0) == "joined"
    return {(found.metric, found.limit): found for found in board.evidence("r", 0.0)}


LIMITS = {"accuracy": Limit(min=0.85, max_drop=0.02), "f1": Limit(min=0.85, max_drop=0.02)}


def test_a_shadow_that_is_worse_is_found_without_exposure() -> None:
    found = shadowed(LIMITS, (0.05, 0.3))
    for line in (("accuracy", "min"), ("accuracy", "max_drop"), ("f1", "min"), ("f1", "max_drop")):
        assert found[line].log_breach > np.log(1000), line
    assert found["accuracy", "max_drop"].value == pytest.approx(0.7, abs=0.04)
    assert found["accuracy", "max_drop"].reference == pytest.approx(0.95, abs=0.03)


def test_an_equal_shadow_is_not_and_passes() -> None:
    found = shadowed(LIMITS, (0.05, 0.05))
    assert all(each.log_breach < np.log(20) for each in found.values())
    assert found["accuracy", "min"].log_pass > np.log(20)
    assert found["accuracy", "max_drop"].n == 1500


def canaried(rates: tuple[float, float], labelled: tuple[float, float], n: int = 6000, seed: int = 1) -> Evidence:
    """A canary with half of the traffic; each arm's part of labelled predictions may differ."""
    board, rng = Board(), np.random.default_rng(seed)
    board.watch("r", ("v2",), "v1", Guard(scorecard={"accuracy": Limit(max_drop=0.05)}), "oip", 0.0)
    for at in range(n):
        mine, label = int(rng.random() < 0.5), int(rng.integers(0, 2))
        answer = label ^ int(rng.random() < rates[mine])
        board.on_observations([leg(str(at), *(("canary", "v2") if mine else ("primary", "v1")), answer, 0.5)], 0.0)
        if rng.random() < labelled[mine]:
            board.on_label(str(at), label, 0.0)
    return board.evidence("r", 0.0)[0]


def test_a_canary_is_compared_although_no_request_has_two_answers() -> None:
    assert canaried((0.05, 0.4), (1.0, 1.0)).log_breach > np.log(1000)
    same = canaried((0.05, 0.05), (1.0, 1.0))
    assert same.log_breach < np.log(20)
    assert same.lost == 0


def test_labels_that_depend_on_the_version_conclude_nothing() -> None:
    found = canaried((0.05, 0.05), (0.9, 0.5))
    assert found.lost == found.n > 0


def test_losses_of_a_regression() -> None:
    board, rng = Board(), np.random.default_rng(5)
    scorecard = {"mae": Limit(max=15.0, max_ratio=1.2), "rmse": Limit(max=20.0)}
    board.watch("r", ("v2",), "v1", Guard(scorecard=scorecard), "oip", 0.0)
    for at in range(1500):
        label = 0.5 + float(rng.integers(50, 300))
        legs = []
        arms: list[tuple[Any, str, float]] = [("primary", "v1", 10.0), ("shadow", "v2", 40.0)]
        for role, version, spread in arms:
            outputs = (Tensor("predict", 1, 1, "number", [label + spread * float(rng.standard_normal())]),)
            legs.append(observation((0, "a"), at, str(at), "r", version, role, 1.0, 200, "", 0, 0, 0, 0, (), outputs))
        board.on_observations(legs, 0.0)
        board.on_label(str(at), label, 0.0)
    found = {(each.metric, each.limit): each for each in board.evidence("r", 0.0)}
    assert all(each.log_breach > np.log(1000) for each in found.values())
    assert found["mae", "max"].value == pytest.approx(32, rel=0.1)
    assert found["mae", "max_ratio"].log_pass is None


def test_auroc_is_judged_by_pairs() -> None:
    def judged(strength: float) -> Evidence:
        board, rng = Board(), np.random.default_rng(6)
        board.watch("r", ("v2",), "v1", Guard(scorecard={"auroc": Limit(min=0.8)}), "oip", 0.0)
        for at in range(2000):
            label = int(rng.integers(0, 2))
            positive = float(1 / (1 + np.exp(-(strength * (label - 0.5) + rng.standard_normal()))))
            outputs = (Tensor("proba", 1, 2, "number", [1 - positive, positive]),)
            board.on_observations(
                [observation((0, "a"), at, str(at), "r", "v2", "shadow", 1.0, 200, "", 0, 0, 0, 0, (), outputs)], 0.0
            )
            board.on_label(str(at), label, 0.0)
        return board.evidence("r", 0.0)[0]

    good, bad = judged(3.0), judged(0.5)
    assert good.value > 0.95 and good.log_pass > np.log(20) and good.log_breach < np.log(20)
    assert bad.value < 0.7 and bad.log_breach > np.log(1000)


def test_labels_that_come_late_for_all_are_no_difference() -> None:
    """A canary of lately has few labels yet, its primary has those of an hour before: the same delay for both."""
    board, rng, due = Board(), np.random.default_rng(3), []
    board.watch("r", ("v2",), "v1", Guard(scorecard={"accuracy": Limit(max_drop=0.05)}), "oip", 0.0)
    for at in range(4000):
        mine, label = at > 2000 and rng.random() < 0.5, int(rng.integers(0, 2))
        share = 0.5 if at > 2000 else 0.0
        arm = ("canary", "v2", label, share) if mine else ("primary", "v1", label, 1.0 - share)
        board.on_observations([leg(str(at), *arm)], float(at))
        due.append((str(at), label))
        if at >= 1000:
            assert board.on_label(*due[at - 1000], float(at)) == "joined"
    found = board.evidence("r", 4000.0)[0]
    assert found.n == pytest.approx(500, abs=60)
    assert found.lost == 0


def test_a_promoted_version_is_graded_as_primary() -> None:
    board, rng = Board(), np.random.default_rng(4)
    board.watch("r", ("v2",), "v2", Guard(scorecard={"accuracy": Limit(min=0.9)}), "oip", 0.0)
    for at in range(400):
        label = int(rng.integers(0, 2))
        board.on_observations([leg(str(at), "primary", "v2", label ^ int(rng.random() < 0.5), 1.0)], 0.0)
        board.on_label(str(at), label, 0.0)
    found = board.evidence("r", 0.0)[0]
    assert (found.n, found.lost) == (400, 0)
    assert found.value < 0.6 and found.log_breach > np.log(1000)


def test_figures_of_a_verdict_begin_with_what_is_judged() -> None:
    """A version that was rolled back and comes again is not shown with its old faults; /metrics goes on counting."""
    board = Board()
    for at, (bad, limit) in enumerate(((1, 0.9), (0, 0.8))):
        board.watch("r", ("v2",), "v1", Guard(scorecard={"accuracy": Limit(min=limit)}), "oip", 0.0)
        for number in range(50):
            board.on_observations([leg(f"{at}.{number}", "canary", "v2", bad, 0.5)], 0.0)
            board.on_label(f"{at}.{number}", 0, 0.0)
    found = board.evidence("r", 0.0)[0]
    assert (found.value, found.n) == (1.0, 50)
    assert board.scores["r", "v2", "canary"].n["accuracy"] == 100


def test_quality_of_live_requests_stands_apart_from_that_of_copies() -> None:
    board = Board()
    board.watch("r", ("v2",), "v1", Guard(scorecard={"accuracy": Limit(min=0.9)}), "oip", 0.0)
    for at, (role, answer) in enumerate([("shadow", 1)] * 30 + [("canary", 0)] * 20):
        board.on_observations([leg(str(at), role, "v2", answer, 0.5)], 0.0)
        board.on_label(str(at), 1, 0.0)
    found = board.evidence("r", 0.0)[0]
    assert (found.value, found.n, found.shadow, found.n_shadow) == (0.0, 20, 1.0, 30)


def test_equal_arms_of_several_are_not_flagged() -> None:
    """With a primary at 40 % and two arms at 30 %, what each leg counts for must not depend on which arm it was of."""
    board, rng = Board(), np.random.default_rng(8)
    guard = Guard(scorecard={"accuracy": Limit(max_drop=0.01)})
    board.watch("r", ("v2", "v3"), "v1", guard, "oip", 0.0)
    arms: list[Any] = [("primary", "v1", 0.4), ("canary", "v2", 0.3), ("canary", "v3", 0.3)]
    board.on_tick(Tick(0, "a", 1, 1, arms=[ArmTick("r", v, role, s, {"200": 10}) for role, v, s in arms]), 0.0)
    for at in range(3000):
        role, version, share = arms[rng.choice(3, p=(0.4, 0.3, 0.3))]
        label = int(rng.integers(0, 2))
        board.on_observations([leg(str(at), role, version, label ^ int(rng.random() < 0.2), share)], 0.0)
        board.on_label(str(at), label, 0.0)
    for found in board.evidence("r", 0.0):
        assert found.log_breach < np.log(20), found.version


def test_classes_beyond_the_bound_are_left_out_of_f1_and_counted() -> None:
    score = Score()
    for label in range(MAX_CLASSES + 7):
        score.update(ScoredPrediction(label, label))
    assert score.beyond_classes == 7
    assert (score.n["accuracy"], score.n["f1"]) == (MAX_CLASSES + 7, MAX_CLASSES)


def test_a_figure_that_does_not_exist_yet_is_none() -> None:
    score = Score()
    for value in (0.2, 0.9, 0.4):
        scored = score_prediction(Prediction(number=value), 1)
        assert scored is not None
        score.update(scored)
    assert score.get("auroc") is None
    assert score.get("accuracy") == pytest.approx(1 / 3)
    scored = score_prediction(Prediction(number=0.1), 0)
    assert scored is not None
    score.update(scored)
    assert score.get("auroc") == pytest.approx(1.0)
    negative = Score()
    scored = score_prediction(Prediction(label=0), 0)
    assert scored is not None
    negative.update(scored)
    assert (negative.get("f1"), negative.get("auroc"), negative.get("accuracy")) == (None, None, 1.0)


def test_scores_that_are_sent_as_whole_numbers_count_for_auroc() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 2000)
    values = np.clip(labels * 0.4 + rng.normal(0.3, 0.6, 2000), 0, 1)  # a third is exactly 0 or 1
    score = Score()
    for value, label in zip(values.tolist(), labels.tolist(), strict=True):
        scored = score_prediction(Prediction(number=int(value) if value in (0.0, 1.0) else value), label)
        assert scored is not None
        score.update(scored)
    assert score.get("auroc") == pytest.approx(exact.roc_auc_score(labels, values), abs=0.01)


def test_auroc_of_several_classes_is_their_mean() -> None:
    drawn = np.random.default_rng(3)
    labels = drawn.integers(0, 3, 600)
    raw = drawn.dirichlet((1.0, 1.0, 1.0), 600) + 0.4 * np.eye(3)[labels]
    said = raw / raw.sum(axis=1, keepdims=True)
    score = graded([Prediction(scores=tuple(row)) for row in said.tolist()], labels.tolist())
    expected = exact.roc_auc_score(labels, said, multi_class="ovr", average="macro")
    assert score.get("auroc") == pytest.approx(expected, abs=0.01)
    assert (score.averaging("auroc"), score.n["auroc"]) == ("macro", 600)


def test_auroc_of_several_classes_is_none_before_each_has_a_label() -> None:
    rows = [Prediction(scores=(0.2, 0.3, 0.5)), Prediction(scores=(0.6, 0.3, 0.1)), Prediction(scores=(0, 1, 0))]
    assert graded(rows[:2], [2, 0]).get("auroc") is None
    assert graded(rows, [2, 0, 1]).get("auroc") == 1.0
    assert graded([Prediction(scores=(9.0, -3.0, 0.5))], [0]).n["auroc"] == 0
    many = tuple([1.0 / (MAX_RANKED + 1)] * (MAX_RANKED + 1))
    assert graded([Prediction(scores=many)], [0]).n["auroc"] == 0


def test_f1_says_what_it_is_the_mean_of() -> None:
    binary, several = Score(), Score()
    for label, guess in ((1, 1), (0, 1)):
        binary.update(ScoredPrediction(label, guess))
        several.update(ScoredPrediction(label + 5, guess + 5))
    assert (binary.averaging("f1"), several.averaging("f1"), several.averaging("accuracy")) == ("class 1", "macro", "")


def test_a_whole_number_beside_a_label_that_is_none_is_a_regression() -> None:
    assert score_prediction(Prediction(label=300), 250.5) == ScoredPrediction(250.5, error=49.5)
    assert score_prediction(Prediction(label=300), 300) == ScoredPrediction(300, 300)


def test_confusions_beyond_the_bound_are_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "MAX_CONFUSIONS", 30)
    score = Score()
    for label in range(10):
        for guess in range(10):
            score.update(ScoredPrediction(label, guess))
    assert (score.n["f1"], score.beyond_classes, score.n["accuracy"]) == (30, 70, 100)
    score.update(ScoredPrediction(0, 1))
    assert score.n["f1"] == 31
