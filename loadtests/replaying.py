"""What a replay costs, beside wrk in the same run: `python -m loadtests.replaying`.

CPU of the whole process for a request, as the difference of a long and a short capture (start-up and the first look
cancel): its file hashed and read, the request sent, its answer read and put in order; and beside that what statistics
and decisions took, by the clock that a report has. wrk sends the same bodies to the same server, again and again. The
analysis of an exchange by control (`loadtests.analysis`) is measured in the same rounds.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from loadtests.analysis import bodies, product, timed
from loadtests.compiled import environment, interpreted, possible
from loadtests.load import Drive
from loadtests.results import Spread, spread
from loadtests.traffic import PATH, answer_body, request_body, write_bodies
from loadtests.upstreams import answering
from proxy.contracts.record import Record
from proxy.control.capture.format import Header, captured, line_of
from proxy.control.capture.seal import OpenSegment

CONFIG = """\
listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0}
state: ":memory:"
versions: {v1: {url: "http://127.0.0.1:1"}, v2: {url: "http://127.0.0.1:2"}}
routes:
  cancer:
    match: {path: /v2/models/}
    protocol: oip
    primary: v1
    release:
      candidate: v2
      strategy: canary
      stages: [{shadow: 100, requests: 300}]
      scorecard:
        error_rate: {max_ratio: 1.5}
        disagreement: {max: 0.05}
        input_drift: {max_psi: 0.2}
        prediction_drift: {max_psi: 0.2}
        contract_violations: {max: 0.01}
"""
FEATURES = 30
SHORT = 2_000
"""Requests of the short capture: all columns are known by then."""
CONNECTIONS = 32
JSON = b"content-type: application/json\r\n"
ANALYSED = 2_048
"""Exchanges of one turn of control's analysis."""

SENDING, ANALYSIS, WRK, CONTROL, RATIO = (
    "replay, sending",
    "replay, analysis",
    "wrk",
    "control, analysis",
    "sending/wrk",
)


def captured_file(path: Path, count: int, seed: int = 7) -> Path:
    """A sealed capture of so many exchanges of one leg each, as a route without copies has them."""
    rng, segment = random.Random(seed), OpenSegment()
    different = [request_body(FEATURES, rng) for _ in range(4096)]
    answer = answer_body("v1", 0.91).encode()
    with path.open("wb") as file:
        file.write(segment.header(Header(penumbra_capture=2, made="loadtests", began=0.0, bodies=True)))
        for number in range(count):
            facts: dict[str, Any] = {
                "exchange": number + 1,
                "request_id": f"{rng.getrandbits(128):032x}",
                "route": "cancer",
            }
            asked: dict[str, Any] = {
                "method": "POST",
                "path": PATH,
                "request_fields": JSON,
                "request": different[number % 4096],
            }
            record = Record(
                **facts, **asked, version="v1", role="primary", share=1.0, started=1.79e9 + number / 50, total=0.02,
                status=200, first_byte=0.01, response_fields=JSON, response=answer, copies=0,
            )  # fmt: skip
            file.write(segment.add(line_of(captured(record, (0, "a"), True))))
        file.write(segment.seal())
    return path


@contextmanager
def spent() -> Iterator[list[float]]:
    """Seconds of CPU of all children that end meanwhile, once they have."""
    took: list[float] = []
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    yield took
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    took.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def replayed(capture: Path, config: Path, port: int, env: dict[str, str]) -> tuple[float, float]:
    """Seconds of CPU of a whole replay, and of those what analysis took. Raises RuntimeError where it failed."""
    command = [sys.executable, "-P", "-m", "proxy", "replay", str(capture), str(config), "--route", "cancer", "--all"]
    command += ["--against", f"http://127.0.0.1:{port}", "--concurrency", str(CONNECTIONS), "--json", "-"]
    with spent() as took:
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    report = json.loads(done.stdout or "{}")
    if done.returncode or report["verdict"] != "pass":
        raise RuntimeError(f"the replay ended with {done.returncode}: {done.stderr or report['sentence']}")
    return took[0], report["run"]["analysis_cpu"]


def driven(drive: Drive, port: int) -> float:
    """Seconds of CPU of wrk for a request."""
    with spent() as took:
        load = drive.drive(port, 2.0)
    return took[0] / load.requests


def measured(requests: int, repetitions: int, env: dict[str, str]) -> dict[str, Spread]:
    """CPU microseconds of a request, by what it was spent on."""
    rounds: dict[str, list[float]] = {SENDING: [], ANALYSIS: [], WRK: [], CONTROL: [], RATIO: []}
    control, exchanges = product(mirrored=True), bodies(ANALYSED)
    control(exchanges)()
    with tempfile.TemporaryDirectory(prefix="penumbra-replaying-") as name, answering(Path(name), 1) as (port,):
        home = Path(name)
        (config := home / "penumbra.yaml").write_text(CONFIG)
        drive = Drive(write_bodies(home / "bodies", FEATURES), CONNECTIONS)
        long, short = captured_file(home / "long", SHORT + requests), captured_file(home / "short", SHORT)
        for _ in range(repetitions):
            wrk = driven(drive, port)
            (all_long, judged_long), (all_short, judged_short) = (
                replayed(each, config, port, env) for each in (long, short)
            )
            judged = (judged_long - judged_short) / requests
            sending = (all_long - all_short) / requests - judged
            found = {SENDING: sending, ANALYSIS: judged, WRK: wrk}
            for what, seconds in found.items():
                rounds[what].append(seconds * 1e6)
            rounds[CONTROL].append(timed(control(exchanges)) / ANALYSED)
            rounds[RATIO].append(sending / wrk)
    return {what: spread(values) for what, values in rounds.items()}


def shown(found: dict[str, Spread]) -> Table:
    """One line for each."""
    table = Table(title="A replay beside wrk: CPU us for a request (ratio: of the two)")
    for name in ("what", "median", "spread"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for what, cost in found.items():
        table.add_row(what, f"{cost.median:.1f}", f"{cost.low:.1f}-{cost.high:.1f}")
    return table


def main(
    requests: Annotated[int, typer.Option(min=1000)] = 20_000,
    repetitions: Annotated[int, typer.Option(min=1)] = 5,
    source: Annotated[bool, typer.Option("--interpreted", help="without compiling")] = False,
) -> None:
    """Measures and prints a table."""
    env = interpreted() if source or not possible() else environment()
    Console(width=100).print(shown(measured(requests, repetitions, env)))


if __name__ == "__main__":
    typer.run(main)
