"""Events API v2: one incident for one matter."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from proxy.control.messages.formats.pagerduty import MAX_DETAILS, MAX_SUMMARY, pagerduty
from tests.control.messages.notes import AROUND, EVIL, MESSAGE, body


def test_an_incident_is_triggered_with_all_that_is_required() -> None:
    told = body(pagerduty(MESSAGE, AROUND))
    assert (told["routing_key"], told["event_action"]) == ("k3y", "trigger")
    assert told["dedup_key"] == "release/fraud/rolled-back" and told["client_url"] == MESSAGE.link
    payload = told["payload"]
    assert payload.keys() >= {"summary", "source", "severity", "timestamp"} and payload["source"] == "host-7"
    assert payload["severity"] in ("critical", "error", "warning", "info")
    assert [link["href"] for link in told["links"]] == [MESSAGE.link, MESSAGE.runbook]


@pytest.mark.parametrize(("state", "action"), [("acknowledged", "acknowledge"), ("resolved", "resolve")])
def test_it_is_acknowledged_and_resolved_by_its_key(state: str, action: str) -> None:
    told = body(pagerduty(replace(MESSAGE, state=state), AROUND))
    assert told == {"routing_key": "k3y", "event_action": action, "dedup_key": MESSAGE.key}


def test_bounds_hold() -> None:
    huge = replace(MESSAGE, text=EVIL, key="k" * 999, base="", document={"why": "x" * MAX_DETAILS})
    call = pagerduty(huge, AROUND)
    told = body(call)
    assert len(told["payload"]["summary"]) <= MAX_SUMMARY and len(told["dedup_key"]) <= 255
    assert len(call.body) < 512 * 1024 and "client_url" not in told
