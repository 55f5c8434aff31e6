"""A look: the counts that everything judged on a route rests on, as sums, for a board that saw none of the requests.

A fleet's judge adds the counts of all sidecars and gives their sum to its board as one look; so the evidence is that of
one proxy that had seen all requests. A `Tap` hears of what a board counts from records; ticks are sums already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from proxy.contracts.record import Tick
from proxy.stats.agreement.comparer import PairResult
from proxy.stats.counts.content import ContentCounts
from proxy.stats.drift.figures import BinnedRows, RowCounts
from proxy.stats.evidence.answer_measures import MeasuredAnswers
from proxy.stats.identity.watch import Given


class RouteLook(Struct):
    """What one look adds on a route, beside its legs."""

    pairs: list[PairResult] = []
    contents: list[ContentCounts] = []
    rows: list[RowCounts] = []
    measured: list[MeasuredAnswers] = []
    binned: list[BinnedRows] = []
    identities: dict[str, dict[Given, int]] = {}
    """Answers by version, and by what they say of who gave them."""
    lost: dict[str, int] = {}
    """Pairs of a shadow that were due, sent and not compared."""


class Look(Struct):
    """What one look adds."""

    tick: Tick
    """The legs of all routes."""
    routes: dict[str, RouteLook] = {}


class Tap(Protocol):
    """Hears of the counts that a board makes of records."""

    def on_pairs(self, pairs: Iterable[PairResult]) -> None:
        """Compared answers of any route."""
        ...

    def on_contents(self, route: str, counted: Sequence[ContentCounts]) -> None:
        """Analysed answers of a route."""
        ...

    def on_rows(self, route: str, rows: Sequence[RowCounts]) -> None:
        """Rows of a route that were checked against the data contract."""
        ...

    def on_measured(self, route: str, answers: Sequence[MeasuredAnswers]) -> None:
        """Answers of language models of a route."""
        ...

    def on_binned(self, route: str, rows: BinnedRows) -> None:
        """Rows of a stream of a route."""
        ...

    def on_identities(self, route: str, named: Mapping[str, Mapping[Given, int]]) -> None:
        """What answers of a route say of who gave them."""
        ...
