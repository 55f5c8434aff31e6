"""The counts of one sidecar: ticks and what its board made of records, into the cells that it reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from proxy.contracts.record import ArmTick, Tick
from proxy.control.fleet.counts import Cells, Key, add
from proxy.stats.agreement.comparer import PairResult
from proxy.stats.counts.content import ContentCounts
from proxy.stats.drift.figures import BinnedRows, RowCounts
from proxy.stats.evidence.answer_measures import MeasuredAnswers
from proxy.stats.identity.watch import Given

LEG_CELLS = ("codes", "total", "first_byte", "waited", "connect", "disturbed")
"""Fields of an `ArmTick` that are cells as they stand."""

SUMS = ("total_sum", "first_byte_sum", "connect_sum")

PAIR_CASES = {(False, False): "neither", (True, False): "alone", (False, True): "noise", (True, True): "both"}
"""(The shadow's answer differs, the noise copy's differs) → name of the count."""

APART = "\n"
"""Between the model that was asked for and the identity that answered."""


class Counting:
    """A `Tap` that adds up; `cells` grow until `begin` empties them."""

    def __init__(self) -> None:
        self.cells: Cells = {}
        self.epoch = 0
        """How often it began."""

    @property
    def legs(self) -> int:
        """Finished inferences in the cells."""
        return int(sum(sum(cell.values()) for key, cell in self.cells.items() if key[0] == "codes"))

    def begin(self) -> None:
        """Counts from zero."""
        self.cells = {}
        self.epoch += 1

    def on_tick(self, tick: Tick) -> None:
        """Adds a tick. The caller sees to it that each tick comes once."""
        for arm in tick.arms:
            if arm.inference:
                self._on_arm(arm)
        for route, version, count in tick.mirrored:
            add(self.cells, ("mirrored", route, version), {"": count})
        for kind, rows in (("shadow_dropped", tick.shadow_dropped), ("rescued", tick.rescued)):
            for route, version, reason, count in rows:
                add(self.cells, (kind, route, version), {reason: count})

    def _on_arm(self, arm: ArmTick) -> None:
        whose = arm.route, arm.version, arm.role, arm.share
        for field in LEG_CELLS:
            add(self.cells, (field, *whose), getattr(arm, field))
        add(self.cells, ("sums", *whose), {field: getattr(arm, field) for field in SUMS})
        for outcome, keys in arm.keys.items():
            add(self.cells, ("keys", *whose, outcome), Counter(keys))

    def on_lost(self, route: str, version: str, count: int) -> None:
        """Sets how many pairs of a shadow were sent and not compared since the epoch began."""
        key: Key = ("lost", route, version)
        if count > 0:
            self.cells[key] = {"": count}

    def on_pairs(self, pairs: Iterable[PairResult]) -> None:
        """As `Tap` says; likewise below."""
        for each in pairs:
            case = {} if each.noise_pair is None else {PAIR_CASES[each.noise_pair]: 1}
            add(
                self.cells,
                ("pairs", each.route, each.version),
                {"pairs": each.pairs, "disagreed": each.disagreed, **case},
            )

    def on_contents(self, route: str, counted: Sequence[ContentCounts]) -> None:
        for each in counted:
            whose = route, each.version, each.role, each.share
            counts = {"n": each.n, "bad": each.bad, "unread": each.unread, "partly": each.partly}
            add(self.cells, ("contents", *whose), counts)
            add(self.cells, ("bad_keys", *whose), Counter(each.keys))

    def on_rows(self, route: str, rows: Sequence[RowCounts]) -> None:
        for each in rows:
            add(self.cells, ("rows", route, each.version, each.role, each.share), {"n": each.n, "bad": each.bad})

    def on_measured(self, route: str, answers: Sequence[MeasuredAnswers]) -> None:
        for version, role, share, metric, values, unread in answers:
            add(self.cells, ("measured", route, version, role, share, metric), values)
            add(self.cells, ("unmeasured", route, version, role, share, metric), {"": unread})

    def on_binned(self, route: str, rows: BinnedRows) -> None:
        flat = rows.counts.ravel()
        places = flat.nonzero()[0]
        counts = {int(place): float(flat[place]) for place in places}
        add(self.cells, ("binned", route, rows.side, rows.version, rows.role, *rows.counts.shape), counts)

    def on_identities(self, route: str, named: Mapping[str, Mapping[Given, int]]) -> None:
        for version, given in named.items():
            add(self.cells, ("identities", route, version), {APART.join(said): n for said, n in given.items()})
