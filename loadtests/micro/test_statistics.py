"""From records to evidence, in control. Figures are for a batch of BATCH exchanges, not for one."""

from __future__ import annotations

import time

import numpy as np
from pytest_benchmark.fixture import BenchmarkFixture

from loadtests.analysis import BATCH, GUARD, bodies, legs, product
from proxy.contracts.histogram import Buckets, add, bucket
from proxy.contracts.record import ArmTick, Tick
from proxy.payload.decode import decode
from proxy.stats.board import Board


def test_decode_bodies(benchmark: BenchmarkFixture) -> None:
    records = [leg for number, each in enumerate(bodies(BATCH)) for leg in legs(number, *each)]
    seen = benchmark(lambda: [decode(record, "oip", (0, "bench")) for record in records])
    assert len(seen) == 2 * BATCH


def test_decode_pair_and_judge(benchmark: BenchmarkFixture) -> None:
    prepare, exchanges = product(mirrored=True), bodies(BATCH)
    benchmark.pedantic(lambda work: work(), setup=lambda: ((prepare(exchanges),), {}), rounds=100)  # type: ignore[no-untyped-call]


def test_absorb_a_tick(benchmark: BenchmarkFixture) -> None:
    board = Board()
    board.watch("cancer", ("v2",), "v1", GUARD, "oip", 0.0)
    latencies = np.random.default_rng(7).lognormal(-6, 0.5, 1000)
    counts: Buckets = {}
    for value in latencies:
        add(counts, {bucket(float(value)): 1})

    def tick() -> tuple[Tick, float]:
        arms = [
            ArmTick("cancer", "v1", "primary", 0.9, {"200": 900}, total=counts, first_byte=counts),
            ArmTick("cancer", "v2", "canary", 0.1, {"200": 100}, total=counts, first_byte=counts),
        ]
        return Tick(0, "bench", 1, 1, arms=arms), time.monotonic()

    benchmark.pedantic(board.on_tick, setup=lambda: (tick(), {}), rounds=500)  # type: ignore[no-untyped-call]
    assert {row.metric for row in board.evidence("cancer", 0.0)} == set(GUARD.scorecard)
