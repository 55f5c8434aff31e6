"""The capture that a replay is weighed with is what a writer of captures makes."""

from __future__ import annotations

from pathlib import Path

from loadtests.replaying import CONFIG, captured_file
from proxy.config.load import parse
from proxy.control.capture.exchanges import exchanges_in
from proxy.control.capture.reading import facts_of


def test_the_capture_is_sealed_and_can_be_sent(tmp_path: Path) -> None:
    path = captured_file(tmp_path / "records", 1200)
    facts = facts_of(path)
    assert (facts.unsealed, facts.sealed) == ("", facts.lines - 1)
    exchanges = list(exchanges_in([path]))
    assert len(exchanges) == 1200 and not any(each.unreplayable or each.incomparable for each in exchanges)
    assert len({each.first.request_id for each in exchanges}) == 1200


def test_the_configuration_has_the_route_that_is_replayed(tmp_path: Path) -> None:
    (route,) = parse(CONFIG, {}).routes
    assert route.name == next(exchanges_in([captured_file(tmp_path / "records", 1)])).first.route
