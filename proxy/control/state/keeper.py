"""The keeper of live states: one door for the engine to everything that survives a restart.

Store, ledger, evidence snapshots and the audit's anchor behind one object; what was found at the start, and what the
disk refuses at present, as warnings.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from proxy.contracts.notices import Notice, notices, texts
from proxy.contracts.release import RouteState
from proxy.control.disk_thread import DiskThread
from proxy.control.state.anchor import Anchor
from proxy.control.state.evidence_snapshots import EvidenceSnapshots
from proxy.control.state.ledger import Ledger
from proxy.control.state.patient_store import PatientStore
from proxy.control.state.recovery import NOTHING_RECOVERED, Recovered, recovered
from proxy.control.state.rows import ChainHead
from proxy.control.state.steady_clock import SteadyClock
from proxy.control.state.store import Store
from proxy.release import transitions
from proxy.release.audit import Change


class Keeper:
    """What is kept in `store`. `anchor`: path of the audit's anchor; `clock`: whose reading is kept as well.

    - `skew`: seconds that the wall clock is ahead of the `now` of these methods
    - `stored`: the live states in force, by route
    """

    __slots__ = ("_store", "anchor", "ledger", "recovered", "skew", "snapshots", "stored")

    def __init__(self, store: Store, anchor: str, clock: SteadyClock | None = None) -> None:
        self._store = store
        self.skew = clock.skew if clock else 0.0
        self.anchor = Anchor(anchor if store.durable else "")
        self.ledger = Ledger(store, self.anchor, self.skew)
        self.snapshots = EvidenceSnapshots(store, clock.reading) if clock else EvidenceSnapshots(store)
        self.recovered = NOTHING_RECOVERED
        self.stored: dict[str, RouteState] = {}

    def use(self, disk: DiskThread) -> None:
        """From now on the state file is used in this thread, and the anchor, which may be on another disk, in one of
        its own: control goes on while a disk hangs, and changes are stored while that of the anchor does."""
        if isinstance(self._store, PatientStore):
            self._store.use(disk)
            self.anchor.use(DiskThread(name="anchor"))

    def begin(self, routes: Collection[str], found: Recovered | None = None) -> None:
        """Takes up what an earlier process stored; `found`: what it is. Raises StoreError."""
        self.recovered = found or recovered(self._store, self.anchor, routes)
        self.stored = dict(self.recovered.states)

    @property
    def known(self) -> dict[str, RouteState]:
        """The state that the audit ends with, of each route: what a new entry follows."""
        return self.stored | dict(self.recovered.in_chain)

    def why(self, state: RouteState, before: RouteState | None) -> str:
        """The reason for a state that is not what the audit ends with, where a configuration is taken up."""
        if why := self.recovered.unsure.get(state.route):
            return why
        if before is not None and state == self.stored.get(state.route):
            return "the state file has a newer state than its audit"
        return "configured" if before is None else "its section of the configuration changed"

    def record(
        self, before: Sequence[RouteState], after: Sequence[RouteState], change: Change, revision: int, now: float
    ) -> bool:
        """Whether a change by hand is stored; one that only takes traffic off is in force without. Raises StoreError:
        it is not stored, and would have to be."""
        changed = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
        if changed and all(transitions.takes_off(*pair) for pair in changed):
            self.ledger.keep(after, (change,), revision, now)  # a disk that takes it late is not told to take it back
        else:
            self.ledger.record(after, change, revision, now)
        return not self.ledger.unsaved

    def notices(self, route: str) -> list[Notice]:
        """What was wrong with the files of a route, or is."""
        return [
            *notices("state-recovered", self.recovered.warnings.get(route, "")),
            *notices("state-damaged", *self.recovered.faults),
            *notices("state-not-stored", self._not_stored),
            *notices("anchor-unusable", self.anchor.fault),
        ]

    def warnings(self, route: str) -> list[str]:
        """What they say."""
        return texts(self.notices(route))

    @property
    def _not_stored(self) -> str:
        if not self.ledger.fault:
            return ""
        unsaved = self.ledger.unsaved
        so = f"a restart may forget what is in force ({unsaved} not stored)" if unsaved else "commands are refused"
        return f"the state file takes no changes, so {so}: {self.ledger.fault}"

    def unix(self, at: float) -> float:
        """A time of a live state by the wall clock, for people; 0 stays "never"."""
        return at + self.skew if at else at

    @property
    def head(self) -> ChainHead:
        """The end of the audit chain."""
        return self._store.head

    @property
    def errors(self) -> int:
        """Reads and writes of the files that failed, whoever was told. Monotone."""
        return self.ledger.errors + self.snapshots.errors + self.anchor.errors

    @property
    def mended(self) -> dict[str, int]:
        """How often the state file had vanished and was written anew, its rows that could not be read, and whether its
        pages were damaged at the start."""
        salvaged = int(self._store.salvaged)
        return {"renewed": self._store.renewed, "damaged_row": self._store.damaged, "salvaged": salvaged}
