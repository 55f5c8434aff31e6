"""Verdicts of `penumbra replay` on candidates of a known kind: `python -m tests.process.chaos.equal_candidates`.

Each run is a program of its own, two at a time. `--one-process` makes all of them in this one, one after the other,
through the code of the command and to a server in a thread beside it: of a short run, most is the start of the program.
The recorded primary fails now and then, and so does the candidate, by chance of its own (`failures`); it disagrees with
probability `differing`. Within the limit a `fail` is a false alarm; beyond it, the requests until `fail` are the delay.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from random import Random
from statistics import median
from threading import Thread
from typing import Annotated

import typer

from proxy.cli.replay.command import ReplayOptions, replayed
from proxy.cli.replay.run import Bounds
from proxy.config.load import load
from proxy.control.capture.format import line_of
from tests.support.replayed import answer, leg, other, request, serving, whole

Verdicts = list[tuple[str, int]]

CONFIG = """
listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0}
state: ":memory:"
versions:
  v1: {url: "http://127.0.0.1:1"}
  v2: {url: "http://127.0.0.1:2"}
routes:
  cancer:
    match: {path: /v2/models/m/}
    protocol: oip
    primary: v1
    release:
      candidate: v2
      strategy: canary
      stages: [{shadow: 100, requests: 300}]
      scorecard: {error_rate: {max_ratio: 2}, disagreement: {max: LIMIT}}
      false_alarm: ALARM
"""

NUMBERS = {request(number): number for number in range(1001)}


def captured(folder: Path, requests: int, failures: float, random: Random) -> Path:
    """What the primary answered."""
    path = folder / "records"
    with path.open("wb") as file:
        for number in range(requests):
            bad = {"status": 500, "response": b""} if random.random() < failures else {}
            file.write(line_of(leg(number, **bad)))
    return path


class Candidate:
    """A model that fails, and disagrees, by chance."""

    def __init__(self, differing: float, failures: float, seed: int) -> None:
        self._differing, self._failures, self._random = differing, failures, Random(seed)

    def says(self, _: int, body: bytes) -> bytes:
        """The whole answer."""
        if self._random.random() < self._failures:
            return whole(b"{}", 500)
        number = NUMBERS[body]
        return whole(other(number) if self._random.random() < self._differing else answer(number))


async def one(folder: Path, records: Path, port: int, everything: bool) -> tuple[str, int]:
    """The verdict of one replay, and how many requests it rests on."""
    command = ["-m", "proxy", "replay", str(records), str(folder / "penumbra.yaml"), "--route", "cancer"]
    more = ["--against", f"http://127.0.0.1:{port}", "--json", "-", *(["--all"] if everything else [])]
    child = await asyncio.create_subprocess_exec(sys.executable, *command, *more, stdout=asyncio.subprocess.PIPE)
    said, _ = await child.communicate()
    report = json.loads(said)
    return report["verdict"], max(line["n"] for line in report["lines"])


async def verdicts(folder: Path, records: Path, candidates: Iterable[Candidate], everything: bool) -> Verdicts:
    """Those of one run for each candidate, two at a time."""
    turns = asyncio.Semaphore(2)

    async def run(candidate: Candidate) -> tuple[str, int]:
        async with turns, serving(candidate.says) as (port, _):
            return await one(folder, records, port, everything)

    return await asyncio.gather(*map(run, candidates))


@contextmanager
def served(says: Callable[[int, bytes], bytes | None]) -> Iterator[int]:
    """A server in a thread of its own: its port."""
    loop, ready = asyncio.new_event_loop(), Queue[int]()
    over = asyncio.Event()

    async def serve() -> None:
        async with serving(says) as (port, _):
            ready.put(port)
            await over.wait()

    thread = Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        yield ready.get()
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


def one_here(folder: Path, records: Path, port: int, everything: bool) -> tuple[str, int]:
    """As `one`, in this process."""
    options = ReplayOptions("cancer", f"http://127.0.0.1:{port}", bounds=Bounds(8, everything=everything))
    report = replayed(load(folder / "penumbra.yaml", packages=False), [records], options)
    return report.verdict, max(line.n for line in report.lines)


def verdicts_here(folder: Path, records: Path, candidates: Iterable[Candidate], everything: bool) -> Verdicts:
    """Those of one run for each candidate, one after the other."""
    found = []
    for candidate in candidates:
        with served(candidate.says) as port:
            found.append(one_here(folder, records, port, everything))
    return found


def main(
    runs: Annotated[int, typer.Option()] = 200,
    requests: Annotated[int, typer.Option()] = 1500,
    differing: Annotated[float, typer.Option(help="part of the answers that are others")] = 0.01,
    failures: Annotated[float, typer.Option(help="part of the requests that fail at either")] = 0.01,
    limit: Annotated[float, typer.Option(help="of disagreement")] = 0.05,
    alarm: Annotated[float, typer.Option(help="false_alarm")] = 0.01,
    seed: Annotated[int, typer.Option()] = 1,
    everything: Annotated[bool, typer.Option("--all", help="go on after a pass")] = False,
    here: Annotated[bool, typer.Option("--one-process", help="all runs in this process")] = False,
) -> None:
    """Says how many failed, and after how many requests."""
    candidates = (Candidate(differing, failures, seed + number) for number in range(runs))
    with tempfile.TemporaryDirectory(prefix="penumbra-equal-") as home:
        folder = Path(home)
        (folder / "penumbra.yaml").write_text(CONFIG.replace("LIMIT", str(limit)).replace("ALARM", str(alarm)))
        records = captured(folder, requests, failures, Random(seed))
        if here:
            found = verdicts_here(folder, records, candidates, everything)
        else:
            found = asyncio.run(verdicts(folder, records, candidates, everything))
    counted = Counter(verdict for verdict, _ in found)
    delays = sorted(n for verdict, n in found if verdict == "fail")
    late = f"; requests until fail: median {median(delays):g}, p90 {delays[int(0.9 * len(delays))]}" if delays else ""
    print(f"{runs} runs, {differing:.1%} of the answers are others, limit {limit:g}: {dict(counted)}{late}")


if __name__ == "__main__":
    typer.run(main)
