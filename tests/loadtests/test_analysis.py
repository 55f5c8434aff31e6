"""The two ways to analyse do the work that they are timed for."""

from collections.abc import Sequence

from loadtests.analysis import BATCH, GUARD, bodies, legs, naive
from proxy.payload.decode import decode
from proxy.stats.board import Board


class Fake:
    def __init__(self) -> None:
        self.values: list[float] = []
        FAKES.append(self)

    def update(self, value: float) -> None:
        self.values.append(value)


FAKES: list[Fake] = []


def test_naive_analysis_feeds_every_value_to_its_detector() -> None:
    FAKES.clear()
    naive(Fake)(bodies(5))()
    assert [len(fake.values) for fake in FAKES] == [5] * 31


def test_the_product_pairs_every_exchange() -> None:
    board = Board()
    board.watch("cancer", ("v3",), "v1", GUARD, "oip", 0.0)
    exchanges: Sequence[tuple[bytes, bytes, bytes]] = bodies(BATCH)
    records = [leg for number, exchange in enumerate(exchanges) for leg in legs(number, *exchange)]
    board.on_observations([decode(record, "oip", (0, "bench")) for record in records], 0.0)
    assert not board.unreadable
    assert board.agreement("cancer", "v3").pairs == BATCH
