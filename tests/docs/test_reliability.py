"""docs/reliability.md names every answer that the proxy itself gives, with its status: a promise to clients."""

from __future__ import annotations

import pytest

from proxy.contracts.failure import FAILURES
from proxy.contracts.outcome import outcome_of
from tests.process.chaos.visible import page

NEVER_SENT = {
    "answer_too_large": "of copies alone",
    "http2_flood": "the connection ends without an answer",
    "late": "the primary answers in place of whoever was late",
}
"""Reasons that no client gets, and why; besides, nobody is there to get 499."""

SENT = [name for name, failure in FAILURES.items() if name not in NEVER_SENT and failure.status != 499]


@pytest.mark.parametrize("reason", SENT)
def test_an_answer_of_the_proxy_stands_in_a_row_with_its_status(reason: str) -> None:
    status = FAILURES[reason].status
    assert any(reason in row.reasons and status in row.statuses for row in page().values()), (reason, status)


def test_no_row_names_a_status_that_the_proxy_does_not_give() -> None:
    given = {failure.status for failure in FAILURES.values()}
    for row in page().values():
        assert row.statuses <= given, row.fault


def test_what_is_never_sent_exists() -> None:
    assert NEVER_SENT.keys() <= FAILURES.keys()
    assert outcome_of("late") == "failed"
