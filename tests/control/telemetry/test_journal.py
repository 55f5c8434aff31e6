"""Records to lines and spans: nothing without either, and what is overdue or left at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from proxy.contracts.journal import AccessLog
from proxy.contracts.leg_join import MAX_WAIT
from proxy.control.telemetry.journal import Journal
from tests.control.houses import settings
from tests.control.records import SOURCE, answer, failure


class Lines:
    """Takes lines while there is room."""

    def __init__(self, room: int = 100) -> None:
        self.room = room
        self.taken: list[Mapping[str, Any]] = []
        self.dropped = {"event": 2}

    def access(self, facts: Mapping[str, object]) -> bool:
        if len(self.taken) >= self.room:
            return False
        self.taken.append(facts)
        return True


def logging(lines: Lines) -> Journal:
    journal = Journal(lines)
    journal.use(settings(access_log=AccessLog(100.0)))
    return journal


def test_nothing_is_joined_where_nothing_is_configured() -> None:
    lines = Lines()
    journal = Journal(lines)
    journal.use(settings())
    journal.take([answer(), failure("canary", 2)], SOURCE, 0.0)
    journal.look(MAX_WAIT)
    assert lines.taken == [] and journal.spans == {}


def test_a_canary_that_nobody_answers_for_is_told_when_it_is_overdue() -> None:
    lines = Lines()
    journal = logging(lines)
    journal.take([answer(exchange=1), failure("canary", 2)], SOURCE, 0.0)
    assert [facts["role"] for facts in lines.taken] == ["primary"]
    journal.look(MAX_WAIT)
    assert [facts["role"] for facts in lines.taken] == ["primary", "canary"]


def test_the_rest_is_told_at_the_end() -> None:
    lines = Lines()
    journal = logging(lines)
    journal.take([failure("canary")], SOURCE, 0.0)
    asyncio.run(journal.close(1.0))
    assert [facts["failure"] for facts in lines.taken] == ["reset"]


def test_lines_that_are_not_taken_are_counted_by_kind_and_reason() -> None:
    lines = Lines(room=1)
    journal = logging(lines)
    journal.take([answer(exchange=number) for number in range(3)], SOURCE, 0.0)
    assert journal.lines_dropped == {("access", "rate"): 0, ("access", "unread"): 2, ("event", "unread"): 2}
    assert journal.bounds_reached() == {"exchange_join": 0}
