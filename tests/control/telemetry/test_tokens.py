"""What /metrics says of tokens: counts, what they cost, and what nobody told."""

from __future__ import annotations

from proxy.contracts.observation import NO_USAGE, Answer, Tensor, Text, Usage, observed
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


def test_messages_of_a_stream_have_times_and_are_counted_and_owe_no_tokens() -> None:
    board = Board()
    outputs = (Tensor("y", 3, 1, "number", [1.0, 2.0, 3.0]),)
    answer: Answer = outputs, Text("", first_token=0.5, gaps=(0.1, 0.1), pieces=3), "", True, "", "", None
    board._count(observed(record(route="r", version="v1"), (0, "a"), answer=answer))
    samples = {(each.name, *each.labels.values()): each.value for family in of_tokens(board) for each in family.samples}
    arm = ("r", "v1", "primary")
    assert samples["penumbra_stream_messages_total", *arm] == 3
    assert samples["penumbra_time_to_first_token_seconds_sum", *arm] == 0.5
    assert samples["penumbra_token_gap_seconds_count", *arm] == 2
    assert not [key for key in samples if key[0] == "penumbra_untold_tokens_total"]
