"""Changes as messages: what lasts, how severe it is, and which section of the runbook it is about."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from proxy.contracts.release import RouteState
from proxy.control.messages.changes import Trouble, event_of, lasting, message_of, trouble_of
from proxy.release import transitions
from proxy.release.audit import Change, plain
from tests.control.houses import canary_release

LINES = [{"metric": "latency_p99", "outcome": "pass"}, {"metric": "error_rate", "outcome": "fail"}]
RELEASE = ("group", ("features", "fraud"))


def change(who: str, action: str, **more: Any) -> Change:
    return Change(who, action, more.pop("route", "group"), "why", **more)


@pytest.mark.parametrize(
    ("who", "action", "event", "lasts", "severity"),
    [
        ("scorecard", "rollback", "rollback", "rolled-back", "critical"),
        ("ops", "rollback", "rollback", "rolled-back", "warning"),
        ("scorecard", "pause", "breach", "paused", "critical"),
        ("ops", "pause", "change", "", "info"),
        ("scorecard", "notify", "breach", "breach", "critical"),
        ("scorecard", "drop", "breach", "", "warning"),
        ("scorecard", "advance", "stage", "", "info"),
        ("ops", "promote", "promote", "", "info"),
        ("identity", "restart", "identity", "", "warning"),
    ],
)
def test_the_table(who: str, action: str, event: str, lasts: str, severity: str) -> None:
    each = change(who, action)
    message = message_of(each, RELEASE, "f00", 5.0)
    assert (event_of(each), lasting(each), message.severity) == (event, lasts, severity)
    assert message.state == ("firing" if lasts else "told")
    assert message.key == (f"release/group/{lasts}" if lasts else "change/group/f00")


def test_a_breach_leads_to_the_section_of_its_metric_and_names_all_routes_of_its_release() -> None:
    message = message_of(change("scorecard", "rollback", evidence=LINES), RELEASE, "", 5.0)
    assert (message.section, message.routes) == ("breach-error-rate", ("features", "fraud"))
    assert message_of(change("ops", "rollback", evidence=LINES), RELEASE, "", 5.0).section == "event-rollback"
    told = message_of(change("scorecard", "notify", route="fraud", evidence=LINES), RELEASE, "", 5.0)
    assert told.routes == ("fraud",) and told.document["evidence"] == LINES


def test_an_entry_that_was_read_again_is_the_same_event() -> None:
    begun = transitions.start(RouteState("cancer", "steady", "v1"), canary_release(), "", 0.0)
    fresh = Change("configuration", "start", "cancer", "", None, begun)
    assert event_of(fresh) == event_of(replace(fresh, after=plain(begun))) == "start"


def test_what_lasts_follows_from_the_state_alone() -> None:
    state = RouteState("cancer", "steady", "v1", since=3.0, reason="why")
    assert trouble_of(state, False, False) is None
    assert trouble_of(replace(state, phase="rolled_back"), False, True) == Trouble("rolled-back", 3.0, "why", True)
    paused = trouble_of(replace(state, phase="paused"), False, False)
    assert paused is not None and not paused.certain, "somebody may have paused it"
    told = trouble_of(replace(state, phase="ramping"), True, True)
    assert told is not None and told.kind == "breach"


def test_changes_of_one_table_are_messages_of_their_own() -> None:
    ids = {message_of(change("configuration", "start", route=r), (r, (r,)), "f00", 5.0).id for r in ("loans", "quiet")}
    assert len(ids) == 2
