"""How the cost of a request grows: with routes, versions, connections, features, shadows. Penumbra alone.

Nothing on the hot path may grow with the number of routes, versions or connections, or with history. Features and
shadows are work and may; a feature costs no more for being one of many.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from loadtests.cases import DESCRIPTORS, stage, tell
from loadtests.compare import How, Run, rounds
from loadtests.load import Drive
from loadtests.proxies import PEER, Edit, Plan, proxied
from loadtests.results import Sample, Samples, Spread, spread
from loadtests.traffic import write_bodies
from loadtests.turns import Turns
from proxy.dataplane.descriptors import Descriptors

MOST_SHADOWS = 4
MANY = 10_000


@dataclass(frozen=True, slots=True)
class Setting:
    """What one point of an axis changes from the mirrored case."""

    plan: Plan
    bodies: Path
    how: How
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


def with_versions(text: str, count: int) -> str:
    """The configuration with `count` versions, each but the first with its part of a tenth of the traffic."""
    config: dict[str, Any] = yaml.safe_load(text)
    names = [f"candidate-{number}" for number in range(1, count)]
    config["versions"] |= {name: {**config["versions"]["v2"]} for name in names}
    del config["routes"]["cancer"]["canary"]
    config["routes"]["cancer"]["split"] = {name: round(10 / len(names), 2) for name in names}
    return yaml.safe_dump(config, sort_keys=False)


def _routes(count: int, base: Setting, home: Path, shadows: Sequence[int]) -> Setting:
    return replace(base, edit=lambda text: with_routes(text, count))


def _versions(count: int, base: Setting, home: Path, shadows: Sequence[int]) -> Setting:
    return replace(base, edit=lambda text: with_versions(text, count))


def _features(count: int, base: Setting, home: Path, shadows: Sequence[int]) -> Setting:
    # Paced, and every body analysed: otherwise control would sample, and wide bodies would look cheap.
    bodies = write_bodies(home / f"bodies-{count}", count)
    return replace(
        base, plan=replace(base.plan, statistics=True, whole=True), bodies=bodies, how=Drive(bodies, pause_ms=40)
    )


def _connections(count: int, base: Setting, home: Path, shadows: Sequence[int]) -> Setting:
    return replace(base, how=Turns(base.bodies, count))


def _shadows(count: int, base: Setting, home: Path, shadows: Sequence[int]) -> Setting:
    return replace(base, edit=lambda text: with_shadows(text, shadows[:count]))


def _most_connections() -> int:
    """10,000 clients, or as many as one worker takes with the open files that it may have here."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    spare = 8  # looks at whether it answers
    return MANY if hard == resource.RLIM_INFINITY else min(MANY, Descriptors(min(hard, DESCRIPTORS)).clients - spare)


AXES: dict[str, Axis] = {
    "routes": Axis("routes in the table", (1, 1000), _routes),
    "versions": Axis("versions of a route", (2, 20), _versions),
    "features": Axis("features, every body analysed, 750 requests/s", (30, 3000), _features),
    "connections": Axis("client connections, one request at a time", (1, 100, _most_connections()), _connections),
    "shadows": Axis("shadows, each a full copy", (0, 1, MOST_SHADOWS), _shadows),
}


def growth(samples: Samples, of: Callable[[Sample], float]) -> Spread:
    """The last value of an axis over its first, round by round."""
    first, *_, last = samples.values()
    return spread([of(b) / of(a) for a, b in zip(first, last, strict=True)])


def run_axis(axis: Axis, seconds: float, repetitions: int) -> Samples:
    """Interleaved samples of every value on the axis, by value."""
    with stage(2 + MOST_SHADOWS) as (stack, home, (primary, canary, *shadows)):
        bodies = write_bodies(home / "bodies")
        base = Setting(Plan(primary, canary, shadows[0]), bodies, Drive(bodies))
        runs = [_start(stack, home, str(value), axis.at(value, base, home, shadows)) for value in axis.values]
        return rounds(runs, seconds, repetitions, tell)


def _start(stack: ExitStack, home: Path, name: str, setting: Setting) -> Run:
    proxy = stack.enter_context(proxied(PEER["penumbra"], setting.plan, home, setting.edit))
    if isinstance(setting.how, Turns):
        stack.callback(setting.how.close)
    return Run(name, proxy, setting.how)
