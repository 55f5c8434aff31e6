"""Empty copies: charged unless their request asks nothing, whichever record comes first."""

from __future__ import annotations

import pytest

from proxy.contracts.observation import Observation, Tensor
from proxy.contracts.record import ArmTick, Tick
from proxy.contracts.settings import Guard
from proxy.stats.board import FLUSH_SECONDS, Board
from proxy.stats.counts import asked_nothing
from proxy.stats.counts.asked_nothing import AskedNothing
from tests.support.observed import observation

NOTHING = (Tensor("instances", 0, 1, "number", []),)
SOMETHING = (Tensor("instances", 1, 1, "number", [1.0]),)


def leg(exchange: int, role: str, inputs: tuple[Tensor, ...] = (), content: str = "") -> Observation:
    version = "v1" if role == "primary" else "v2"
    who = ((0, "a"), exchange, "", "r", version, role, 1.0, 200, "", 0.0, 0.1, 0.2)
    return observation(*who, inputs=inputs, analysed=True, content=content)  # type: ignore[arg-type]


def contents(legs: list[Observation]) -> list[tuple[int, str, str]]:
    return [(each.exchange, each.role, each.content) for each in legs]


@pytest.mark.parametrize(("inputs", "content"), [(NOTHING, ""), (SOMETHING, "empty_body")])
@pytest.mark.parametrize("copy_first", [False, True])
def test_an_empty_copy_is_charged_unless_its_request_asks_nothing(
    copy_first: bool, inputs: tuple[Tensor, ...], content: str
) -> None:
    made = AskedNothing()
    primary, copy = leg(1, "primary", inputs), leg(1, "shadow", content="empty_body")
    first, second = ([copy], [primary]) if copy_first else ([primary], [copy])
    found = made.update(first, 0.0) + made.update(second, 0.0) + made.update([], 0.0)
    assert sorted(contents(found)) == [(1, "primary", ""), (1, "shadow", content)]
    assert not made.held


def test_what_was_read_otherwise_waits_for_nothing() -> None:
    legs = [leg(1, "shadow"), leg(2, "shadow", content="not_a_number"), leg(3, "canary", content="empty_body")]
    assert AskedNothing().update(legs, 0.0) == legs


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked_nothing, "MAX_EXCHANGES", 2)
    made = AskedNothing()
    made.update([leg(number, "primary", NOTHING) for number in range(3)], 0.0)
    made.update([leg(number, "shadow", content="empty_body") for number in range(3)], 0.0)
    assert [content for *_, content in contents(made.update([], 0.0))] == ["empty_body", "", ""]


def test_a_healthy_shadow_is_not_charged_for_requests_that_ask_nothing() -> None:
    board = Board()
    board.watch("r", ("v2",), "v1", Guard(), "kserve-v1", 0.0)
    arms = [ArmTick("r", "v1", "primary", 1.0, {"200": 50}), ArmTick("r", "v2", "shadow", 1.0, {"200": 50})]
    board.on_tick(Tick(0, "a", 1, 1, arms=arms), 0.0)
    copies = [leg(number, "shadow", content="empty_body") for number in range(50)]
    board.on_observations(copies, 0.0)
    board.on_observations([leg(number, "primary", NOTHING) for number in range(50)], 0.1)
    board.on_time(0.1 + FLUSH_SECONDS)
    assert not board.content.invalid
    assert board.content.analysed == {("r", "v1", "primary"): 50, ("r", "v2", "shadow"): 50}


def test_an_empty_copy_is_counted_when_no_more_records_come() -> None:
    board = Board()
    board.watch("r", ("v2",), "v1", Guard(), "kserve-v1", 0.0)
    board.on_observations([leg(1, "shadow", content="empty_body")], 0.0)
    board.on_time(FLUSH_SECONDS)
    assert board.content.invalid == {("r", "v2", "shadow", "empty_body"): 1}
