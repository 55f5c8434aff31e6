"""Two builds side by side: who is started, and what a line of the table says."""

from __future__ import annotations

from pathlib import Path

from loadtests.cases import CASES
from loadtests.results import Load, Sample, Samples
from loadtests.versus import FIGURES, build, row


def sample(cpu: float, p50: float) -> Sample:
    return Sample({"worker": cpu}, Load(10, 1.0, 0, 0, 0, 0, 0, 0, p50, 0.0, 0.0, 0.0, 0.0, 0.0), None)


def test_every_figure_is_of_a_case() -> None:
    assert set(FIGURES) <= set(CASES)


def test_a_build_runs_from_its_own_directory(tmp_path: Path) -> None:
    environment = build("before", tmp_path).environment()
    assert environment is not None and environment["PYTHONPATH"] == str(tmp_path)


def test_a_ratio_is_of_the_same_round() -> None:
    samples: Samples = {
        "before": [sample(10, 50), sample(100, 500), sample(20, 70)],
        "after": [sample(11, 50), sample(90, 400), sample(20, 70)],
    }
    assert row("split", samples) == (
        "split",
        "CPU µs/request",
        "20.0 (10.0-100.0)",
        "20.0 (11.0-90.0)",
        "1.000",
    )
    assert row("single", samples)[2:] == ("70.0 (50.0-500.0)", "70.0 (50.0-400.0)", "1.000")
