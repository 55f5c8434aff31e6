"""Rows of the state file: any value in any column is a state, a head, a link, or a damaged row with a reason."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.release import RouteState
from proxy.control.state import rows
from proxy.control.state.rows import (
    MAX_REVISION,
    ChainHead,
    DamagedRow,
    head_of,
    link_of,
    state_of,
    text_or_bytes,
    with_room,
)

ANYTHING = st.none() | st.integers() | st.floats() | st.text() | st.binary()
STATE = RouteState("r", "steady", "v1")


def test_a_good_row_is_its_state() -> None:
    assert state_of("r", msgspec.json.encode(STATE)) == STATE
    assert state_of("r", msgspec.json.encode(STATE).decode()) == STATE


@pytest.mark.parametrize(
    ("route", "body", "said"),
    [
        (b"\xff", b"{}", "no text"),
        ("r", None, "missing"),
        ("r", 7, "a number"),
        ("r", b"{", "truncated"),
        ("other", msgspec.json.encode(STATE), "it is of route 'r'"),
        ("r", b'{"route":"r","phase":"later","primary":"v1"}', "Invalid enum value"),
        ("r", b'{"route":"r","phase":"steady","primary":"v1","stage_since":1e400}', "out of range"),
        ("r", b'{"route":' + b"[" * 100_000, "Expected `str`"),
    ],
)
def test_a_damaged_row_has_a_reason(route: Any, body: Any, said: str) -> None:
    row = state_of(route, body)
    assert isinstance(row, DamagedRow)
    assert said in row.why


def test_fields_of_a_later_version_are_left_out() -> None:
    assert state_of("r", b'{"route":"r","phase":"steady","primary":"v1","later":{"x":1}}') == STATE


def test_a_huge_row_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MAX_BODY", 10)
    assert isinstance(state_of("r", msgspec.json.encode(STATE)), DamagedRow)


@given(ANYTHING, ANYTHING, ANYTHING)
def test_nothing_raises(one: Any, two: Any, three: Any) -> None:
    assert isinstance(state_of(one, two), DamagedRow)
    assert isinstance(head_of((one, two, three)), DamagedRow | ChainHead)
    assert isinstance(link_of(one, two).body, str)


def test_a_head_that_is_none() -> None:
    assert head_of((3, 2, "a" * 64)) == ChainHead(3, 2, "a" * 64)
    bad = [None, (2**60, 1, "a" * 64), (-1, 1, "a" * 64), (1, None, "a" * 64), (1, 1, "a"), (1.5, 1, "a" * 64)]
    assert all(isinstance(head_of(row), DamagedRow) for row in bad)


def test_text_that_is_none_stays_bytes() -> None:
    assert (text_or_bytes(b"x"), text_or_bytes(b"\xff")) == ("x", b"\xff")


def test_a_head_without_room_for_changes_is_damage() -> None:
    assert with_room(ChainHead(3, 2, "a" * 64)) == ChainHead(3, 2, "a" * 64)
    for figures in ((MAX_REVISION, 2), (3, MAX_REVISION)):
        assert isinstance(with_room(ChainHead(*figures, "a" * 64)), DamagedRow)
