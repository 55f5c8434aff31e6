"""Stories of a real Penumbra: their figures and those beside them outlive the process that counted them, together."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tests.process.conftest import Start
from tests.support.running import Running, call, eventually
from tests.support.upstream import Upstream

RELEASE = (
    "release: {candidate: b, strategy: canary, stages: [{canary: 50, requests: 100000}], "
    "scorecard: {error_rate: {max: 0.9}, refusal_rate: off, abandonment_rate: off, invalid_rate: off}}"
)


def told(running: Running) -> dict[str, Any]:
    return dict(running.ask("GET", "/v1/routes/r/explain").json())


def beside(running: Running) -> tuple[int, int]:
    """Requests that met the candidate, and those that its limit has counted: all of them ask a model something."""
    found = told(running)
    (line,) = found["verdicts"]
    return found["touched"]["live"]["requests"], line["n"]


def standing(running: Running) -> tuple[int, int] | None:
    """The same; None: nobody answers."""
    try:
        return beside(running)
    except OSError:
        return None


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_figures_that_stand_together_agree_after_control_ended(
    start: Start, a: Upstream, b: Upstream, end: signal.Signals
) -> None:
    a.body = b.body = b'{"predictions": [0.1]}'
    running = start(route=RELEASE)
    for life in range(3):
        for _ in range(30 + 10 * life):
            assert call(running.data, "POST", "/predict", {"instances": [1]}).status == 200
        eventually(lambda: len(set(beside(running))) == 1, "one count of the requests")
        control = running.child("control")
        running.kill(control, end)
        running.event("control is up", life + 2)
        requests, counted = eventually(lambda: standing(running), "the next control")
        assert requests == counted
        if end == signal.SIGTERM:
            assert requests == len(b.seen)
