"""The table that a worker follows without control."""

from __future__ import annotations

from proxy.contracts.table import Share, Table, primaries_only
from tests.support.plane import route


def test_without_control_all_goes_to_the_primaries_and_nothing_else_changes() -> None:
    split = route(split=(Share("v2", 25.0),), baseline=Share("v1b", 25.0), shadows=(Share("v3", 100.0),), noise=5.0)
    table = Table(7, {}, (split,))
    alone = primaries_only(table)
    assert alone == Table(7, {}, (route(rolled_back=("v2",)),)), "whose streams end, where the route says so"
    assert table.routes == (split,), "the table of control stays as it is"
    assert primaries_only(alone) == alone
