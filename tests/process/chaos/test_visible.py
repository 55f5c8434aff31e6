"""What a client may see: the rows of the page, and which of them a fault's time allows."""

from __future__ import annotations

import pytest

from tests.process.chaos import visible
from tests.process.chaos.schedule import KINDS, Fault

TABLE = """
| fault | what the client sees | which metric tells |
|---|---|---|
| it is late | 504 after a while | `response_timeout`, `penumbra_x` |
| it is killed | its exchanges break; new ones are refused until it is back | |
| it is wrong | the answer, as it is | `penumbra_invalid_total` |
"""


def test_rows_are_read_with_statuses_words_and_reasons() -> None:
    late, killed, wrong = visible.rows(TABLE)
    assert late == visible.Row("it is late", frozenset((504,)), frozenset(), frozenset(("response_timeout",)))
    assert killed.words == {visible.BROKEN, visible.REFUSED} and wrong.words == {visible.AS_IT_IS}


@pytest.mark.parametrize(
    ("result", "row", "allowed"),
    [
        ("504 response_timeout", 0, True),
        ("504 total_timeout", 0, False),
        ("502 response_timeout", 0, False),
        ("broken", 0, False),
        ("broken", 1, True),
        ("refused", 1, True),
        ("as it is", 2, True),
        ("wrong", 2, False),
        ("silent", 1, False),
    ],
)
def test_a_row_allows_what_it_names(result: str, row: int, allowed: bool) -> None:
    assert visible.rows(TABLE)[row].allows(result) is allowed


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_names_rows_that_are_there(kind: str) -> None:
    for beginning in KINDS[kind].rows:
        row = visible.row_of(beginning)
        assert row.statuses or row.words or "later" in visible.PAGE.read_text(encoding="utf-8")


def test_a_result_is_explained_by_a_fault_of_its_time_and_place() -> None:
    hung = Fault(10.0, 2.0, "primary-hung")
    late = ("504 response_timeout", "weak")
    assert not visible.unexplained(*late, 11.0, 13.0, [hung])
    assert not visible.unexplained(*late, 12.0 + KINDS["primary-hung"].grace, 20.0, [hung])
    assert visible.unexplained(*late, 5.0, 9.9, [hung])
    assert visible.unexplained(*late, 12.1 + KINDS["primary-hung"].grace, 20.0, [hung])
    assert visible.unexplained("504 response_timeout", "healthy", 11.0, 13.0, [hung])
    assert visible.unexplained("refused", "weak", 11.0, 13.0, [hung])
    assert not visible.unexplained("good", "weak", 0.0, 1.0, [])
