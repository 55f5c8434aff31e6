"""Messages in metrics: by destination, and what waits."""

from __future__ import annotations

import asyncio
from pathlib import Path

from proxy.contracts.operation import Hook
from proxy.control.notify import Notifier
from proxy.control.telemetry.message_metrics import MessageCollector
from proxy.release.audit import Change
from tests.control.houses import House, section, settings


def test_each_destination_has_its_counts() -> None:
    async def scene() -> dict[str, list[tuple[dict[str, str], float]]]:
        notifier = Notifier(lambda: "", lambda: 0.0)
        notifier.use([Hook("http://127.0.0.1:1/", name="ops"), Hook("http://127.0.0.1:1/", format="slack")])
        for _ in range(300):
            notifier.listen(Change("ops", "split", "r", "why"), 0.0)
        families = list(MessageCollector(notifier).collect())
        await asyncio.sleep(0)
        for place in notifier.destinations:
            place.close()
        return {each.name: [(sample.labels, sample.value) for sample in each.samples] for each in families}

    found = asyncio.run(scene())
    assert ({"destination": "ops", "outcome": "dropped"}, 44.0) in found["penumbra_messages"]
    assert ({"destination": "slack-2"}, 256.0) in found["penumbra_messages_waiting"]
    assert ({"event": "change", "outcome": "dropped"}, 88.0) in found["penumbra_notifications"]
    assert found["penumbra_matters_open"] == [({}, 0.0)]
    assert found["penumbra_messages_file_errors"] == [({}, 0.0)]


def test_a_file_that_takes_nothing_is_counted(tmp_path: Path) -> None:
    async def scene() -> float:
        notifier = Notifier(lambda: "", lambda: 0.0, state=str(tmp_path / "gone" / "state.db"))
        notifier.use([Hook("http://127.0.0.1:1/", name="ops")])
        house = House(settings(section()))
        notifier.look(house.engine, sends=True)
        notifier.listen(Change("ops", "split", "r", "why"), 0.0)
        families = {each.name: each for each in MessageCollector(notifier).collect()}
        await notifier.close()
        return families["penumbra_messages_file_errors"].samples[0].value

    assert asyncio.run(scene()) >= 1.0
