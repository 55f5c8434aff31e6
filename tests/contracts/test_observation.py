"""What was read of a record."""

from __future__ import annotations

import pytest

from proxy.contracts.observation import Tensor, observed
from tests.support.records import record


@pytest.mark.parametrize(
    ("status", "failure", "answered"), [(200, "", True), (299, "", True), (300, "", False), (199, "", False),
                                        (503, "", False), (200, "reset", False), (0, "connect_failed", False)]
)  # fmt: skip
def test_only_a_whole_answer_of_success_can_be_compared(status: int, failure: str, answered: bool) -> None:
    assert observed(record(status=status, failure=failure), (0, "a")).answered is answered


def test_the_facts_of_the_record_stand_beside_what_was_read() -> None:
    tensor = Tensor("x", 1, 1, "number", [1.0])
    seen = observed(record(exchange=9, request_id="id", version="v2"), (3, "b"), inputs=(tensor,))
    assert (seen.exchange, seen.request_id, seen.version, seen.source) == (9, "id", "v2", (3, "b"))
    assert (seen.inputs, seen.outputs, seen.text) == ((tensor,), (), None)
