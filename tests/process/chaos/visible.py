"""What a client may see of a fault: read from docs/reliability.md, so that the page is held to what happens.

A client's result is one word of `Result` or a status with the reason of the problem document (`503 draining`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from proxy.contracts.failure import FAILURES
from tests.process.chaos.schedule import KINDS, Fault

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reliability.md"

GOOD = "good"
AS_IT_IS = "as it is"
"""An answer of a model server that is none, passed on."""
BROKEN = "broken"
"""The connection ended before the answer did."""
REFUSED = "refused"
"""No connection could be had."""
SILENT = "silent"
"""Nothing came within the client's patience."""
WRONG = "wrong"
"""Another answer than that of this request. Nothing allows it."""


@dataclass(frozen=True)
class Row:
    """A row of the page. `statuses` and `words` of what the client sees; `reasons` that the row names."""

    fault: str
    statuses: frozenset[int]
    words: frozenset[str]
    reasons: frozenset[str]

    def allows(self, result: str) -> bool:
        """Whether a client may have this result. A reason that is not the row's own is another fault's."""
        status, _, reason = result.partition(" ")
        if not status.isdecimal():
            return result in self.words
        return int(status) in self.statuses and (reason in self.reasons or not reason)


_WORDS = {AS_IT_IS: r"as it is", BROKEN: r"break|abort|broken", REFUSED: r"refused until"}


def rows(text: str) -> tuple[Row, ...]:
    """The rows of the page's table."""
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return tuple(_row(*(cell.strip() for cell in line[1:-1].split("|"))) for line in lines)


def _row(fault: str, seen: str, metric: str) -> Row:
    words = frozenset(word for word, pattern in _WORDS.items() if re.search(pattern, seen))
    statuses = frozenset(map(int, re.findall(r"\b[1-5]\d\d\b(?! M?[Bs]| ms)", seen)))
    return Row(fault, statuses, words, frozenset(re.findall(r"[`\"](\w+)[`\"]", f"{seen} {metric}")) & FAILURES.keys())


@cache
def page() -> dict[str, Row]:
    """The rows of docs/reliability.md by their first cell."""
    return {row.fault: row for row in rows(PAGE.read_text(encoding="utf-8"))}


def row_of(beginning: str) -> Row:
    """The one row whose first cell begins so. Raises ValueError when there is none, or more than one."""
    (found,) = (row for fault, row in page().items() if fault.startswith(beginning))
    return found


def unexplained(result: str, route: str, began: float, ended: float, faults: Iterable[Fault]) -> bool:
    """Whether a client's result is one that no fault of its time may have caused."""
    if result == GOOD:
        return False
    return not any(
        row_of(row).allows(result)
        for fault in faults
        if fault.at <= ended and began <= fault.end + KINDS[fault.kind].grace
        if not KINDS[fault.kind].routes or route in KINDS[fault.kind].routes
        for row in KINDS[fault.kind].rows
    )
