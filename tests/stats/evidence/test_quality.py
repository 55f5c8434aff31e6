"""Quality evidence: which leg a label speaks about, and whose figures are shown (the tests have their own tests)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from proxy.contracts.evidence import Evidence
from proxy.contracts.metrics import METRICS, Metric
from proxy.contracts.observation import Tensor
from proxy.contracts.record import ArmTick
from proxy.contracts.settings import Limit
from proxy.contracts.table import Role
from proxy.stats.evidence.alpha import AlphaShare
from proxy.stats.evidence.assignment_share import AssignmentShares
from proxy.stats.evidence.quality import QualityEvidence
from proxy.stats.quality.label_join import LabelledPrediction
from proxy.stats.quality.predictions import LegAnswer

LEGS = [
    pytest.param("v2", "canary", (1, 0, 0), id="the candidate's live leg"),
    pytest.param("v2", "shadow", (1, 0, 0), id="its copy, which is all there is"),
    pytest.param("v1", "primary", (0, 1, 0), id="the primary's"),
    pytest.param("v1", "noise", (0, 0, 0), id="a noise copy"),
    pytest.param("v1", "rescue", (0, 0, 0), id="a rescue"),
    pytest.param("v3", "canary", (0, 0, 0), id="another version's"),
]


def met(version: str, role: Role, right: bool = True) -> LabelledPrediction:
    leg = LegAnswer(version, role, 0.5, (Tensor("p", 1, 1, "number", [int(right)], integer=True),))
    return LabelledPrediction("r", leg, 0, 1, (leg,))


def evidence(*labelled: LabelledPrediction, candidate: str = "v2", primary: str = "v1") -> QualityEvidence:
    made = QualityEvidence({"accuracy": Limit(min=0.5, max_drop=0.1)}, AlphaShare(candidate, 0.01))
    for each in labelled:
        made.update(each, lambda metric: (None, 0), AssignmentShares(candidate, primary))
    return made


@pytest.mark.parametrize(("version", "role", "counts"), LEGS)
def test_whose_leg_the_label_speaks_about(version: str, role: Role, counts: tuple[int, int, int]) -> None:
    for found in evidence(met(version, role)).get(0):
        assert (found.n, found.n_reference, found.n_shadow) == counts


def test_copies_stand_beside_live_requests() -> None:
    found = evidence(met("v2", "shadow", right=False), met("v2", "canary"), met("v1", "primary")).get(3)[0]
    assert (found.value, found.n, found.shadow, found.n_shadow, found.lost) == (1.0, 1, 0.0, 1, 3)


def test_a_promoted_version_is_judged_alone() -> None:
    found = evidence(met("v2", "primary"), met("v1", "primary"), candidate="v2", primary="v2").get(0)[0]
    assert (found.value, found.n, found.reference, found.n_reference) == (1.0, 1, None, 0)


@pytest.mark.parametrize("row", [row for row in METRICS.values() if row.source == "labels"], ids=lambda row: row.name)
def test_every_limit_of_every_row_has_evidence(row: Metric) -> None:
    made = QualityEvidence({row.name: Limit(**dict.fromkeys(row.limits, 0.5))}, AlphaShare("v2", 0.01))
    assert {found.limit for found in made.get(0)} == set(row.limits)


BESIDE = AssignmentShares("v2", "v1", "v1b")
BESIDE.update(
    [ArmTick("r", "v2", "canary", 0.1), ArmTick("r", "v1b", "baseline", 0.1), ArmTick("r", "v1", "primary", 0.8)]
)


def beside(*labelled: LabelledPrediction) -> tuple[Evidence, Evidence]:
    made = QualityEvidence({"accuracy": Limit(min=0.5, max_drop=0.1)}, AlphaShare("v2", 0.01, against="baseline"))
    for each in labelled:
        made.update(each, lambda metric: (None, 0), BESIDE)
    least, drop = made.get(0)
    return least, drop


def test_beside_a_baseline_live_labels_are_compared_with_its_own() -> None:
    def share(version: str, role: Role, right: bool) -> LabelledPrediction:
        one = met(version, role, right)
        leg = replace(one.leg, share=0.8 if role == "primary" else 0.1)
        return one._replace(leg=leg, others=(leg,))

    rows = (share("v2", "canary", right=False), share("v1b", "baseline", right=True))
    _, drop = beside(*rows * 40)
    assert (drop.value, drop.reference, drop.n, drop.n_reference) == (0.0, 1.0, 40, 40)
    assert drop.log_breach > 5 and drop.against == "baseline"
    _, same = beside(*rows * 40, *[share("v1", "primary", right=False)] * 40)
    assert (same.log_breach, same.n_reference) == (drop.log_breach, 40), "the primary's alone say nothing"


def test_beside_a_baseline_pairs_are_still_the_primarys() -> None:
    rows = []
    for _ in range(40):
        legs = (met("v1", "primary").leg, met("v2", "shadow", right=False).leg)
        rows += [LabelledPrediction("r", leg, 0, 1, legs) for leg in legs]
    least, drop = beside(*rows)
    assert drop.log_breach > 5, "wrong where the primary was right"
    assert least.n == 40 and drop.n_reference == 0
