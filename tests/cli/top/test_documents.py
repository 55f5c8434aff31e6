"""What is read of the API's answers."""

from __future__ import annotations

from math import inf, isnan
from typing import Any

import pytest

from proxy.cli.top.documents import RoutesDoc, UnreadableError, read
from tests.support.top_pictures import line, picture, route, routes, scorecard


def test_what_an_answer_has_beside_is_not_looked_at() -> None:
    assert routes(route("fraud", match={"path": "/"}), versions=["v1"]).routes[0].primary == "v1"


@pytest.mark.parametrize(
    "document", [None, [], {}, {"routes": [], "revision": "x"}, {"revision": 1, "routes": [{"route": "r"}]}]
)
def test_an_answer_of_another_kind_is_none(document: Any) -> None:
    with pytest.raises(UnreadableError, match="none of the admin API"):
        read(document, RoutesDoc)


def test_a_route_by_its_name() -> None:
    found = picture().route("fraud")
    assert found is not None
    assert found.phase == "ramping"
    assert picture().route("none") is None


def test_infinite_evidence_is_a_number_and_what_is_none_is_not() -> None:
    assert scorecard(line("error_rate", "inf")).lines[0].log_breach == inf
    assert isnan(scorecard(line("error_rate", "much")).lines[0].log_breach)


def test_after_a_rollback_the_lines_are_those_that_it_was_made_by() -> None:
    card = scorecard(at_rollback=(line("error_rate", 7.0),))
    assert [each.metric for each in card.lines] == ["error_rate"]
    assert card.chance == card.false_alarm_at_rollback
