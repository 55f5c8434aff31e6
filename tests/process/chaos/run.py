"""One run: a program, its models and clients, a schedule of faults, and what was not as it should be."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tests.process.chaos import findings
from tests.process.chaos.clients import Client, Result
from tests.process.chaos.findings import Sample, Seen, settled
from tests.process.chaos.injector import Injector
from tests.process.chaos.models import Model
from tests.process.chaos.prober import Prober
from tests.process.chaos.schedule import KINDS, QUIET_SECONDS, Fault
from tests.process.chaos.visible import GOOD
from tests.process.chaos.world import ASKED, HARMLESS, MODELS, Program, connections, open_files, resident

LOOK_SECONDS = 0.5
RECOVERY_SECONDS = 20.0
"""Seconds within which all is well after the last fault."""
GROWN_BYTES = {"worker": 64 << 20, "control": 96 << 20, "supervisor": 8 << 20}
"""Memory that a process may have more at the end than before the first fault."""
GROWN_FILES = 600
"""Descriptors that a process may have more at the end: connections to model servers stay open for a minute."""
SILENCE_SECONDS = 5.0
"""Seconds without a word of control that are wrong even on a machine that is busy with other things."""
STOPPING = ("control", "supervisor", "limits")
"""Groups of faults that stop control for a while."""
PROBES = 50
"""Requests whose count is looked at, to the last one, at the end."""
RESTARTS = ("kill-worker", "kill-control", "kill-supervisor", "restart", "stop-worker", "stop-control", "cpu-quota")
"""Kinds after which counts of before may be gone: counters are those of a process's life, and what a worker had not
told yet dies with it."""


@dataclass
class Report:
    """`wrong`: what was not as it should be; `results` and `asked` of the clients, `most` memory at once in bytes."""

    faults: tuple[Fault, ...]
    wrong: list[str] = field(default_factory=list)
    results: Counter[str] = field(default_factory=Counter)
    most: int = 0
    told: list[str] = field(default_factory=list)
    changes: int = 0
    silence: float = 0.0
    """The most seconds for which control did not answer, where no fault stopped it."""
    lines: list[str] = field(default_factory=list)
    """The program's log, the commands, and what the routes were, when anything was wrong."""


class Run:
    """The parts of one run, wired."""

    def __init__(self, faults: Sequence[Fault], home: Path, workers: int) -> None:
        self._faults, self._home, self._workers = tuple(faults), home, workers
        self._models = {name: Model(name) for name in MODELS}
        self._begun = time.monotonic()
        self._samples: list[Sample] = []
        self._seen: list[Seen] = []
        self._most = 0
        self._over = asyncio.Event()

    def now(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._begun

    async def report(self) -> Report:
        """Everything, from the first process to the last."""
        for model in self._models.values():
            await model.start()
        self._program = Program(self._home, self._models.values(), workers=self._workers, hang="2s")
        try:
            await self._program.start()
            with Prober(self._program.admin) as self._prober:
                return await self._judged()
        finally:
            self._program.close()
            for model in self._models.values():
                if model.behaviour != "dead":
                    await model.stop()

    async def _judged(self) -> Report:
        self._begun = time.monotonic()
        injector = Injector(self._program, self._models, self.now)
        self._clients = [Client(self._program.data, route, self.now) for route in ASKED for _ in range(2)]
        clients = [asyncio.ensure_future(client.run(self._over)) for client in self._clients]
        watching = asyncio.ensure_future(self._watch())
        before = self._sizes()
        await self._inject(injector)
        report = Report(self._faults, injector.wrong, told=self._program.limits.told)
        await asyncio.sleep(QUIET_SECONDS)
        report.wrong += await self._recovered()
        self._over.set()
        await asyncio.gather(*clients, watching)
        answered = [(asked - self._begun, came - self._begun) for asked, came in self._prober.end()]
        report.wrong += await self._sums() + self._grown(before) + await self._ended()
        commands = settled(sorted(injector.commands, key=lambda command: command.began))
        results = self._results()
        report.wrong += findings.of_clients(results, self._faults)[:20]
        report.wrong += findings.of_counters(self._samples)[:5]
        report.wrong += findings.of_changes([s for s in self._seen if s.route == "admin"], commands)
        report.wrong += findings.of_rollbacks(self._seen, commands, HARMLESS)
        report.wrong += findings.of_log(self._program.log)
        report.lines = [*self._story(), *map(str, injector.commands)] if report.wrong else []
        report.results = Counter(each.result for each in results)
        stopping = [fault for fault in self._faults if KINDS[fault.kind].group in STOPPING]
        stops = [(fault.at - 0.5, fault.end + KINDS[fault.kind].grace + 2.0) for fault in stopping]
        report.silence = findings.longest_silence(answered, stops)
        if report.silence > SILENCE_SECONDS:
            report.wrong.append(f"control said nothing for {report.silence:.1f} s")
        report.most, report.changes = self._most, sum(command.status == 200 for command in commands)
        return report

    async def _inject(self, injector: Injector) -> None:
        async with asyncio.TaskGroup() as group:
            for fault in self._faults:
                await asyncio.sleep(fault.at - self.now())
                group.create_task(injector.run(fault))

    def _story(self) -> list[str]:
        """Log lines, and what of the routes changed, with the time."""
        began = time.time() - self.now()
        lines, before = [], dict[str, str]()
        for line in self._program.log:
            at = datetime.fromisoformat(line["time"]).timestamp() - began if "time" in line else 0.0
            lines.append((at, f"{at:7.2f} s  {line.get('process', '')}: {line['event']} {line.get('error', '')}"))
        for seen in self._seen:
            state = ", ".join(f"{key} {seen.document[key]}" for key in findings.KEPT)
            if before.get(seen.route) != state:
                lines.append((seen.began, f"{seen.began:7.2f} s  seen: {seen.route}: {state}"))
            before[seen.route] = state
        return [line for _, line in sorted(lines)]

    def _results(self) -> list[Result]:
        return [result for client in self._clients for result in client.results]

    async def _watch(self) -> None:
        while not self._over.is_set():
            await self._look()
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        began = self.now()
        routes = await self._program.ask("GET", "/v1/routes")
        if routes is not None and routes.status == 200:
            self._seen += [Seen(began, self.now(), row["route"], row) for row in routes.json()["routes"]]
        if (sample := await self._sample()) is not None:
            self._samples.append(sample)
        self._most = max(self._most, sum(map(resident, self._program.pids().values())))

    async def _sample(self) -> Sample | None:
        answer = await self._program.ask("GET", "/metrics")
        if answer is None or answer.status != 200:
            return None
        return Sample(self.now(), read(answer.body.decode()))

    def _sizes(self) -> Mapping[str, tuple[int, int]]:
        return {name: (resident(pid), open_files(pid)) for name, pid in self._program.pids().items()}

    def _grown(self, before: Mapping[str, tuple[int, int]]) -> list[str]:
        after, found = self._sizes(), []
        for name in before.keys() & after.keys():
            (bytes_before, files_before), (bytes_after, files_after) = before[name], after[name]
            most = GROWN_BYTES[name.partition("-")[0]]
            found += findings.of_growth({name: bytes_before}, {name: bytes_after}, most, "bytes")
            found += findings.of_growth({name: files_before}, {name: files_after}, GROWN_FILES, "descriptors")
        group = self._program.limits.memory
        if group is not None and group.killed:
            found.append(f"{group.killed} processes were killed for want of memory")
        return found

    async def _recovered(self) -> list[str]:
        """Waits until it is ready and every client gets what it should; what was not so in time."""
        deadline, route = self.now() + RECOVERY_SECONDS, ""
        while self.now() < deadline:
            ready = await self._program.ask("GET", "/readyz")
            ill = [c.results[-1].route for c in self._clients if [r.result for r in c.results[-3:]] != [GOOD] * 3]
            if ready is not None and ready.status == 200 and not ill:
                return []
            route = ", ".join(sorted(set(ill))) or "readyz"
            await asyncio.sleep(0.2)
        return [f"not well {RECOVERY_SECONDS:g} s after the last fault: {route}"]

    async def _sums(self) -> list[str]:
        """Requests that were sent are those that are counted."""
        found = []
        if not any(fault.kind in RESTARTS for fault in self._faults):
            sent = Counter(each.route for each in self._results())
            found += await self._counts(dict.fromkeys(ASKED, 0.0), sent)
        base = await self._still()
        if base is None:
            return [*found, "the counts of what was sent do not come to rest"]
        probes = [Client(self._program.data, route, self.now, 0.0) for route in ("steady", "shadow")]
        for probe in probes:
            for _ in range(PROBES):
                await probe.ask()
            probe.close()
            found += findings.of_clients(probe.results, ())
        begun = {route: findings.counted(base, route) for route in ("steady", "shadow")}
        return found + await self._counts(begun, Counter(steady=PROBES, shadow=PROBES))

    async def _still(self) -> Sample | None:
        """The metrics, once nothing is on its way to them."""
        deadline, before = self.now() + RECOVERY_SECONDS, None
        while self.now() < deadline:
            sample = await self._sample()
            if (
                sample is not None
                and before is not None
                and all(findings.counted(sample, route) == findings.counted(before, route) for route in ASKED)
            ):
                return sample
            before = sample
            await asyncio.sleep(0.5)
        return None

    async def _counts(self, begun: Mapping[str, float], sent: Mapping[str, int]) -> list[str]:
        wrong: list[str] = ["no metrics"]
        deadline = self.now() + RECOVERY_SECONDS
        while wrong and self.now() < deadline:
            await asyncio.sleep(0.2)
            if (sample := await self._sample()) is not None:
                counted = {route: findings.counted(sample, route) - begun[route] for route in begun}
                wrong = [f"{r}: {sent[r]} sent, {n:g} counted" for r, n in counted.items() if n != sent[r]]
                wrong += findings.of_pairs(sample, "shadow")
        return wrong

    async def _ended(self) -> list[str]:
        left = connections(self._program.data)
        found = [f"{left} connections of clients are not closed"] if left > len(self._clients) + 2 else []
        found += await self._program.stop()
        if fault := await self._program.verify():
            found.append(f"audit verify: {fault}")
        return found


def read(text: str) -> dict[str, float]:
    """The samples of a page of metrics, by name and labels."""
    lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


async def run(faults: Sequence[Fault], workers: int) -> Report:
    """One run in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="penumbra-chaos-", ignore_cleanup_errors=True) as home:
        return await Run(faults, Path(home), workers).report()
