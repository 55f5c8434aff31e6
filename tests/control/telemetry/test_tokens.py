"""What /metrics says of tokens: counts, what they cost, and what nobody told."""

from __future__ import annotations

from proxy.contracts.observation import NO_USAGE, Answer, Text, Usage, observed
from proxy.contracts.price import Price
from proxy.control.telemetry.tokens import of_tokens
from proxy.stats.board import Board
from tests.support.records import record


def test_tokens_are_counted_and_priced_and_missing_ones_are_told() -> None:
    board = Board()
    board.prices = {"v1": Price(input=2.0, output=8.0, cached_input=0.5, currency="EUR")}
    for usage in (Usage(1000, 100, cached=400), Usage(output=5), NO_USAGE, None):
        answer: Answer = (), Text("a"), "", True, "", "", usage
        board._count(observed(record(route="r", version="v1"), (0, "a"), answer=answer))
    samples = {(each.name, *each.labels.values()): each.value for family in of_tokens(board) for each in family.samples}
    arm = ("r", "v1", "primary")
    assert samples["penumbra_tokens_total", *arm, "output"] == 105
    assert samples["penumbra_cost_total", *arm, "EUR"] == (600 * 2.0 + 400 * 0.5 + 100 * 8.0) / 1e6
    assert samples["penumbra_untold_tokens_total", *arm, "values"] == 1
    assert samples["penumbra_untold_tokens_total", *arm, "absent"] == 1
