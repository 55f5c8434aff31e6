"""Counting, recording and sending: what a worker does for each leg besides passing bytes on."""

from __future__ import annotations

from itertools import count

from pytest_benchmark.fixture import BenchmarkFixture

from loadtests.analysis import BATCH, bodies, legs
from proxy.contracts.histogram import bucket
from proxy.dataplane.tally import Tally
from proxy.link.frames import FrameReader, Records, encode
from proxy.link.outbox import Outbox


def batch() -> Records:
    """Records of BATCH exchanges, as a worker sends them."""
    return Records(0, "bench", [leg for number, each in enumerate(bodies(BATCH)) for leg in legs(number, *each)])


def test_bucket_of_a_latency(benchmark: BenchmarkFixture) -> None:
    assert benchmark(bucket, 0.00234) == bucket(0.00234)


def test_count_a_leg(benchmark: BenchmarkFixture) -> None:
    tally = Tally()
    arm = tally.arm("cancer", "v1", "primary", 0.9)
    benchmark(arm.answered, 200, 0.002, 0.0021, 0)
    assert tally.take(0, "bench", 1, True, {}).arms[0].finished > 0


def test_put_a_record(benchmark: BenchmarkFixture) -> None:
    numbers, body = count(), bodies(1)[0]

    def put() -> None:
        outbox.put(legs(next(numbers), *body)[0])

    outbox = Outbox(0, "bench")
    benchmark(put)


def test_encode_a_batch(benchmark: BenchmarkFixture) -> None:
    assert len(benchmark(encode, batch())) > BATCH * 400


def test_decode_a_batch(benchmark: BenchmarkFixture) -> None:
    messages = benchmark(lambda frame: FrameReader().feed(frame), encode(batch()))
    assert isinstance(messages[0], Records) and len(messages[0].records) == 2 * BATCH
