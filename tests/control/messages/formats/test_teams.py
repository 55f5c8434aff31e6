"""Adaptive Cards for webhooks of Workflows."""

from __future__ import annotations

from msgspec.structs import replace

from proxy.control.messages.formats.teams import escaped, teams
from tests.control.messages.notes import AROUND, EVIL, MESSAGE, RESOLVED, body


def test_it_is_a_message_with_one_card() -> None:
    told = body(teams(MESSAGE, AROUND))
    (attachment,) = told["attachments"]
    card = attachment["content"]
    assert (told["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert [block["type"] for block in card["body"]] == ["TextBlock", "TextBlock", "FactSet"]
    assert [action["url"] for action in card["actions"]] == [MESSAGE.link, MESSAGE.runbook]
    assert body(teams(RESOLVED, AROUND))["attachments"][0]["content"]["body"][0]["color"] == "good"


def test_it_has_less_than_teams_takes_and_no_markup_of_others() -> None:
    call = teams(replace(MESSAGE, title=EVIL, text=EVIL, base=""), AROUND)
    assert len(call.body) < 28 * 1024 and body(call)["attachments"][0]["content"]["actions"] == []
    assert escaped("[a](b)\n *c*", 40) == "\\[a\\]\\(b\\) \\*c\\*"
    assert escaped("- 1", 40) == "\\- 1"
