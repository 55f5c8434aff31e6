"""How the cost of a request grows: with routes, features, workers, connections, shadows. Penumbra alone.

Nothing on the hot path may grow with the number of routes or with history; features and shadows are work and may.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from loadtests.cases import console, stage, tell
from loadtests.compare import Run, rounds
from loadtests.load import Drive
from loadtests.proxies import PEER, Edit, Plan, proxied
from loadtests.results import Samples
from loadtests.traffic import write_bodies

MOST_SHADOWS = 4


@dataclass(frozen=True, slots=True)
class Setting:
    """What one point of an axis changes from the mirrored case."""

    plan: Plan
    how: Drive
    edit: Edit = str


@dataclass(frozen=True, slots=True)
class Axis:
    """`values` along the axis and the setting for each, made from the base one, a directory, and the shadows' ports."""

    title: str
    values: tuple[int, ...]
    at: Callable[[int, Setting, Path, Sequence[int]], Setting]


def with_routes(text: str, count: int) -> str:
    """The configuration with `count` routes; those that are added match other models, and are found first."""
    config: dict[str, Any] = yaml.safe_load(text)
    others = {
        f"model-{number}": {"match": {"path": f"/v2/models/model-{number}/"}, "protocol": "opaque", "primary": "v1"}
        for number in range(1, count)
    }
    config["routes"] = others | config["routes"]
    return yaml.safe_dump(config, sort_keys=False)


def with_shadows(text: str, ports: Sequence[int]) -> str:
    """The configuration with a full shadow at each port."""
    config: dict[str, Any] = yaml.safe_load(text)
    names = [f"shadow-{number}" for number in range(1, len(ports) + 1)]
    config["versions"] |= {name: {"url": f"http://127.0.0.1:{port}"} for name, port in zip(names, ports, strict=True)}
    config["routes"]["cancer"]["shadows"] = [{"version": name, "percent": 100} for name in names]
    return yaml.safe_dump(config, sort_keys=False)


def _routes(count: int, base: Setting, home: Path, shadows: Sequence[int]) -> Setting:
    return replace(base, edit=lambda text: with_routes(text, count))


def _features(count: int, base: Setting, home: Path, shadows: Sequence[int]) -> Setting:
    # Paced: under saturation control would sample, and wide bodies would look cheap.
    bodies = write_bodies(home / f"bodies-{count}", count)
    return Setting(replace(base.plan, statistics=True), replace(base.how, bodies=bodies, pause_ms=20))


def _workers(count: int, base: Setting, home: Path, shadows: Sequence[int]) -> Setting:
    return replace(base, plan=replace(base.plan, workers=count))


def _connections(count: int, base: Setting, home: Path, shadows: Sequence[int]) -> Setting:
    return replace(base, how=replace(base.how, connections=count))


def _shadows(count: int, base: Setting, home: Path, shadows: Sequence[int]) -> Setting:
    return replace(base, edit=lambda text: with_shadows(text, shadows[:count]))


AXES: dict[str, Axis] = {
    "routes": Axis("routes in the table", (1, 10, 100, 1000), _routes),
    "features": Axis("features, all statistics, 1,500 requests/s", (3, 30, 300), _features),
    "workers": Axis("workers", (1, 2), _workers),
    "connections": Axis("client connections", (1, 8, 32, 128, 512, 2000), _connections),
    "shadows": Axis("shadows, each a full copy", tuple(range(MOST_SHADOWS + 1)), _shadows),
}


def run_axis(axis: Axis, seconds: float, repetitions: int) -> Samples:
    """Interleaved samples of every value on the axis, by value."""
    with stage(2 + MOST_SHADOWS) as (stack, home, (primary, canary, *shadows)):
        base = Setting(Plan(primary, canary, shadows[0]), Drive(write_bodies(home / "bodies")))
        runs = [_start(stack, home, str(value), axis.at(value, base, home, shadows)) for value in axis.values]
        return rounds(runs, seconds, repetitions, tell)


def _start(stack: ExitStack, home: Path, name: str, setting: Setting) -> Run:
    proxy = stack.enter_context(proxied(PEER["penumbra"], setting.plan, home, setting.edit))
    return Run(name, proxy, setting.how)


def run_growth(seconds: float, repetitions: int) -> dict[str, Samples]:
    """All axes."""
    results: dict[str, Samples] = {}
    for name, axis in AXES.items():
        console.print(f"cost against {axis.title}")
        results[name] = run_axis(axis, seconds, repetitions)
    return results
