"""The demo, as a user starts it: it holds, it ends by itself, it can be interrupted, and it leaves nothing running."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from tests.support.demo import PATIENCE, demo


def test_the_story_holds_and_nothing_is_left(models_python: Path, tmp_path: Path) -> None:
    with demo(models_python, tmp_path, "hold=False, seconds=2.0, rate=150.0") as running:
        code = running.process.wait(PATIENCE)
        text = running.log.read_text(encoding="utf-8")
        assert code == 0, text
        assert running.left() == []
    for fact in ("from the kill to the flip", "0 of ", "gets nothing afterwards", "disagreement"):
        assert fact in text
    assert "BROKEN" not in text


def test_the_story_holds_by_grpc(models_python: Path, tmp_path: Path) -> None:
    with demo(models_python, tmp_path, "hold=False, seconds=2.0, rate=150.0, grpc=True") as running:
        code = running.process.wait(PATIENCE)
        text = running.log.read_text(encoding="utf-8")
        assert code == 0, text
    for fact in ("by gRPC", "from the kill to the flip", "0 of ", "gets nothing afterwards", "disagreement"):
        assert fact in text
    assert "BROKEN" not in text


def test_a_release_that_begins_in_ci(models_python: Path, tmp_path: Path) -> None:
    with demo(models_python, tmp_path, "hold=False, seconds=3.0, rate=150.0, ci=True") as running:
        code = running.process.wait(PATIENCE)
        text = running.log.read_text(encoding="utf-8")
        assert code == 0, text
        assert running.left() == []
    for fact in ("cancer-v2: pass: ", "cancer-v3: fail: disagreement", "  differs on ", "entries 2 to ", "was edited"):
        assert fact in text
    assert "BROKEN" not in text


@pytest.mark.parametrize(
    ("number", "when", "processes", "code"),
    [
        (signal.SIGINT, "Act 1", 7, 130),
        (signal.SIGTERM, "Starting", 2, 130),
        pytest.param(signal.SIGKILL, "Act 1", 7, -9, marks=pytest.mark.skipif(sys.platform != "linux", reason="prctl")),
    ],
)
def test_an_interrupted_demo_leaves_nothing(
    number: signal.Signals, when: str, processes: int, code: int, models_python: Path, tmp_path: Path
) -> None:
    """Seven: the demo, three model servers, Penumbra's supervisor, control and worker. A killed demo cannot wait for
    them, so they end after it."""
    with demo(models_python, tmp_path, "hold=False, seconds=60.0") as running:
        running.says(when)
        running.until(lambda left: len(left) >= processes)
        running.process.send_signal(number)
        assert running.process.wait(PATIENCE) == code, running.log.read_text(encoding="utf-8")
        if number == signal.SIGKILL:
            running.until(lambda left: not left)
        assert running.left() == []


def test_a_missing_models_venv_is_said(tmp_path: Path) -> None:
    with demo(tmp_path / "no" / "venv" / "python", tmp_path, "hold=False") as running:
        assert running.process.wait(PATIENCE) == 1
        assert "PENUMBRA_MODELS_VENV" in running.log.read_text(encoding="utf-8")
