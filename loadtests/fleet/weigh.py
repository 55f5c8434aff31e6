"""CPU and memory of Redis, and of the sidecar that judges, beside so many members that report each second."""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from loadtests.fleet.members import unique
from loadtests.processes import free_ports, program, pss_by_label, read_stat, running, wait_until
from proxy.config.load import load
from proxy.control.api.moves import MOVES
from proxy.control.api.refusals import refusal_of
from proxy.control.api.release_view import tags
from proxy.control.fleet.counting import Counting
from proxy.control.fleet.execution import execution
from proxy.control.fleet.joining import Outside, engine_of, joined
from proxy.control.fleet.mirror import Mirror
from proxy.control.fleet.service import FleetService
from proxy.control.state.steady_clock import SteadyClock
from proxy.control.state.store import Store
from proxy.stats.board import Board

CONFIG = """
listen: 127.0.0.1:0
admin: {{listen: 127.0.0.1:0}}
state: ":memory:"
fleet: {{redis: "{redis}", name: loadtest, instance: judge}}
versions: {{v1: {{url: "http://127.0.0.1:1"}}, v2: {{url: "http://127.0.0.1:1"}}}}
routes:
{routes}
"""
ROUTE = "  r{at}: {{match: {{path: /r{at}/}}, protocol: json, primary: v1, canary: {{version: v2, percent: 10}}}}"

SETTLE_SECONDS = 8.0
"""Time that members have to begin, before anything is weighed."""


@dataclass(frozen=True, slots=True)
class Weight:
    """What a fleet cost: CPU as parts of a core, memory in bytes."""

    members: int
    looks: int
    redis_cpu: float
    judge_cpu: float
    redis_memory: int
    judge_memory: int


def weigh(count: int, seconds: float, routes: int, folder: Path) -> Weight:
    """Starts Redis and the members, and judges for so many seconds."""
    (port,) = free_ports(1)
    redis, config = f"redis://127.0.0.1:{port}", folder / "penumbra.yaml"
    config.write_text(CONFIG.format(redis=redis, routes="\n".join(ROUTE.format(at=at) for at in range(routes))))
    place = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    server = [program("redis-server"), *place, "--save", "", "--appendonly", "no"]
    length = str(seconds + SETTLE_SECONDS + 2.0)
    members = [sys.executable, "-m", "loadtests.fleet.members", redis, str(config), str(count - 1), length]
    with running(server, folder / "redis.log") as process:
        log = folder / "redis.log"
        wait_until(lambda: "Ready to accept" in log.read_text(), process, log)
        with running(members, folder / "members.log"):
            return asyncio.run(judged(config, process.pid, seconds))


async def judged(config: Path, redis: int, seconds: float) -> Weight:
    """Judges, and weighs after a while."""
    service = judge_of(config)
    service.start()
    await asyncio.sleep(SETTLE_SECONDS)
    before, cpu, began = service.member.following.place[1], cpu_of(redis), time.monotonic()
    own = time.process_time()
    await asyncio.sleep(seconds)
    passed = time.monotonic() - began
    own = time.process_time() - own
    used = cpu_of(redis) - cpu
    looks, members = service.member.following.place[1] - before, len(service.member.members)
    await service.close()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Weight(members, looks, used / passed, own / passed, sum(pss_by_label(redis).values()), memory)


def cpu_of(pid: int) -> float:
    """CPU seconds of a process."""
    stat = read_stat(pid)
    assert stat is not None
    return stat.cpu


def judge_of(config: Path) -> FleetService:
    """A sidecar as a control process wires it, without a data plane; nobody else may judge."""
    settings, store = load(config), Store(":memory:")
    clock = SteadyClock(None, time.time(), time.monotonic, "", time.monotonic)
    counting = Counting()
    board = Board(memory=settings.memory, tap=counting)
    engine = engine_of(settings, store, board, lambda table: None, lambda change, at: None, clock)
    engine.begin(clock())
    execute = execution(MOVES, tags, refusal_of)
    outside = Outside(clock, time.monotonic, unique, "judge", execute, lambda change, at: None)
    service = joined(engine, board, counting, Mirror(":memory:"), outside)
    assert service is not None
    return service
