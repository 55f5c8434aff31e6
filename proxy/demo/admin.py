"""A client of Penumbra's admin API and of /metrics: the only sources of the figures that the demo shows of Penumbra."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families


class AdminRefused(Exception):
    """The admin API did not do what the demo asked; the message carries its answer."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """One scrape: samples as (name, labels, value)."""

    samples: tuple[tuple[str, dict[str, str], float], ...]

    def values(self, name: str, **labels: str) -> list[float]:
        """The values of all samples called `name` that carry `labels`."""
        return [
            value for sample, carried, value in self.samples if sample == name and labels.items() <= carried.items()
        ]

    def total(self, name: str, **labels: str) -> float:
        """Their sum; 0 when there is none yet."""
        return sum(self.values(name, **labels))

    def one(self, name: str, **labels: str) -> float | None:
        """The first of them, or None when there is none yet."""
        return next(iter(self.values(name, **labels)), None)


def read_metrics(text: str) -> Metrics:
    """Reads the exposition format of Prometheus."""
    families = text_string_to_metric_families(text)
    return Metrics(tuple((s.name, dict(s.labels), s.value) for family in families for s in family.samples))


class AdminClient:
    """A client of the admin API at `url`."""

    __slots__ = ("_session", "url")

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self.url = session, url

    async def route(self, name: str) -> dict[str, Any]:
        return await self._ask("GET", f"/v1/routes/{name}")

    async def fleet(self) -> dict[str, Any]:
        return await self._ask("GET", "/v1/fleet")

    async def put_split(self, name: str, split: dict[str, float], reason: str) -> None:
        await self._ask("PUT", f"/v1/routes/{name}/split", {"split": split, "reason": reason})

    async def put_shadows(self, name: str, shadows: dict[str, float], reason: str) -> None:
        await self._ask("PUT", f"/v1/routes/{name}/shadows", {"shadows": shadows, "reason": reason})

    async def release(self, name: str, release: dict[str, Any]) -> None:
        await self._ask("POST", f"/v1/routes/{name}/release", release)

    async def rollback_entry(self) -> dict[str, Any] | None:
        """The audit entry of the latest rollback that the scorecard ordered."""
        entries = (await self._ask("GET", "/v1/audit"))["entries"]
        rollbacks = [entry for entry in entries if (entry["who"], entry["action"]) == ("scorecard", "rollback")]
        return max(rollbacks, key=lambda entry: float(entry["at"]), default=None)

    async def metrics(self) -> Metrics:
        """One scrape of /metrics."""
        async with self._session.get(f"{self.url}/metrics") as response:
            return read_metrics(await response.text())

    async def _ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        async with self._session.request(method, self.url + path, json=body) as response:
            text = await response.text()
            if response.status != 200:
                raise AdminRefused(f"{method} {path}: {response.status} {text[:500]}")
            answer: dict[str, Any] = await response.json(content_type=None)
            return answer
