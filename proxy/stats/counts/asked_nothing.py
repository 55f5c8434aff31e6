"""Copies whose answer is empty because their request asks nothing (`instances: []`).

An empty answer has failed, unless the request holds no value either (`payload.content`). Requests do not travel with
copies, so what a copy was asked is known from the leg with which its request came: an empty copy waits for one more
batch of records, since its record may come first, and is then charged or not.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from proxy.contracts.observation import Observation
from proxy.contracts.table import COPY_ROLES

MAX_EXCHANGES = 4096
"""Requests without a value that are remembered, the newest: some batches of nothing else."""

Exchange = tuple[tuple[int, str], int]
"""The worker and its incarnation, and the number of the exchange."""


class AskedNothing:
    """`held` are empty copies that wait for the next batch, at most those of one batch; `since` is when it came, in
    seconds."""

    __slots__ = ("_exchanges", "held", "since")

    def __init__(self) -> None:
        self._exchanges: dict[Exchange, None] = {}
        self.held: list[Observation] = []
        self.since = 0.0

    def update(self, legs: Sequence[Observation], now: float) -> list[Observation]:
        """The legs of a batch, less its empty copies, and those of the batch before: not empty any more where the
        request asks nothing."""
        odd = [leg for leg in legs if leg.content or (leg.copies and leg.inputs and not len(leg.inputs[0].data))]
        waiting = [leg for leg in odd if _waits(leg)]
        for leg in odd:
            if leg.inputs and not any(len(tensor.data) for tensor in leg.inputs):
                self._remember((leg.source, leg.exchange))
        settled, self.held, self.since = [self._settled(leg) for leg in self.held], waiting, now
        kept = [leg for leg in legs if not _waits(leg)] if waiting else list(legs)
        return kept + settled

    def _remember(self, exchange: Exchange) -> None:
        self._exchanges[exchange] = None
        if len(self._exchanges) > MAX_EXCHANGES:
            del self._exchanges[next(iter(self._exchanges))]

    def _settled(self, leg: Observation) -> Observation:
        return replace(leg, content="") if (leg.source, leg.exchange) in self._exchanges else leg


def _waits(leg: Observation) -> bool:
    return leg.content == "empty_body" and not leg.unreadable_response and leg.role in COPY_ROLES
