"""Evidence is built in one place, which takes each limit's share of the false-alarm probability from it."""

from __future__ import annotations

import ast
from math import log
from pathlib import Path

import pytest

from proxy.contracts.settings import Guard, Limit
from proxy.release.scorecard import bounds, threshold
from proxy.stats.evidence.alpha import AlphaShare, LogEvidence, alpha_share_of, limits_of
from proxy.stats.evidence.shown_counts import ShownFigures

PROXY = Path(__file__).resolve().parents[3] / "proxy"
FIGURES = ShownFigures(0.2, 100, 0.1, 900, 0.3, 50)
GUARD = Guard({"error_rate": Limit(max=0.1, max_ratio=1.5), "latency": Limit(max_ratio=1.1)}, 0.01)


def makers() -> set[str]:
    """The modules of the product that call `Evidence`, under whatever name they import it, or copy its fields."""
    found = set()
    for path in PROXY.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "Evidence" not in text:
            continue
        tree = ast.parse(text)
        names = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "proxy.contracts.evidence"
            for alias in node.names
            if alias.name == "Evidence"
        }
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        if any(isinstance(call, ast.Name) and call.id in names for call in calls) or any(
            isinstance(call, ast.Attribute) and call.attr == "Evidence" for call in calls
        ):
            found.add(str(path.relative_to(PROXY)))
    return found


def test_no_other_module_makes_evidence() -> None:
    assert makers() == {"stats/evidence/alpha.py"}


def test_the_limits_share_the_probability() -> None:
    share = alpha_share_of(GUARD, "v2")
    assert (share.limits, share.alpha) == (len(bounds(GUARD)), pytest.approx(0.01 / 3))
    assert limits_of(Limit(max=0.1, max_ratio=1.5)) == ["max", "max_ratio"]
    assert alpha_share_of(Guard({}), "v2").limits == 1


def test_a_limit_breaches_when_its_own_share_is_spent() -> None:
    """A test at α/k on one of k limits and the scorecard's threshold ln(1/α) are the same."""
    share = alpha_share_of(GUARD, "v2")
    found = share.evidence("latency", "max_ratio", FIGURES, LogEvidence(log(1 / share.alpha), 2.0, 7, 1.5), lost=3)
    assert found.log_breach == pytest.approx(threshold(GUARD))
    assert (found.metric, found.limit, found.version) == ("latency", "max_ratio", "v2")
    assert (found.log_pass, found.needed, found.dispersion, found.lost) == (2.0, 7, 1.5, 3)
    assert (found.value, found.n, found.reference, found.n_reference, found.shadow, found.n_shadow) == FIGURES


@pytest.mark.parametrize(("margin", "breaches"), [(0.0, True), (2.0, True), (-1e-9, False), (-3.0, False)])
def test_an_alarm_breaches_when_its_detector_says_so(margin: float, breaches: bool) -> None:
    found = alpha_share_of(GUARD, "v2").alarm("input_drift", "max_psi", FIGURES, margin)
    assert (found.log_breach >= threshold(GUARD)) is breaches
    assert found.log_pass is None


def test_of_nothing_there_is_no_evidence() -> None:
    found = AlphaShare("v2", 0.01, 5).nothing("f1", "min", 4, "no data: why")
    assert (found.value, found.n, found.lost, found.log_breach, found.note) == (None, 0, 4, 0.0, "no data: why")
