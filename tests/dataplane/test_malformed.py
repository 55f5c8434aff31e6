"""Rules that messages broke: counted all, logged once in a while, bounded."""

from __future__ import annotations

import logging

import pytest

from proxy.dataplane.malformed import AGAIN_SECONDS, MAX_RULES, OTHER, Malformed


def test_all_are_counted_and_few_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    malformed = Malformed()
    with caplog.at_level(logging.WARNING, "penumbra.worker"):
        for now in (0.0, 1.0, AGAIN_SECONDS):
            malformed.note("r", "v2", "Transfer-Encoding is not `chunked` alone", now)
        malformed.note("", "", "exactly one Host field is needed", 1.0)
        malformed.note("", "v2", "too many frames that ask for nothing", 1.0)
    rows = {
        ("r", "v2", "Transfer-Encoding is not `chunked` alone", 3),
        ("", "", "exactly one Host field is needed", 1),
        ("", "v2", "too many frames that ask for nothing", 1),
    }
    assert set(malformed.take()) == rows and malformed.take() == []
    answer = "route r: the answer of v2 cannot be read: Transfer-Encoding is not `chunked` alone"
    assert [record.getMessage() for record in caplog.records] == [
        answer,
        answer,
        "a client's request cannot be read: exactly one Host field is needed",
        "what v2 says unasked cannot be read: too many frames that ask for nothing",
    ]


def test_rules_without_end_are_one() -> None:
    malformed = Malformed()
    for number in range(2 * MAX_RULES):
        malformed.note("r", "v", str(number), 0.0)
    rows = malformed.take()
    assert len(rows) == MAX_RULES + 1 and rows[-1] == ("r", "v", OTHER, MAX_RULES)
