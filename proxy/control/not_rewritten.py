"""Messages that could not be rewritten for a version, or from it, as warnings.

Such requests went nowhere: the version is judged by the others alone, so whoever reads a verdict should know.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from proxy.stats.board import Board

Subject = tuple[str, str, str]
"""Route, version, and `request` or `answer`."""

WHAT = {
    "request": "requests could not be rewritten for {version} and were not sent to it",
    "answer": "answers of {version} went to clients with its own names in them",
}


class NotRewritten:
    """The warnings of the last span by route; `update` at the end of each span."""

    __slots__ = ("_before", "_told", "faults")

    def __init__(self) -> None:
        self._before: Counter[tuple[str, str, str, str]] = Counter()
        self._told: set[Subject] = set()
        self.faults: dict[str, list[str]] = {}

    def update(self, routes: Iterable[str], board: Board) -> list[tuple[str, str]]:
        """Judges what has come since the last call; returns (route, warning) of what is new."""
        counted = Counter(board.counters.not_rewritten)
        came, self._before = counted - self._before, counted
        reasons: dict[Subject, list[str]] = {}
        for (route, version, message, reason), n in sorted(came.items()):
            reasons.setdefault((route, version, message), []).append(f"{reason} {n:,}")
        known = set(routes)
        texts = {subject: _fault(subject, told) for subject, told in reasons.items() if subject[0] in known}
        new = [(subject[0], text) for subject, text in texts.items() if subject not in self._told]
        self._told = set(texts)
        self.faults = {}
        for subject, text in texts.items():
            self.faults.setdefault(subject[0], []).append(text)
        return new


def _fault(subject: Subject, reasons: list[str]) -> str:
    _, version, message = subject
    return f"{WHAT[message].format(version=version)}: {', '.join(reasons)}"
