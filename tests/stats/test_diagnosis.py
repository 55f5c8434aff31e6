"""World or model: the four corners of the table, and too little to tell."""

import numpy as np
import pytest

from proxy.contracts.settings import Limit
from proxy.contracts.table import Role
from proxy.stats.agreement.comparer import PairResult
from proxy.stats.diagnosis import diagnose
from proxy.stats.drift.figures import Drift
from proxy.stats.drift.profile import BodySide
from proxy.stats.evidence.alpha import AlphaShare
from proxy.stats.evidence.disagreement import Disagreement


def drift(
    side: BodySide = "input",
    drifted: bool = False,
    version: str = "v1",
    role: Role = "primary",
    n: int = 5000,
    feature: str = "x",
) -> Drift:
    return Drift(feature, side, version, role, 0.5 if drifted else 0.0, 1.0, 1.0 if drifted else -5.0, drifted, n)


def pairs(n: int = 1000, ratio: float = 0.0) -> Disagreement:
    made = Disagreement(Limit(), AlphaShare("v2", 0.001))
    if n:
        made.update([PairResult("r", "v2", n, int(n * ratio))])
    return made


@pytest.mark.parametrize(
    ("drifted", "ratio", "kind"),
    [(False, 0.01, "steady"), (True, 0.01, "world"), (False, 0.5, "model"), (True, 0.5, "both")],
)
def test_the_four_corners(drifted: bool, ratio: float, kind: str) -> None:
    found = diagnose([drift(drifted=drifted)], pairs(ratio=ratio), "v2")
    assert found.kind == kind
    assert found.features == (("x",) if drifted else ())
    assert found.disagreement == ratio
    assert str(found.pairs) in found.sentence.replace(",", "")


def test_too_little_is_unknown() -> None:
    assert diagnose([], pairs(), "v2").kind == "unknown"
    assert diagnose([drift(n=10)], pairs(), "v2").kind == "unknown"
    assert diagnose([drift()], pairs(10), "v2").kind == "unknown"
    assert diagnose([drift()], pairs(0), "v2").kind == "unknown"


def test_without_pairs_predictions_speak() -> None:
    mine, primary = drift("prediction", True, "v2", "canary", feature="score"), drift("prediction", feature="score")
    assert diagnose([drift(), mine, primary], pairs(0), "v2").kind == "model"
    both = drift("prediction", True, feature="score")
    assert diagnose([drift(drifted=True), mine, both], pairs(0), "v2").kind == "world"
    assert diagnose([drift(), drift("prediction", False, "v2", "canary"), primary], pairs(0), "v2").kind == "steady"
    assert np.isfinite(diagnose([drift()], pairs(0), "v2").rows)
