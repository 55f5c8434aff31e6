"""Adding a metric touches at most four places, and so does a strategy: here they are added to a copy of the tree.

The places of a metric are its row (`contracts/metrics.py`), its arithmetic where its kind needs any, a test of that,
and what is generated; those of a strategy its row (`contracts/strategies.py`), a transition of its own if it has one, a
test of that, and what is generated.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from proxy.contracts.metrics import METRICS, of_kind
from proxy.contracts.settings import Limit
from proxy.contracts.strategies import STRATEGIES
from proxy.control.history.series import FAMILIES

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "proxy" / "control" / "api" / "page"

ROWS = (
    (
        "proxy/contracts/metrics.py",
        "\n)\n\nMETRICS:",
        """
    _latency("latency_p999", 0.999, "latency p99.9", f"99.9th percentile {_TO_LAST_BYTE}", "500ms"),
    Metric(
        name="brier",
        kind="loss",
        unit="fraction",
        source="labels",
        title="Brier score",
        text="Mean squared error of labelled probabilities.",
        limits={"max": "0.2", "max_ratio": "1.2"},
    ),
    Metric("recall", "score", "fraction", "labels", "recall", "Part of the ones that are called so.", _SCORE),""",
    ),
    (
        "proxy/stats/quality/scores.py",
        '\n}\n"""The arithmetic of each metric of kind `score`',
        '\n    "recall": lambda s: float(not s.wrong) if s.label == 1 and s.error is None else None,',
    ),
    (
        "proxy/stats/quality/scores.py",
        '\n}\n"""The arithmetic of each metric of kind `loss`',
        '\n    "brier": Loss(lambda scored: None if scored.probability is None else (1.0 - scored.probability) ** 2),',
    ),
    (
        "proxy/contracts/strategies.py",
        "\n)\n\nSTRATEGIES:",
        """
    StrategyRow(
        name="slow-canary",
        text="goes by stages and can be undone for an hour",
        traffic=("shadow", "canary"),
        needs_stages=True,
        window=3600.0,
    ),""",
    ),
)
"""File, the text before which a row is put, and the row. A quantile is one row; a score and a loss are a row and an
entry of arithmetic."""


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `support/one_row.py` finds in a copy of the tree with a quantile, a score, a loss and a strategy more."""
    tree = tmp_path_factory.mktemp("tree")
    for folder in ("proxy", "docs", "deploy/grafana"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    for name, before, row in ROWS:
        text = (tree / name).read_text(encoding="utf-8")
        assert text.count(before) == 1, name
        (tree / name).write_text(
            text.replace(before, row + before).replace('"big-bang"]', '"big-bang", "slow-canary"]')
        )
    command = [sys.executable, str(ROOT / "tests" / "support" / "one_row.py")]
    added = ["latency_p999", "brier", "recall", "--", "slow-canary"]
    done = subprocess.run(
        [*command, *added],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["house"].startswith(str(tree))
    return found


@pytest.mark.parametrize(
    ("name", "configured", "answer"),
    [
        ("latency_p999", 0.3, {"title": "latency p99.9", "unit": "seconds"}),
        ("brier", 0.2, {"title": "Brier score", "unit": "fraction"}),
        ("recall", 0.9, {"title": "recall", "unit": "fraction"}),
    ],
)
def test_a_metric_is_everywhere(faces: dict[str, Any], name: str, configured: float, answer: dict[str, str]) -> None:
    found = faces[name]
    assert found["configured"] == configured
    assert found["schema"]
    assert found["reference"]
    assert found["example"]
    assert found["words"].split()[0] in ("99.9th", "Mean", "Part")
    outcome, sentence = found["verdict"]
    assert outcome == "fail"
    assert sentence.startswith(name)
    assert found["answer"] == {"metric": name, "verdict": "fail"} | answer
    assert found["figure"]
    assert found["after"]
    assert found["dashboard"]


def test_a_strategy_is_everywhere(faces: dict[str, Any]) -> None:
    found = faces["slow-canary"]
    assert found["same"]
    assert found["window"] == 3600.0
    assert found["refused"].startswith("stages: found no stage; allowed: at least one")
    assert found["openapi"]
    assert found["schema"]
    assert "`slow-canary` goes by stages and can be undone for an hour" in found["words"]
    assert (found["phase"], found["end"]) == ("ramping", "promote")


def test_the_page_knows_units_and_no_metric() -> None:
    script = "\n".join(path.read_text(encoding="utf-8") for path in PAGE.glob("*.js"))
    # Families of series of the history are fields of the API, and two have the name of a metric.
    named = {name for name in METRICS if re.search(rf"[/|'\"]{name}[/|'\"]", script)}
    assert named <= {*FAMILIES}
    assert "IN_UNIT[line.unit]" in script


def test_rows_are_sound() -> None:
    for metric in METRICS.values():
        assert set(metric.limits) <= set(Limit.__struct_fields__)
        assert (metric.side is not None) == (metric.kind == "drift")
        assert (metric.quantile is not None) == (metric.kind in ("quantile", "distribution"))
    assert {metric.name for metric in METRICS.values() if not metric.survives_promotion} == {
        metric.name for metric in of_kind("paired", "drift")
    }
    for row in STRATEGIES.values():
        assert not (row.arms and row.traffic)
        assert row.promotes or not row.window
