"""What messages tell of a change beside the change: to whom it happened, and the address of its story.

It is asked at the moment of the change, so a count is of the requests that had ended until then; the story goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

import msgspec

from proxy.contracts.messages import Account
from proxy.control.state.state_file import StoreError
from proxy.control.state.store import Store
from proxy.control.stories.chronicle import Chronicle
from proxy.control.stories.told import EARLY_SECONDS, touched
from proxy.release.audit import Change, Entry, entry_of, plain
from proxy.release.first_line import to_whom
from proxy.release.history import begins, stories
from proxy.release.telling import plan_of, state_before

MAX_READ = 100
"""Entries of the audit that are read for the address of a story: one whose release has more has none in messages."""
OF_SOMEBODY = frozenset({"rollback", "leave", "pause", "notify", "promote", "advance", "restart", "keep"})
"""Actions of the audit that happen to those who have met a candidate."""


class Accounts:
    """`audit`: the chain that changes are entered into, in a fleet the copy of its chain."""

    __slots__ = ("_audit", "_known")

    def __init__(self, known: Chronicle, audit: Store) -> None:
        self._known, self._audit = known, audit

    def of(self, change: Change, routes: Sequence[str], at: float) -> Account:
        """The account of a change that was made at a Unix time on some routes of a release."""
        entry = Entry(seq=0, at=at, previous="", **plain(change))
        story = self._story(entry, routes)
        if change.action not in OF_SOMEBODY:
            return Account(story)
        met = {route: touched(self._known.latest(route, at + EARLY_SECONDS)) for route in routes}
        told = {route: each for route, each in met.items() if each is not None}
        several = len(routes) > 1
        said = [f"{route}: {to_whom(each)}" if several else to_whom(each) for route, each in told.items()]
        return Account(story, " ".join(said) or "To whom it happened is not known.", told)

    def _story(self, entry: Entry, routes: Sequence[str]) -> str:
        """The name of the release that a change is of; "": it is of none, or of one that is not in the audit yet."""
        if not any(plan_of(entry, route) or state_before(entry, route).get("release") for route in routes):
            return ""
        found = stories(self._entries((*routes, entry.route)))
        if not found or (begins(entry) and not _same(found[-1].entries[0], entry)):
            return ""
        return found[-1].name

    def _entries(self, names: Iterable[str]) -> list[Entry]:
        """The newest entries, oldest first."""
        with suppress(StoreError, msgspec.MsgspecError, UnicodeError):
            return [entry_of(link) for link in reversed(self._audit.newest(MAX_READ, *dict.fromkeys(names)))]
        return []


def _same(kept: Entry, entry: Entry) -> bool:
    return (kept.action, kept.who, kept.why, kept.after) == (entry.action, entry.who, entry.why, entry.after)
