"""The history in metrics: what it takes, and whether its file takes it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from proxy.control.telemetry.history_metrics import HistoryCollector
from tests.control.history.pasts import Recorded, legs


def samples(past: Recorded) -> dict[str, list[tuple[dict[str, str], float]]]:
    return {
        family.name: [(each.labels, each.value) for each in family.samples]
        for family in HistoryCollector(past.past).collect()
    }


def test_it_tells_of_bytes_and_of_a_file_that_fails(tmp_path: Path) -> None:
    async def scene() -> None:
        past = Recorded(path=str(tmp_path / "later" / "state.db.history"))
        for _ in range(30):
            past.tick(legs(1), after=1.0)
        await past.past.store(past.now)
        found = samples(past)
        (disk, memory), errors = found["penumbra_history_bytes"], found["penumbra_history_errors"]
        assert disk == ({"place": "disk"}, 0.0) and memory[1] > 500.0 and errors == [({}, 1.0)]
        (tmp_path / "later").mkdir()
        await past.past.store(past.now)
        disk = samples(past)["penumbra_history_bytes"][0]
        assert disk[1] >= 4096.0 and samples(past)["penumbra_history_errors"] == [({}, 1.0)]
        await past.past.close(past.now)

    asyncio.run(scene())
