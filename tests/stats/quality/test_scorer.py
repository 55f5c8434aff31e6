"""Predictions that meet their labels are scored by arm, and labels that depend on the version conclude nothing."""

from __future__ import annotations

import numpy as np

from proxy.contracts.observation import Observation, Tensor
from proxy.stats.quality.scorer import RECHECK_GROWTH, Scorer


def leg(request_id: str, role: str, version: str, positive: float, share: float = 0.5) -> Observation:
    return Observation(
        exchange=0,
        request_id=request_id,
        route="r",
        version=version,
        role=role,  # type: ignore[arg-type]
        share=share,
        status=200,
        failure="",
        started=0.0,
        first_byte=0.0,
        total=0.0,
        outputs=(Tensor("p", 1, 2, "number", [1.0 - positive, positive]),),
    )


def test_every_version_is_scored_by_itself() -> None:
    scorer = Scorer()
    for at in range(10):
        scorer.update([leg(str(at), "primary", "v1", 0.9)], 60.0, 0.0)
        scorer.update([leg(str(at), "shadow", "v2", 0.1)], 60.0, 0.0)
        outcome, labelled = scorer.on_label(str(at), 1, 1.0)
        assert (outcome, [each.leg.role for each in labelled]) == ("joined", ["primary", "shadow"])
    assert scorer.scores["r", "v1", "primary"].get("accuracy") == 1.0
    assert scorer.scores["r", "v2", "shadow"].get("accuracy") == 0.0
    assert scorer.scores_of("r", "v1")("accuracy") == (1.0, 10)
    assert scorer.scores_of("r", "v9")("accuracy") == (None, 0)


def test_a_label_that_came_first_meets_its_prediction() -> None:
    scorer = Scorer()
    assert scorer.on_label("a", 1, 0.0) == ("unknown", [])
    (labelled,) = scorer.update([leg("a", "primary", "v1", 0.9)], 60.0, 1.0)
    assert labelled.label == 1
    assert scorer.labelled == {("r", "v1", "primary"): 1}


def test_a_label_of_another_kind_is_counted_and_not_scored() -> None:
    scorer = Scorer()
    scorer.update([leg("a", "primary", "v1", 0.9)], 60.0, 0.0)
    scorer.on_label("a", 7, 0.0)
    assert scorer.labelled == {("r", "v1", "primary"): 1}
    assert (scorer.unscored, scorer.scores) == ({("r", "v1"): 1}, {})


def biased(parts: tuple[float, float]) -> Scorer:
    """A canary and a primary of which `parts` of the requests get a label."""
    scorer, rng = Scorer(), np.random.default_rng(1)
    for at in range(1000):
        mine = at % 2
        scorer.update([leg(str(at), *(("canary", "v2") if mine else ("primary", "v1")), 0.9)], 1e6, 0.0)
        if rng.random() < parts[0 if mine else 1]:
            scorer.on_label(str(at), 1, 0.0)
    return scorer


def test_labels_that_depend_on_the_version_are_all_inconclusive() -> None:
    scorer = biased((0.9, 0.3))
    assert scorer.inconclusive("r", "v2", "v1") == scorer.labelled["r", "v2", "canary"] > 400
    assert biased((0.5, 0.5)).inconclusive("r", "v2", "v1") == 0
    assert scorer.inconclusive("r", "v1", "v1") == scorer.inconclusive("r", "v9", "v1") == 0


def test_label_bias_is_asked_again_when_there_are_more_labels() -> None:
    scorer = biased((0.5, 0.5))
    assert scorer.inconclusive("r", "v2", "v1") == 0
    labels = scorer.labelled["r", "v2", "canary"]
    for at in range(int(labels * (RECHECK_GROWTH - 1.0)) + 200):
        scorer.update([leg(f"more{at}", "canary", "v2", 0.9)], 1e6, 0.0)
        scorer.update([leg(f"other{at}", "primary", "v1", 0.9)], 1e6, 0.0)
        scorer.on_label(f"more{at}", 1, 0.0)
    assert scorer.inconclusive("r", "v2", "v1") > labels


def test_another_model_has_neither_the_scores_nor_the_labels_of_the_one_before() -> None:
    scorer = Scorer()
    for name in ("a", "b"):
        scorer.update([leg(name, "primary", "v1", 0.9)], 60.0, 0.0)
        scorer.update([leg(name, "shadow", "v2", 0.1)], 60.0, 0.0)
    scorer.on_label("a", 1, 1.0)
    scorer.forget("r", "v2")
    assert list(scorer.scores) == [("r", "v1", "primary")]
    _, labelled = scorer.on_label("b", 1, 2.0)
    assert [each.leg.version for each in labelled] == ["v1"]
    assert scorer.labels.lost["r", "replaced"] == 1
