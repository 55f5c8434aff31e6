"""What each kind of fault does to the program, and how it is taken back."""

from __future__ import annotations

import asyncio
import json
import random
import resource
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

from tests.process.chaos.findings import Command
from tests.process.chaos.hostile import HOSTILE, Crowd
from tests.process.chaos.limits import files, turns
from tests.process.chaos.models import Model
from tests.process.chaos.schedule import Fault
from tests.process.chaos.world import Program
from tests.support.running import Answer

Applied = AbstractAsyncContextManager[None]


class Injector:
    """Applies faults to a program and its models. `commands`: changes that were asked for; `wrong`: what it noticed."""

    def __init__(self, program: Program, models: Mapping[str, Model], now: Callable[[], float]) -> None:
        self._program, self._models, self._now = program, models, now
        self.commands: list[Command] = []
        self.wrong: list[str] = []

    async def run(self, fault: Fault) -> None:
        """One fault, from its beginning to its end."""
        async with self._applied(fault):
            await asyncio.sleep(fault.end - self._now())

    def _applied(self, fault: Fault) -> Applied:
        whose, _, how = fault.kind.partition("-")
        if fault.kind in HOSTILE:
            return self._crowd(fault)
        if whose in ("canary", "shadow", "primary"):
            return self._model(whose, how)
        does: Applied = getattr(self, f"_{fault.kind.replace('-', '_')}")(fault)
        return does

    @asynccontextmanager
    async def _crowd(self, fault: Fault) -> AsyncIterator[None]:
        address = self._program.admin if fault.kind == "slow-admins" else self._program.data
        crowd = Crowd(fault.kind, address, fault.amount)
        yield
        await crowd.end()

    @asynccontextmanager
    async def _model(self, role: str, how: str) -> AsyncIterator[None]:
        model = self._models["weak" if role == "primary" else role]
        if role == "canary":
            await self.command("canary", "PUT", "split", {"split": {"canary": 50}, "reason": "once more"})
        await model.behave(how)
        yield
        await model.behave("healthy")

    def _one(self, name: str, draw: random.Random) -> int:
        pids = self._program.pids()
        return draw.choice([pid for child, pid in sorted(pids.items()) if child.startswith(name)] or [0])

    @asynccontextmanager
    async def _kill_worker(self, fault: Fault) -> AsyncIterator[None]:
        self._signal(self._one("worker", random.Random(fault.at)), signal.SIGKILL)
        yield

    @asynccontextmanager
    async def _kill_control(self, fault: Fault) -> AsyncIterator[None]:
        self._signal(self._one("control", random.Random(fault.at)), signal.SIGKILL)
        yield

    @asynccontextmanager
    async def _stop_worker(self, fault: Fault) -> AsyncIterator[None]:
        pid = self._one("worker", random.Random(fault.at))
        self._signal(pid, signal.SIGSTOP)
        yield
        self._signal(pid, signal.SIGCONT)

    @asynccontextmanager
    async def _stop_control(self, fault: Fault) -> AsyncIterator[None]:
        pid = self._one("control", random.Random(fault.at))
        self._signal(pid, signal.SIGSTOP)
        yield
        self._signal(pid, signal.SIGCONT)

    def _signal(self, pid: int, number: int) -> None:
        if pid:
            with suppress(ProcessLookupError):
                self._program.running.kill(pid, number)

    @asynccontextmanager
    async def _kill_supervisor(self, fault: Fault) -> AsyncIterator[None]:
        self.wrong += await self._program.killed()
        await self._program.start()
        yield

    @asynccontextmanager
    async def _restart(self, fault: Fault) -> AsyncIterator[None]:
        self.wrong += await self._program.stop()
        await self._program.start()
        yield

    @asynccontextmanager
    async def _full_disk(self, fault: Fault) -> AsyncIterator[None]:
        self._program.limits.fill(self._one("control", random.Random(fault.at)))
        yield
        self._program.limits.empty(self._one("control", random.Random(fault.at)))

    @asynccontextmanager
    async def _folder_gone(self, fault: Fault) -> AsyncIterator[None]:
        state = self._program.state
        away = state.rename(state.with_name("away"))
        yield
        if state.exists():
            self.wrong.append(f"{state} was made anew while it was away")
            return
        away.rename(state)

    @asynccontextmanager
    async def _file_gone(self, fault: Fault) -> AsyncIterator[None]:
        for path in self._program.state.glob("*.db*"):
            path.unlink()
        yield

    @asynccontextmanager
    async def _few_files(self, fault: Fault) -> AsyncIterator[None]:
        before = {pid: files(pid, fault.amount) for pid in self._program.workers_running()}
        yield
        for pid, limits in before.items():
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)

    @asynccontextmanager
    async def _cpu_quota(self, fault: Fault) -> AsyncIterator[None]:
        group = self._program.limits.cpu
        if group is not None:
            group.quota(fault.amount)
            yield
            group.quota(0)
            return
        pids = [pid for name, pid in self._program.pids().items() if name != "supervisor"]
        turning = asyncio.ensure_future(turns(pids, fault.amount / 100.0))
        yield
        turning.cancel()
        await asyncio.gather(turning, return_exceptions=True)

    @asynccontextmanager
    async def _reload(self, fault: Fault) -> AsyncIterator[None]:
        steady = self._program.settings["routes"]["steady"]
        steady["limits"] = {"inflight": 4000 + int(fault.at * 1000) % 90}
        self._program.write(json.dumps(self._program.settings))
        self._signal(self._program.running.pid, signal.SIGHUP)
        yield

    @asynccontextmanager
    async def _broken_file(self, fault: Fault) -> AsyncIterator[None]:
        self._program.write("routes: {" + "x" * 1000)
        self._signal(self._program.running.pid, signal.SIGHUP)
        yield
        self._program.write(json.dumps(self._program.settings))
        self._signal(self._program.running.pid, signal.SIGHUP)

    @asynccontextmanager
    async def _commands(self, fault: Fault) -> AsyncIterator[None]:
        draw = random.Random(fault.at)
        for _ in range(fault.amount):
            await self.command("admin", *_change(draw))
            await asyncio.sleep(min(max(fault.end - self._now(), 0.0), fault.seconds / fault.amount))
        yield

    async def command(self, route: str, method: str, what: str, body: Any) -> None:
        """One change, with what became of it."""
        began = self._now()
        answer = await self._program.ask(method, f"/v1/routes/{route}/{what}", body)
        document = answer.json() if answer is not None and answer.status == 200 else {}
        told = f"{what} {json.dumps(body)}"
        status = answer.status if answer is not None and not _in_force(answer) else 0
        self.commands.append(Command(began, self._now(), route, document, told, status))
        if status >= 500 and status != 503:
            self.wrong.append(f"{told}: {status}")


def _in_force(answer: Answer) -> bool:
    """Whether a change was made and not stored: what only takes traffic off does not wait for a disk."""
    return answer.status == 503 and b"/problems/not-stored-yet" in answer.body


def _change(draw: random.Random) -> tuple[str, str, Any]:
    what = draw.choice(("split", "split", "split", "rollback", "promote", "pause", "resume"))
    if what == "split":
        return "PUT", what, {"split": {draw.choice(("twin", "good")): draw.randint(0, 100)}, "reason": "chaos"}
    return "POST", what, {"reason": "chaos"}
