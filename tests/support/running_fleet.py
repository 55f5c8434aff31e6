"""A fleet of real sidecars for tests: `penumbra run` several times, a real Redis between them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from proxy.cli.audit import verify_chain, verify_copy
from tests.support.redis_server import RedisServer
from tests.support.running import Running, Traffic, eventually


class RunningFleet:
    """Sidecars `s0`, `s1`, …, each with a state file of its own in `folder`. `rest`: versions and routes (YAML)."""

    def __init__(self, folder: Path, redis: RedisServer, rest: str, count: int = 3, fleet: str = "lease: 2s") -> None:
        self.folder, self.redis, self._rest, self._fleet = folder, redis, rest, fleet
        self._names = [f"s{at}" for at in range(count)]
        self._stacks: dict[str, ExitStack] = {}
        self._running: dict[str, Running] = {}

    def __enter__(self) -> Self:
        self.start(*self._names)
        eventually(lambda: self.judge is not None and self.agreed(), "a fleet with a judge")
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
    def judge(self) -> Running | None:
        """The sidecar that judges, once that is clear."""
        found = [each for each in self.sidecars if self.view(each)["is_judge"]]
        return found[0] if len(found) == 1 else None

    def others(self) -> list[Running]:
        """All but the judge."""
        judge = self.judge
        return [each for each in self.sidecars if each is not judge]

    def agreed(self) -> bool:
        """Whether each sidecar knows all of them as members, and none is apart."""
        views = [self.view(each) for each in self.sidecars]
        return all(not view["apart"] and len(view["members"]) == len(views) for view in views)

    def routes(self, name: str) -> list[Any]:
        """A route as each sidecar shows it."""
        return [each.route(name) for each in self.sidecars]

    def all_in(self, name: str, phase: str) -> bool:
        """Whether a route is in a phase everywhere."""
        return {route["phase"] for route in self.routes(name)} == {phase}

    def wipe(self, name: str) -> None:
        """Empties the disk of a sidecar that was ended."""
        for file in self.folder.glob(f"{name}.db*"):
            file.unlink()

    def faults_of_chains(self) -> list[str]:
        """What `penumbra audit verify` says against the chain of a sidecar, or its copy of the fleet's."""
        states = [str(self.folder / f"{name}.db") for name in self._running]
        found = [verify(state) for state in states for verify in (verify_chain, verify_copy)]
        return [sentence for faulty, sentence in found if faulty]


class FleetTraffic:
    """Clients of every sidecar, as `Traffic` is of one."""

    def __init__(self, sidecars: list[Running], path: str, clients: int = 1) -> None:
        self.each = [Traffic(running.data, clients=clients, path=path) for running in sidecars]
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
