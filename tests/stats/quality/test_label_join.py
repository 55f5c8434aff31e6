"""Late labels: joined with every role's prediction, once, within bounds; whatever is lost is counted."""

from typing import Any

import pytest

from proxy.contracts.bounds import MAX_VALUE, shortened
from proxy.contracts.observation import Observation, Tensor
from proxy.contracts.table import Role
from proxy.stats.quality.label_join import (
    EARLY_SECONDS,
    MAX_EARLY_BYTES,
    MAX_EARLY_LABELS,
    MAX_VALUES,
    MAX_WAITING_BYTES,
    LabelJoin,
    LabelledPrediction,
)
from tests.support.observed import observation


def leg(
    request_id: str,
    role: Role = "primary",
    value: int = 1,
    rows: int = 1,
    status: int = 200,
    version: str | None = None,
    route: str = "r",
) -> Observation:
    outputs = (Tensor("predict", rows, 1, "number", [value] * rows, integer=True),)
    return observation((0, "a"), 1, request_id, route, version or role, role, 0.5, status, "", 0, 0, 0, 0, (), outputs)


def note(labels: LabelJoin, *args: Any, now: float = 0.0, wait: float = 100.0, **more: Any) -> list[LabelledPrediction]:
    return labels.update([leg(*args, **more)], wait, now)


def test_a_label_meets_every_role() -> None:
    labels = LabelJoin()
    note(labels, "a", "primary")
    note(labels, "a", "shadow", 0)
    outcome, met = labels.on_label("a", 1.0, 0.0)
    assert outcome == "joined"
    assert [(m.leg.role, m.leg.prediction(m.row).label, m.label) for m in met] == [("primary", 1, 1), ("shadow", 0, 1)]


def test_a_leg_that_is_later_than_its_label_meets_it_too() -> None:
    labels = LabelJoin()
    note(labels, "a", "primary")
    labels.on_label("a", 1, 0.0)
    (met,) = note(labels, "a", "shadow", 0)
    assert (met.leg.role, met.label, [other.role for other in met.others]) == ("shadow", 1, ["primary", "shadow"])


def test_labels_and_legs_count_once() -> None:
    labels = LabelJoin()
    note(labels, "a")
    assert note(labels, "a") == []
    assert [labels.on_label("a", 1, 0.0)[0], labels.on_label("a", 0, 0.0)[0], labels.on_label("b", 1, 0.0)[0]] == [
        "joined",
        "duplicate",
        "unknown",
    ]
    assert labels.outcomes == {"joined": 1, "duplicate": 1, "unknown": 1}


@pytest.mark.parametrize("label", [[1, 2], None, {"a": 1}, float("nan"), [1, None]])
def test_labels_that_do_not_fit_are_told(label: Any) -> None:
    labels = LabelJoin()
    note(labels, "a")
    assert labels.on_label("a", label, 0.0)[0] == "mismatch"
    assert labels.on_label("a", 1, 0.0)[0] == "joined"


def test_rows_have_a_label_each() -> None:
    labels = LabelJoin()
    note(labels, "a", rows=3)
    outcome, met = labels.on_label("a", [1, 0, 1], 0.0)
    assert (outcome, [(m.row, m.label) for m in met]) == ("joined", [(0, 1), (1, 0), (2, 1)])
    note(labels, "b", rows=MAX_VALUES + 1)
    assert labels.lost == {("r", "too_large"): 1}


def test_a_large_answer_is_not_kept_beside_a_small_one() -> None:
    labels = LabelJoin()
    note(labels, "a")
    vast = (Tensor("scores", 1, MAX_VALUES + 1, "number", [0.0] * (MAX_VALUES + 1)),)
    late = observation((0, "a"), 1, "a", "r", "v2", "shadow", 0.5, 200, "", 0, 0, 0, 0, (), vast)
    labels.update([late], 100.0, 0.0)
    assert labels.lost == {("r", "too_large"): 1}
    assert [met.leg.role for met in labels.on_label("a", 1, 0.0)[1]] == ["primary"]


def test_what_waits_too_long_or_does_not_fit_is_counted() -> None:
    labels = LabelJoin(capacity=2)
    for name in "abc":
        note(labels, name)
    assert labels.lost == {("r", "evicted"): 1}
    labels.on_label("b", 1, 0.0)
    labels.expire(99.0)
    assert labels.lost == {("r", "evicted"): 1}
    labels.expire(100.0)
    assert labels.lost == {("r", "evicted"): 1, ("r", "late"): 1}
    assert labels.on_label("c", 1, 0.0)[0] == "unknown"


def test_a_route_that_waits_long_does_not_hold_up_another() -> None:
    labels = LabelJoin()
    note(labels, "long", route="day", wait=86_400.0)
    note(labels, "short", route="minute", wait=60.0)
    labels.expire(60.0)
    assert labels.lost == {("minute", "late"): 1}
    assert labels.on_label("long", 1, 86_399.0)[0] == "joined"


def test_a_shorter_wait_holds_for_what_waits_already() -> None:
    labels = LabelJoin()
    note(labels, "a", wait=86_400.0)
    note(labels, "b", now=10.0, wait=60.0)
    labels.expire(60.0)
    assert labels.lost == {("r", "late"): 1}


def test_a_busy_route_pushes_out_its_own() -> None:
    labels = LabelJoin(capacity=10)
    note(labels, "rare", route="quiet")
    for at in range(100):
        note(labels, f"often{at}", route="busy")
    assert labels.lost == {("busy", "evicted"): 91}
    assert len(labels._requests) == 10
    assert labels.on_label("rare", 1, 0.0)[0] == "joined"


def test_an_id_that_two_routes_use_belongs_to_the_first() -> None:
    labels = LabelJoin()
    note(labels, "a")
    assert note(labels, "a", version="other", route="s") == []
    assert labels.lost == {("s", "id_in_use"): 1}
    assert [met.leg.version for met in labels.on_label("a", 1, 0.0)[1]] == ["primary"]


def test_failed_answers_and_nameless_requests_predict_nothing() -> None:
    labels = LabelJoin()
    note(labels, "a", status=500)
    note(labels, "")
    assert not labels._requests


def test_a_label_that_comes_before_its_record_waits_a_moment() -> None:
    labels = LabelJoin()
    assert labels.on_label("a", 1, 0.0)[0] == labels.on_label("b", 1, 0.0)[0] == "unknown"
    (met,) = note(labels, "a", now=EARLY_SECONDS - 1)
    assert met.label == 1
    assert note(labels, "b", now=EARLY_SECONDS + 1) == []
    assert labels.outcomes == {"unknown": 2, "joined": 1}
    for at in range(3 * MAX_EARLY_LABELS):
        labels.on_label(f"nobody{at}", 1, 0.0)
    assert len(labels._early) == MAX_EARLY_LABELS


def named(request_id: str, route: str, characters: int) -> Observation:
    outputs = (Tensor("class", 1, MAX_VALUES, "category", ["x" * characters] * MAX_VALUES),)
    return observation((0, "a"), 1, request_id, route, "v1", "primary", 0.0, 200, "", 0, 0, 0, outputs=outputs)


def test_what_waits_is_bounded_in_bytes_and_the_heaviest_route_pays() -> None:
    join = LabelJoin()
    join.update([leg("light", route="light")], 60.0, 0.0)
    for at in range(2000):
        join.update([named(f"{at}", "heavy", 256)], 60.0, 0.0)
    assert join.lost == {("heavy", "evicted"): 2000 + 1 - len(join._requests)}
    assert join._bytes == sum(kept.block.weights[kept.at] for kept in join._requests.values()) <= MAX_WAITING_BYTES
    assert join.on_label("light", 1, 1.0)[0] == "joined"
    join.expire(100.0)
    assert not join._requests and not join._bytes


def test_labels_weigh_too() -> None:
    join = LabelJoin()
    join.update([leg("a", rows=64)], 60.0, 0.0)
    before = join._bytes
    join.on_label("a", ["x" * 1000] * 64, 1.0)
    assert join._bytes > before + 64_000


def test_early_labels_are_bounded_in_bytes() -> None:
    join = LabelJoin()
    for at in range(100):
        join.on_label(f"{at}", [f"{at}" + "x" * 1000] * 64, 0.0)
    assert join.forgotten == 100 - len(join._early)
    assert 0 < join._early_bytes <= MAX_EARLY_BYTES
    for at in range(100):
        join.update([leg(f"{at}", rows=64)], 60.0, 1.0)
    assert not join._early and not join._early_bytes


def test_a_long_label_meets_a_prediction_that_was_shortened() -> None:
    join, label = LabelJoin(), "x" * 1000
    outputs = (Tensor("class", 1, 1, "category", [shortened(label, MAX_VALUE)]),)
    join.update(
        [observation((0, "a"), 1, "a", "r", "v1", "primary", 0.0, 200, "", 0, 0, 0, outputs=outputs)], 60.0, 0.0
    )
    _, (labelled,) = join.on_label("a", label, 1.0)
    assert labelled.leg.prediction(0).label == labelled.label


def test_a_whole_number_among_fractions_is_a_score_whenever_it_came() -> None:
    made = LabelJoin()
    values: list[float] = [1, 0.7, 0, 0.2]
    for at, value in enumerate(values):
        outputs = (Tensor("p", 1, 1, "number", [value], integer=isinstance(value, int)),)
        leg = Observation(
            exchange=at, request_id=str(at), route="r", version="v1", role="primary", share=1.0, status=200,
            started=0.0, total=0.0, outputs=outputs,
        )  # fmt: skip
        made.update([leg], 60.0, 0.0)
    met = [made.on_label(str(at), 1, 1.0)[1][0] for at in range(len(values))]
    assert [each.leg.prediction(0).number for each in met] == values
    assert all(each.leg.prediction(0).label is None for each in met)


@pytest.mark.parametrize("datatype", ["INT64", ""])
def test_whole_numbers_alone_are_classes(datatype: str) -> None:
    made = LabelJoin()
    outputs = (Tensor("p", 1, 1, "number", [1], integer=True, datatype=datatype),)
    leg = Observation(
        exchange=1, request_id="a", route="r", version="v1", role="primary", share=1.0, status=200,
        started=0.0, total=0.0, outputs=outputs,
    )  # fmt: skip
    made.update([leg], 60.0, 0.0)
    assert made.on_label("a", 1, 1.0)[1][0].leg.prediction(0).label == 1


def test_what_another_model_predicted_meets_no_label() -> None:
    labels = LabelJoin()
    for role in ("primary", "shadow"):
        labels.update([leg(name, role, version="v1" if role == "primary" else "v2") for name in "ab"], 100.0, 0.0)
    labels.on_label("b", 1, 0.0)
    labels.forget("r", "v2")
    assert labels.lost == {("r", "replaced"): 1}  # the other one was labelled in time
    note(labels, "a", "shadow", 0, version="v2")
    met = labels.on_label("a", 1, 0.0)[1]
    assert [(each.leg.version, each.leg.prediction(0).label) for each in met] == [("v1", 1), ("v2", 0)]
    assert [each.labelled for each in labels.arrivals("r", ("v2", "shadow"), ("v1", "primary"))] == [True, True]
    labels.expire(200.0)
    assert not labels._requests and not labels._labelled and not labels._bytes
