"""The canary's process is killed under load: no client notices, and the rollback comes by itself in under a second."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from tests.e2e.conftest import Models, Penumbra

RATE = 150.0
WARM = 100


def test_a_killed_canary_is_rolled_back(
    models: Models, start: Callable[..., Penumbra], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with models.another("cancer-v3", tmp_path) as doomed:
        penumbra = start(
            {"cancer-v1": models.servers["cancer-v1"].url, "cancer-v3": doomed.url},
            primary="cancer-v1",
            canary={"version": "cancer-v3", "percent": 50, "sticky": "header:x-user-id"},
        )
        with models.drive(penumbra.address, rate=RATE) as drive:
            penumbra.until(lambda _: penumbra.legs(role="canary", code="200") > WARM, "canary traffic")
            killed = time.time()
            doomed.child.kill()
            route = penumbra.until(lambda route: route["phase"] == "rolled_back", "the rollback")
            shown = time.time() - killed
            served = penumbra.legs(role="primary")
            penumbra.until(lambda _: penumbra.legs(role="primary") > served + WARM, "traffic after the rollback")
            canary = penumbra.legs(role="canary")
            penumbra.until(lambda _: penumbra.legs(role="primary") > served + 2 * WARM, "more of it")
            assert penumbra.legs(role="canary") == canary, "a rolled-back canary got traffic"
            exchanges = drive.stop()

    penumbra.counted(len(exchanges) + 1)
    failed = canary - penumbra.legs(role="canary", code="200")
    decided = rollback_of(penumbra)["at"] - killed
    with capsys.disabled():
        print(
            f"\nkilled canary at 50 %, {RATE:g} requests/s: decided after {decided:.3f} s, shown after {shown:.3f} s, "
            f"{failed} canary requests failed, {len(exchanges)} client requests without an error"
        )
    assert [exchange.error for exchange in exchanges if exchange.error] == []
    assert penumbra.metrics().total("penumbra_rescued_total", version="cancer-v3") == failed > 0
    assert 0 < decided < 1.0
    assert route["split"].get("cancer-v3", 0.0) == 0.0


def test_a_rolled_back_canary_gets_traffic_only_when_somebody_says_so(
    models: Models, start: Callable[..., Penumbra], tmp_path: Path
) -> None:
    with models.another("cancer-v3", tmp_path) as doomed:
        penumbra = start(
            {"cancer-v1": models.servers["cancer-v1"].url, "cancer-v3": doomed.url},
            primary="cancer-v1",
            canary={"version": "cancer-v3", "percent": 50},
        )
        doomed.child.kill()
        with models.drive(penumbra.address, rate=RATE) as drive:
            penumbra.until(lambda route: route["phase"] == "rolled_back", "the rollback")
            sent = len(drive.stop()) + 1
        penumbra.counted(sent)
        canary = penumbra.legs(role="canary")
        sent += len(models.exchanges(penumbra.address, count=20)) + 1
        penumbra.counted(sent)
        assert penumbra.legs(role="canary") == canary
        penumbra.put("split", {"cancer-v3": 50})
        exchanges = models.exchanges(penumbra.address, count=20)
        penumbra.counted(sent + len(exchanges) + 1)
        assert penumbra.legs(role="canary") > canary
        assert not any(exchange.error for exchange in exchanges)


def rollback_of(penumbra: Penumbra) -> dict[str, Any]:
    """The one audit entry of the rollback; it names the scorecard and carries the evidence."""
    entries = [entry for entry in penumbra.audit() if entry["action"] == "rollback"]
    assert len(entries) == 1
    assert entries[0]["who"] == "scorecard"
    assert entries[0]["evidence"]
    found: dict[str, Any] = entries[0]
    return found
