"""The judge of a large fleet over an hour of looks, without processes: whether what it holds stays as it was."""

from __future__ import annotations

import gc
import random
import time
from pathlib import Path

from loadtests.fleet.delay import CONFIG, arm
from proxy.config.load import parse
from proxy.contracts.record import ArmTick, Tick
from proxy.control.api.moves import MOVES
from proxy.control.api.refusals import refusal_of
from proxy.control.api.release_view import tags
from proxy.control.fleet import counts
from proxy.control.fleet.bodies import FleetEvidence, ReportBody, encode
from proxy.control.fleet.counting import Counting
from proxy.control.fleet.execution import execution
from proxy.control.fleet.judge import FleetJudge, Surroundings
from proxy.control.fleet.sections import digest_of, digests_of
from proxy.control.fleet.store import NOWHERE, Collected, Reported

PRIMARY, CANARY, ERROR_RATE = 18, 2, 0.01
"""Requests of one sidecar in a look."""

LATENCIES = range(300, 420)
"""Buckets of a model that takes some milliseconds."""

Row = tuple[str, str, str, str, str]


def hour(members: int, looks: int, every: int) -> list[Row]:
    """After each `every` looks: looks, MiB of the process, KiB of evidence and table, CPU of a look in ms."""
    settings, chance = parse(CONFIG, {}), random.Random(1)
    execute = execution(MOVES, tags, refusal_of)
    around = Surroundings(
        "s0", settings, execute, lambda board, engine: None, lambda change, at: None, wall=1.0, monotonic=0.0
    )
    judge, sidecars = FleetJudge(around, FleetEvidence()), [Counting() for _ in range(members)]
    begun = followed = (1, 1, "stamp")
    judge.look(Collected(NOWHERE, None, ()), begun, 0.0)
    digests, rows, spent = (digest_of(settings), digests_of(settings)), list[Row](), 0.0
    for number in range(1, looks + 1):
        reports = []
        for at, counting in enumerate(sidecars):
            counting.on_tick(Tick(0, f"s{at}", number, 0, arms=[*_arms(chance)]))
            body = encode(ReportBody(counts.rows_of(counting.cells), followed, *digests, began=begun))
            reports.append(Reported(f"s{at}", "epoch", number, 0.5, body))
        followed, began = (1, number + 1, "stamp"), time.process_time()
        proposal = judge.look(Collected(NOWHERE, None, tuple(reports)), followed, float(number))
        judge.tell()
        spent += time.process_time() - began
        if number % every == 0:
            gc.collect()
            evidence, shared = (f"{len(each) / 1024:.0f} KiB" for each in (proposal.evidence, proposal.table))
            cpu = f"{1000 * spent / every:.0f} ms"
            rows.append((f"{number:,}", f"{resident() / 2**20:.0f} MiB", evidence, shared, cpu))
            spent = 0.0
    return rows


def _arms(chance: random.Random) -> list[ArmTick]:
    arms = []
    for version, role, share, n in (("v1", "primary", 0.9, PRIMARY), ("v2", "canary", 0.1, CANARY)):
        made = arm(version, role, share, n, sum(chance.random() < ERROR_RATE for _ in range(n)))
        made.total = dict.fromkeys(chance.choices(LATENCIES, k=n), 1)
        arms.append(made)
    return arms


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
