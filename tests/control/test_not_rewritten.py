"""Messages that could not be rewritten are warned about while they come, with reasons and counts."""

from __future__ import annotations

import pytest

from proxy.contracts.record import Tick
from proxy.control.warnings import SPAN_SECONDS
from tests.control.houses import House


def told(house: House, *rows: tuple[str, str, str, str, int]) -> list[str]:
    house.seq += 1
    house.now += SPAN_SECONDS + 0.1
    house.engine.on_tick(Tick(0, "a", house.seq, 1, not_rewritten=list(rows)), house.now)
    house.engine.on_time(house.now)
    return house.engine.warnings("cancer")


def test_a_warning_has_reasons_and_counts_and_is_logged_once(house: House, caplog: pytest.LogCaptureFixture) -> None:
    rows = [("cancer", "v2", "request", "rewrite_not_json", 1200), ("cancer", "v2", "request", "rewrite_path", 3)]
    assert told(house, *rows) == [
        "requests could not be rewritten for v2 and were not sent to it: rewrite_not_json 1,200, rewrite_path 3"
    ]
    assert told(house, rows[0], ("cancer", "v3", "answer", "rewrite_too_large", 1)) == [
        "requests could not be rewritten for v2 and were not sent to it: rewrite_not_json 1,200",
        "answers of v3 went to clients with its own names in them: rewrite_too_large 1",
    ]
    assert len([record for record in caplog.records if "rewritten for v2" in record.message]) == 1


def test_it_goes_with_its_cause_and_other_routes_have_none(house: House) -> None:
    assert told(house, ("elsewhere", "v2", "request", "rewrite_path", 1)) == []
    assert told(house, ("cancer", "v2", "request", "rewrite_path", 1))
    assert told(house) == []
