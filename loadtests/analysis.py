"""What it costs to analyse one exchange: with a river detector for each value, and as the product does.

One exchange is a request of 30 features, the answer to the client and the shadow's answer. CPU time of one process,
bodies to evidence, no sockets: this is the part of control that grows with traffic.

    python -m loadtests.analysis
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from loadtests.results import Spread, spread
from loadtests.traffic import answer_body, request_body
from proxy.contracts.record import Record
from proxy.contracts.settings import Guard, Limit
from proxy.payload.decode import decode
from proxy.stats.board import Board

FEATURES = 30
BATCH = 256
GUARD = Guard(
    {
        "error_rate": Limit(max_ratio=1.5),
        "latency_p99": Limit(max_ratio=1.25),
        "disagreement": Limit(max=0.05),
        "input_drift": Limit(max_psi=0.2),
        "prediction_drift": Limit(max_psi=0.2),
        "contract_violations": Limit(max=0.01),
    }
)
Body = tuple[bytes, bytes, bytes]
"""A request, the answer to the client, the shadow's answer."""


def bodies(count: int, seed: int = 7) -> list[Body]:
    """Exchanges as they crossed the wire."""
    rng = random.Random(seed)
    return [
        (
            request_body(FEATURES, rng),
            answer_body("v1", round(rng.random(), 4)).encode(),
            answer_body("v3", round(rng.random(), 4)).encode(),
        )
        for _ in range(count)
    ]


def naive(make: Callable[[], Any]) -> Callable[[Sequence[Body]], None]:
    """One detector for each feature and one for the difference of the answers, fed value by value."""
    detectors = [make() for _ in range(FEATURES)]
    differences = make()

    def analyse(exchanges: Sequence[Body]) -> None:
        for request, answer, copy in exchanges:
            row = orjson.loads(request)["inputs"][0]["data"]
            for detector, value in zip(detectors, row, strict=True):
                detector.update(value)
            score, other = (orjson.loads(body)["outputs"][0]["data"][0] for body in (answer, copy))
            differences.update(abs(score - other))

    return analyse


def product() -> Callable[[Sequence[Body]], None]:
    """Records through payload and board, in batches, as the link delivers them."""
    board, numbers = Board(), iter(range(10**9))
    board.watch("cancer", "v3", "v1", GUARD, "oip", 0.0)

    def analyse(exchanges: Sequence[Body]) -> None:
        for at in range(0, len(exchanges), BATCH):
            seen = [
                decode(record, "oip", (0, "bench"))
                for request, answer, copy in exchanges[at : at + BATCH]
                for record in legs(next(numbers), request, answer, copy)
            ]
            board.observe(seen, time.monotonic())

    return analyse


def legs(exchange: int, request: bytes, answer: bytes, copy: bytes) -> tuple[Record, Record]:
    """The two records of one exchange; the request travels with the leg that answered."""
    return (
        Record(
            exchange, "", "cancer", "v1", "primary", 0.9, 200, "", 0.0, 0.002, 0.002, request=request, response=answer
        ),
        Record(exchange, "", "cancer", "v3", "shadow", 1.0, 200, "", 0.0, 0.002, 0.002, response=copy),
    )


def methods() -> dict[str, tuple[Callable[[Sequence[Body]], None], int]]:
    """Ways to analyse, each with the number of exchanges that takes well under a second."""
    from river.drift import ADWIN, KSWIN

    return {
        "product: payload and board": (product(), 8192),
        "river: ADWIN for each value": (naive(ADWIN), 8192),
        "river: KSWIN for each value": (naive(lambda: KSWIN(seed=7)), 256),
    }


def run_analysis(repetitions: int) -> dict[str, Spread]:
    """CPU microseconds of one exchange, by method; each is warmed up with one uncounted turn."""
    results: dict[str, Spread] = {}
    for name, (analyse, count) in methods().items():
        exchanges = bodies(count)
        analyse(exchanges)
        results[name] = spread([timed(analyse, exchanges) for _ in range(repetitions)])
    return results


def timed(analyse: Callable[[Sequence[Body]], None], exchanges: Sequence[Body]) -> float:
    """CPU microseconds of one exchange."""
    before = time.process_time()
    analyse(exchanges)
    return (time.process_time() - before) * 1e6 / len(exchanges)


def analysis_table(results: dict[str, Spread]) -> Table:
    """One line for each method."""
    table = Table(title=f"Analysing one exchange of {FEATURES} features with a shadow")
    for name in ("method", "CPU us", "spread"):
        table.add_column(name, justify="left" if name == "method" else "right")
    for name, cost in results.items():
        table.add_row(name, f"{cost.median:.1f}", f"{cost.low:.1f}-{cost.high:.1f}")
    return table


if __name__ == "__main__":
    Console(width=120).print(analysis_table(run_analysis(5)))
