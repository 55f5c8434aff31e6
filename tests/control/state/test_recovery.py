"""Live states at the start: whatever one row, column or byte is, control starts, the rest goes on, and no rollback is
forgotten."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.contracts.release import RouteState
from proxy.control.state.recovery import forgets
from proxy.control.state.state_file import StoreError
from proxy.control.state.store import Store
from tests.control.houses import House, arm
from tests.control.state.damage import CONFIGURED, ROUTES, made, sql, started


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, RouteState]]:
    path = tmp_path_factory.mktemp("state") / "p.db"
    return path, made(path)


Whole = tuple[Path, dict[str, RouteState]]


def damaged(
    whole: Whole, at: Path, *statements: str, values: tuple[Any, ...] = ()
) -> tuple[Any, dict[str, RouteState]]:
    """A control process on a damaged copy, and the states that it should have."""
    shutil.copy(whole[0], at)
    sql(at, *statements, values=values)
    return started(at), whole[1]


GARBAGE = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=40)
    | st.sampled_from(["{", "[]", "null", '{"route":"by-hand"}', b"\xff\xfe", "x" * 100_000, 1e308, "NaN"])
)
COLUMNS = [
    *(("states", "body", f"route = '{route}'") for route in ROUTES),
    *(("states", "route", f"route = '{route}'") for route in ROUTES),
    *(("audit", column, f"seq = {seq}") for column in ("route", "body", "hash") for seq in (1, 4, 6)),
    *(("head", column, "one = 1") for column in ("revision", "count", "hash")),
    ("memory", "body", "route = 'released'"),
    ("clock", "now", "one = 1"),
]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(COLUMNS), value=GARBAGE)
def test_whatever_a_column_holds_control_starts_and_the_rest_goes_on(
    whole: Whole, tmp_path: Path, place: tuple[str, str, str], value: Any
) -> None:
    table, column, where = place
    for file in tmp_path.iterdir():
        file.unlink()
    try:
        house, states = damaged(
            whole, tmp_path / "p.db", f"UPDATE OR IGNORE {table} SET {column} = ? WHERE {where}", values=(value,)
        )
    except sqlite3.IntegrityError:  # the column refuses such a value
        return
    assert house.engine.states == states
    house.engine.on_time(house.now)
    house.store.close()
    again = started(tmp_path / "p.db")
    assert again.engine.states == states
    again.store.close()


def test_a_name_that_is_no_text_is_told_in_words_that_can_be_written(
    whole: Whole, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING")
    change = "UPDATE states SET route = CAST(x'80ff' AS TEXT) WHERE route = (SELECT min(route) FROM states)"
    house, states = damaged(whole, tmp_path / "p.db", change)
    assert house.engine.states == states and "is damaged" in caplog.text
    assert caplog.text.encode()
    house.store.close()


@pytest.mark.parametrize("table", ["states", "head", "memory", "clock"])
def test_a_table_without_rows_costs_nothing_else(whole: Whole, tmp_path: Path, table: str) -> None:
    house, states = damaged(whole, tmp_path / "p.db", f"DELETE FROM {table}")
    assert house.engine.states == states
    house.store.close()


@pytest.mark.parametrize(
    "change", ['"split":{"v2":300}', '"split":{"v2":-1}', '"stage_since":1e300', '"phase":"paused"']
)
def test_a_state_that_cannot_be_is_none(whole: Whole, tmp_path: Path, change: str) -> None:
    body = b'{"route":"by-hand","primary":"v1","phase":"steady",%s}' % change.encode()
    house, states = damaged(
        whole, tmp_path / "p.db", "UPDATE states SET body = ? WHERE route = 'by-hand'", values=(body,)
    )
    assert house.engine.states == states
    assert house.store.quarantined()[0][:2] == ("states", "by-hand")
    assert any("last one of the audit" in warning for warning in house.engine.warnings("by-hand"))
    assert house.engine.keeper.mended == {"renewed": 0, "damaged_row": 1, "salvaged": 0}
    house.store.close()


def test_a_live_state_that_was_edited_is_replaced_by_that_of_the_audit(whole: Whole, tmp_path: Path) -> None:
    edit = "UPDATE states SET body = replace(CAST(body AS TEXT), '25.0', '95.0') WHERE route = 'by-hand'"
    house, states = damaged(whole, tmp_path / "p.db", edit)
    assert house.engine.state("by-hand") == states["by-hand"]
    house.store.close()


def test_a_rollback_that_the_row_alone_knows_is_not_forgotten(whole: Whole, tmp_path: Path) -> None:
    before = "DELETE FROM audit WHERE seq = 6"
    head = "UPDATE head SET count = 5, hash = (SELECT hash FROM audit WHERE seq = 5)"
    house, _ = damaged(whole, tmp_path / "p.db", before, head)
    assert house.engine.state("rolled-back").phase == "rolled_back"
    assert house.split("rolled-back") == {}
    house.store.close()


def test_without_row_and_audit_a_route_comes_up_in_the_safe_way(whole: Whole, tmp_path: Path) -> None:
    house, states = damaged(
        whole,
        tmp_path / "p.db",
        "UPDATE states SET body = 'x' WHERE route IN ('by-hand', 'rolled-back')",
        "DELETE FROM audit WHERE route IN ('by-hand', 'rolled-back')",
    )
    assert [house.engine.state(route).phase for route in ("by-hand", "rolled-back")] == ["rolled_back"] * 2
    assert (house.split("by-hand"), house.split("rolled-back")) == ({}, {})
    assert house.engine.state("released") == states["released"]
    house.store.close()


def test_what_the_anchor_knows_beyond_the_file_stays_rolled_back(whole: Whole, tmp_path: Path) -> None:
    """The file of before the rollback, as from a backup, beside the anchor of now."""
    configured = replace(CONFIGURED, audit_anchor=str(tmp_path / "anchor"), state=str(tmp_path / "p.db"))
    House(configured, Store(configured.state)).store.close()
    shutil.copy(configured.state, tmp_path / "backup")
    house = House(configured, Store(configured.state))
    house.tick(arm("v1", "primary", 90, 0, 0.9, "rolled-back"), arm("v2", "canary", 20, 20, 0.1, "rolled-back"))
    house.store.close()
    shutil.copy(tmp_path / "backup", configured.state)
    for _ in range(2):
        house = House(configured, Store(configured.state))
        assert house.engine.state("rolled-back").rolled_back == ("v2",)
        assert house.split("rolled-back") == {}
        assert house.split("by-hand") == {"v2": 10.0}
        house.store.close()


def test_every_byte_of_a_file_may_change(whole: Whole, tmp_path: Path) -> None:
    content, states = whole[0].read_bytes(), whole[1]
    at, refused = tmp_path / "p.db", 0
    for place in range(0, len(content), 997):
        for file in tmp_path.iterdir():
            file.unlink()
        changed = bytearray(content)
        changed[place] ^= 0xFF
        at.write_bytes(changed)
        try:
            house = started(at)
        except StoreError:
            refused += 1
            continue
        assert house.split("rolled-back") == {}, place
        for route in ROUTES:
            assert house.engine.state(route) == states[route] or house.split(route) == {}, (place, route)
        house.store.close()
    assert refused == 0


def test_which_of_two_states_forgets_a_rollback() -> None:
    steady, back = RouteState("r", "steady", "v1"), RouteState("r", "rolled_back", "v1", rolled_back=("v2",))
    assert [forgets(*pair) for pair in ((steady, back), (back, steady), (back, back))] == [True, False, False]
