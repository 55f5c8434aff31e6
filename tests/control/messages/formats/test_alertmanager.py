"""Alerts: one set of labels for one matter, and an end that is ahead while it lasts."""

from __future__ import annotations

from msgspec.structs import replace

from proxy.control.messages.formats.alertmanager import HELD_SECONDS, RESEND_SECONDS, alertmanager
from proxy.control.messages.message import moment
from tests.control.messages.notes import AROUND, MESSAGE, RESOLVED, body


def test_what_lasts_ends_later_and_what_is_over_when_it_was() -> None:
    (alert,), (over,) = body(alertmanager(MESSAGE, AROUND)), body(alertmanager(RESOLVED, AROUND))
    assert alert["labels"] == over["labels"] and alert["startsAt"] == over["startsAt"] == moment(MESSAGE.since)
    assert alert["endsAt"] == moment(AROUND.now + HELD_SECONDS) and over["endsAt"] == moment(RESOLVED.at)
    assert HELD_SECONDS >= 2 * RESEND_SECONDS, "one that is lost ends nothing"
    assert alert["labels"]["alertname"] == "PenumbraBreachErrorRate" and "route" not in alert["labels"]
    assert alert["annotations"]["runbook_url"] == MESSAGE.runbook and alert["generatorURL"] == MESSAGE.link


def test_the_route_is_a_label_where_there_is_one() -> None:
    (alert,) = body(alertmanager(replace(MESSAGE, routes=("fraud",), base=""), AROUND))
    assert alert["labels"]["route"] == "fraud" and "generatorURL" not in alert
    assert all(alert["labels"].values()) and all(alert["annotations"].values())
