"""A fleet of real sidecars for tests: `penumbra run` several times, a real Redis between them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from http.client import HTTPException
from pathlib import Path
from shutil import rmtree
from types import TracebackType
from typing import Any, Self, TypeVar

from proxy.cli.audit import verify_chain, verify_copy
from tests.support.redis_server import RedisServer
from tests.support.running import Running, Traffic, eventually

T = TypeVar("T")


def in_time(look: Callable[[], T], what: str) -> T:
    """The first true value of `look`, as `eventually`; a control process that starts has none."""

    def there() -> T | None:
        try:
            return look() or None
        except (OSError, HTTPException):
            return None

    found = eventually(there, what)
    assert found is not None
    return found


class RunningFleet:
    """Sidecars `s0`, `s1`, …, each with a state file of its own in `folder`. `rest`: versions and routes (YAML)."""

    def __init__(self, folder: Path, redis: RedisServer, rest: str, count: int = 3, fleet: str = "lease: 2s") -> None:
        self.folder, self.redis, self._rest, self._fleet = folder, redis, rest, fleet
        self._names = [f"s{at}" for at in range(count)]
        self._stacks: dict[str, ExitStack] = {}
        self._running: dict[str, Running] = {}

    def __enter__(self) -> Self:
        self.start(*self._names)
        self.agreed()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stack in self._stacks.values():
            stack.close()

    @property
    def sidecars(self) -> list[Running]:
        """Those that run."""
        return list(self._running.values())

    def __getitem__(self, at: int) -> Running:
        return self._running[f"s{at}"]

    def name_of(self, sidecar: Running) -> str:
        """Its name in the fleet."""
        return next(name for name, running in self._running.items() if running is sidecar)

    def config(self, name: str) -> Path:
        """The configuration of a sidecar."""
        path = self.folder / f"{name}.yaml"
        path.write_text(
            "listen: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\n"
            f"state: {self.folder / name}.db\n"
            f"fleet: {{redis: '{self.redis.url}', name: f, instance: {name}, {self._fleet}}}\n{self._rest}\n"
        )
        return path

    def start(self, *names: str) -> None:
        """Starts sidecars at once, and returns when all are ready."""
        made = {name: Running(self.config(name)) for name in names}
        for name, running in made.items():
            self._stacks[name] = ExitStack()
            self._running[name] = self._stacks[name].enter_context(running)

    def end(self, name: str) -> None:
        """Kills a sidecar, all processes at once."""
        del self._running[name]
        self._stacks.pop(name).close()

    # -- what it shows

    def view(self, sidecar: Running) -> Any:
        """The fleet as a sidecar shows it."""
        return sidecar.ask("GET", "/v1/fleet").json()

    @property
    def judge(self) -> Running:
        """The sidecar that judges, as soon as that is clear."""
        return in_time(self._judging, "a judge")

    def _judging(self) -> Running | None:
        found = [each for each in self.sidecars if self.view(each)["is_judge"]]
        return found[0] if len(found) == 1 else None

    def others(self) -> list[Running]:
        """All but the judge."""
        judge = self.judge
        return [each for each in self.sidecars if each is not judge]

    def agreed(self) -> None:
        """Returns when one judges, each knows all of them as members, and none is apart."""
        in_time(lambda: self._judging() and all(map(self._knows_all, self.sidecars)), "a fleet with a judge")

    def _knows_all(self, sidecar: Running) -> bool:
        view = self.view(sidecar)
        return not view["apart"] and len(view["members"]) == len(self.sidecars)

    def apart(self) -> None:
        """Returns when the store has been silent for the lease everywhere."""
        in_time(lambda: all(self.view(each)["apart"] for each in self.sidecars), "sidecars that are apart")

    def end_the_term(self) -> None:
        """The term of the judge runs out, as it does some seconds after a judge has renewed it last."""
        self.redis.ask("DEL", "{penumbra:f}:leader")

    def routes(self, name: str) -> list[Any]:
        """A route as each sidecar shows it."""
        return [each.route(name) for each in self.sidecars]

    def in_phase(self, name: str, phase: str) -> None:
        """Returns when a route is in a phase everywhere."""
        in_time(lambda: {route["phase"] for route in self.routes(name)} == {phase}, f"{name} {phase} everywhere")

    def shows(self, name: str, version: str, percent: float) -> None:
        """Returns when a version has so much of a route everywhere."""
        shown = {percent}
        in_time(lambda: {route["split"].get(version) for route in self.routes(name)} == shown, f"{name} at {percent} %")

    def tag(self, name: str, of: str = "routes") -> str:
        """The tag of a route or release, as soon as it is the same everywhere."""

        def same() -> str:
            tags = {each.ask("GET", f"/v1/{of}/{name}").headers.get("etag", "") for each in self.sidecars}
            return tags.pop() if len(tags) == 1 else ""

        return in_time(same, f"one tag of {name}")

    def wipe(self, name: str) -> None:
        """Empties the disk of a sidecar that was ended."""
        for each in self.folder.glob(f"{name}.db*"):
            if each.is_dir():
                rmtree(each)
            else:
                each.unlink()

    def faults_of_chains(self) -> list[str]:
        """What `penumbra audit verify` says against the chain of a sidecar, or its copy of the fleet's."""
        states = [str(self.folder / f"{name}.db") for name in self._running]
        found = [verify(state) for state in states for verify in (verify_chain, verify_copy)]
        return [sentence for faulty, sentence in found if faulty]


class FleetTraffic:
    """A client of every sidecar, as `Traffic` is of one. It leaves the machine some time for all else."""

    def __init__(self, sidecars: list[Running], path: str) -> None:
        self.each = [Traffic(running.data, clients=1, path=path, pause=0.005) for running in sidecars]
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for traffic in self.each:
            self._stack.enter_context(traffic)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def failures(self) -> list[str]:
        """What went wrong for clients anywhere."""
        return [failure for traffic in self.each for failure in traffic.failures]

    def more(self, count: int) -> None:
        """Returns after each sidecar has answered `count` more."""
        for traffic in self.each:
            traffic.more(count)
