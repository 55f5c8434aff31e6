"""One sidecar's part in a fleet, turn by turn: it reports, follows what is in force, and judges where it is the judge.

    report → (a newer table?) table → (nobody judges, or this one?) acquire → (the judge?) collect → look → commit

A turn that fails ends there; the next one begins anew. Nothing of a look is in force before it is committed: a judge
whose look was refused, or may have been, is forgotten, and made anew from what the store has.

A call that fails costs no term: on a busy machine that would be an election each time that an answer is late. Only
where a look may have been committed, or not, the next one is of another term. A look that was committed renews the
term, as asking for it does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from proxy.control.fleet.following import Following
from proxy.control.fleet.store import (
    LEADERSHIP_SECONDS,
    NOWHERE,
    Collected,
    FleetStore,
    FollowedTable,
    Heard,
    Leadership,
    Place,
    Report,
)
from proxy.release.audit import Link

STANDS_BACK_SECONDS = 2 * LEADERSHIP_SECONDS
"""Time that a sidecar leaves the term to those who know more."""

NEWCOMER_SECONDS = 2.0
"""Time that a sidecar which follows nothing leaves an empty store to those who know what it has lost: each of them has
a turn within it. `AFTER_FAULT_SECONDS`: the same where the store has just failed, which others may not have noticed."""
AFTER_FAULT_SECONDS = LEADERSHIP_SECONDS

NOBODY = Leadership("", 0, "")


class Proposal(Struct, frozen=True):
    """What a look of the judge would put in force."""

    evidence: bytes
    table: bytes
    links: tuple[Link, ...] = ()
    end: int = 0
    """Number of the last entry of the audit chain with them."""


class LookingJudge(Protocol):
    """Decides on the sum of what sidecars report; made from what the store has."""

    def look(self, collected: Collected, place: Place) -> Proposal:
        """Adds what is new in the reports as one look, and decides; the look will stand at `place`."""
        ...

    @property
    def known(self) -> dict[tuple[str, str], int]:
        """Numbers of the reports whose bodies it needs no more."""
        ...

    @property
    def latest(self) -> Place:
        """The latest look that a sidecar reports to follow."""
        ...

    def committed(self) -> None:
        """What the last look proposed is in force."""
        ...


class Sidecar(Protocol):
    """What a session is of."""

    def report(self) -> Report:
        """What there is to report now."""
        ...

    def answered(self, report: Report, heard: Heard) -> None:
        """Takes the answer to a report."""
        ...

    def follow(self, table: FollowedTable) -> None:
        """Takes up a newer table."""
        ...

    def catch_up(self, table: FollowedTable) -> None:
        """Takes further entries of the audit chain, which come with the table that is followed already."""
        ...

    def judge(self, collected: Collected) -> LookingJudge:
        """A judge that goes on from what the store has. `collected` has the evidence in force, and all bodies."""
        ...

    @property
    def links(self) -> int:
        """Number of the last entry of the audit chain that is known here."""
        ...

    @property
    def lacks_links(self) -> bool:
        """Whether the store has further entries."""
        ...

    def fit(self, collected: Collected) -> bool:
        """Whether it knows as much as any other sidecar of what was in force, where the store has lost that."""
        ...

    @property
    def may_judge(self) -> bool:
        """Whether it would judge by what most sidecars are configured with."""
        ...


class Session:
    """`instance` names the sidecar; `now` is monotonic; `new_stamp` returns what it never returned before, anywhere."""

    def __init__(
        self,
        store: FleetStore,
        instance: str,
        sidecar: Sidecar,
        following: Following,
        now: Callable[[], float],
        new_stamp: Callable[[], str],
    ) -> None:
        self._store, self._instance, self._sidecar = store, instance, sidecar
        self._now, self._new_stamp, self.following = now, new_stamp, following
        self._leadership = NOBODY
        self._judge: LookingJudge | None = None
        self._renewed = now()
        """When its term was renewed last, at the earliest."""
        self._place = NOWHERE
        self._in_doubt = False
        """Whether a look was begun of which nobody knows whether it was committed."""
        self._stands_back = self._now()
        self._found_at: float | None = None
        self.newcomer_waits = NEWCOMER_SECONDS
        """Seconds for which it leaves an empty store to others, while it follows nothing."""
        self.refused = 0
        """Looks that were not committed. Monotone."""

    @property
    def is_judge(self) -> bool:
        """Whether this sidecar judges: what it could not renew has ended, and may be another one's."""
        return self._judge is not None and self._now() - self._renewed < LEADERSHIP_SECONDS

    async def turn(self) -> None:
        """One turn. Raises StoreUnavailableError where the store did not answer."""
        try:
            await self._turn()
        except BaseException:
            self._found_at, self.newcomer_waits = None, AFTER_FAULT_SECONDS
            if self._in_doubt:
                self._leadership, self._in_doubt = NOBODY, False
                self.begin_anew()
            raise

    async def _turn(self) -> None:
        following, sent = self.following, self._now()
        report = self._sidecar.report()
        heard = await self._store.report(report)
        newer = following.heard(heard, sent)
        self._sidecar.answered(report, heard)
        if newer or self._sidecar.lacks_links:
            await self._follow()
            following.is_heard(sent)
        if self._sidecar.may_judge and not self._leaves_it(heard) and heard.judge in ("", self._instance):
            await self._acquire()
        else:
            self._leadership = NOBODY
        if self._leadership.judge == self._instance:
            await self._judged()
        else:
            self.begin_anew()

    def _leaves_it(self, heard: Heard) -> bool:
        """Whether others may know more, and come."""
        now = self._now()
        if self._found_at is None:
            self._found_at = now
        if heard.place == NOWHERE == self.following.place:
            return now - self._found_at < self.newcomer_waits
        return now < self._stands_back

    async def _acquire(self) -> None:
        """Renews the term of this sidecar, or asks for one: another one where the store went back."""
        mine = self._leadership.judge == self._instance and not self.following.behind
        stamp = self._leadership.stamp if mine else self._new_stamp()
        asked = self._now()
        self._leadership = await self._store.acquire(self._instance, self.following.floor, stamp)
        self._renewed = asked
        self.following.see(self._leadership.term)

    async def _follow(self) -> None:
        table = await self._store.table(self._sidecar.links)
        if table is None:
            return
        if self.following.takes(table):
            self._sidecar.follow(table)
        elif table.place == self.following.place:
            self._sidecar.catch_up(table)

    async def _judged(self) -> None:
        known = self._judge.known if self._judge else {}
        collected = await self._store.collect(known, self._place)
        if self._judge is not None and collected.place != self._place:
            self.begin_anew()
            collected = await self._store.collect({}, NOWHERE)
        place = self._leadership.place(collected.place[1] + 1)
        if place <= self.following.place:
            self._ask_for_a_higher_term()
            return
        if self._judge is None and not self._sidecar.fit(collected):
            self._stands_back = self._now() + STANDS_BACK_SECONDS
            return
        if self._judge is None:
            self._judge, self._place = self._sidecar.judge(collected), collected.place
        self._in_doubt = True
        await self._look(self._judge, collected, place)
        self._in_doubt = False

    async def _look(self, judge: LookingJudge, collected: Collected, place: Place) -> None:
        proposal = judge.look(collected, place)
        if judge.latest >= place:
            self.following.see(judge.latest[0])
            self._ask_for_a_higher_term()
            return
        links = proposal.links
        result = await self._store.commit(self._place, place, proposal.evidence, proposal.table, links, proposal.end)
        if result != "done":
            self.refused += 1
            self.begin_anew()
            return
        self._place = place
        goes_on = self._sidecar.links == proposal.end - len(links)
        table = FollowedTable(place, proposal.table, links if goes_on else ())
        if self.following.takes(table):
            self._sidecar.follow(table)
        judge.committed()  # what is told of a change has what its table tells

    def _ask_for_a_higher_term(self) -> None:
        """The store went back, and somebody follows a table that it has lost: a term above all that were seen is next.
        A judge that began after the loss has seen none of them, and is told by the reports."""
        self._leadership = NOBODY
        self.begin_anew()

    def begin_anew(self) -> None:
        """The next look is one of a judge that is made anew from what the store has."""
        self._judge, self._place = None, NOWHERE
