"""Where somebody who reads the audit can begin to look."""

from __future__ import annotations

from proxy.contracts.record import Record
from proxy.control.failed_requests import NEWEST_IDS, FailedRequests
from tests.support.records import record


def leg(n: int, version: str, status: int = 200, failure: str = "", route: str = "r") -> Record:
    return record(exchange=n, request_id=f"id-{n}", route=route, version=version, status=status, failure=failure)


def test_failures_and_5xx_are_remembered_newest_first() -> None:
    failed = FailedRequests()
    failed.update([leg(1, "v2", 500), leg(2, "v2"), leg(3, "v2", 0, "reset"), leg(4, "v2", 404), leg(5, "v1", 503)])
    assert failed.get("r", ["v2"]) == ["id-3", "id-1"]
    assert failed.get("r", ["v2", "v1", "v9"]) == ["id-3", "id-1", "id-5"]
    assert failed.get("other", ["v2"]) == []


def test_only_the_newest_of_each_version_stay() -> None:
    failed = FailedRequests()
    failed.update([leg(n, "v2", 500) for n in range(NEWEST_IDS + 5)] + [leg(99, "v1", 500)])
    assert failed.get("r", ["v2"]) == [f"id-{n}" for n in reversed(range(5, NEWEST_IDS + 5))]
    assert failed.get("r", ["v1"]) == ["id-99"]
