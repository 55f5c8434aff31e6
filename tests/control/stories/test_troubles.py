"""Warnings have times."""

from __future__ import annotations

from proxy.contracts.notices import Notice
from proxy.control.stories.troubles import MAX_ENDED, Troubles


def test_a_warning_is_there_from_when_it_was_seen_until_it_was_gone() -> None:
    troubles = Troubles()
    troubles.update("r", [Notice("k", "3 not stored")], 10.0)
    troubles.update("r", [Notice("k", "4 not stored")], 11.0)
    troubles.update("r", [], 12.0)
    assert [(each.since, each.until, each.notice.text) for each in troubles.at("r", 11.5)] == [
        (10.0, 12.0, "4 not stored")
    ]
    assert not troubles.at("r", 9.0)
    assert not troubles.at("r", 12.0)
    assert not troubles.at("other", 11.0)


def test_what_is_over_is_bounded() -> None:
    troubles = Troubles()
    for number in range(3 * MAX_ENDED):
        troubles.update("r", [Notice(f"k{number}", "")], float(number))
    assert not troubles.at("r", 0.5)
    assert troubles.at("r", 3 * MAX_ENDED - 2.5)
