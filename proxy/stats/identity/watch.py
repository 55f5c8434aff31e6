"""The identities that answers of one version give, and the rule by which another one is a change.

What answers behind an address may be replaced one replica after the other, so old and new alternate for a while; an odd
answer may come from anywhere; and a bad model must not get rid of its evidence by another name. So there is a set of
*members*: the identities whose answers the evidence rests on. Rules, all counted in answers that name anybody:

1. The first identity that is given `CONFIRM` times founds the set, with whatever else was given until then. No change.
2. An identity that is no member and is given `CONFIRM` times within `WINDOW` answers is a change, and becomes a member
   together with whatever else was given; members that were not given within `WINDOW` leave. So one odd answer is none,
   and identities that alternate, each within `WINDOW`, are one change, however they do it.
3. A member with `CONFIRM` answers in the evidence that is silent for `WINDOW` answers, and for so long as chance would
   explain once in exp(`GONE`), while another member answers, has left: a change as well, the end of a rollout. What
   follows is the evidence of those that stay. One with fewer answers leaves after `WINDOW`, and that is no change.
   One that gave n of t answers gives none of the next s with chance (t / (t + s))^n: a seldom one is waited for longer,
   for up to 6.4 t; one with many answers for `GONE` times their usual distance.
4. An answer that names nobody, or a part of what a member says, says nothing. What a request asks for is no change:
   each model that is asked for is watched by itself.
5. More than `MAX_IDENTITIES` names at a time are no names: further ones are counted (`left_out`) and change nothing.

So once a single identity has answered for as long as rule 3 asks, evidence that began anew at each change holds odd
answers of others alone: fewer than twice `CONFIRM` in any `WINDOW`, since rule 2 counts from the first of them. How
often it may begin anew is said elsewhere (`stats.comparison.MAX_RESTARTS`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from math import log
from typing import NamedTuple

from proxy.contracts.identity import IdentityChange
from proxy.stats.state import Stateful

CONFIRM = 5
"""Answers that make an identity known: more than an odd one, and fewer than a verdict rests on."""

WINDOW = 200
"""Answers within which they must come, at least 2.5 % of the answers: replicas behind one address take turns faster."""

GONE = 10.0
"""Logarithm of how unlikely the silence of a member must be: by chance, 1 of 20,000 is that long."""

MAX_IDENTITIES = 16
"""Identities at a time of one model that is asked for: more replicas of different builds are no rollout."""

MAX_ASKED = 32
"""Models that requests ask for which are watched apart; answers of further ones are left out."""

Given = tuple[str, str]
"""The model that was asked for ("": unknown or none), and the identity that answered."""


class Answering(NamedTuple):
    """One identity of a version."""

    asked: str
    identity: str
    n: int
    """Answers since the evidence began, or since it was first given."""


class Identities(Stateful):
    """The watch over one version.

    >>> watch = Identities("v2")
    >>> watch.update({("", "build=1"): 7})
    >>> watch.update({("", "build=2"): 4}), watch.take()
    (None, None)
    >>> watch.update({("", "build=2"): 1})
    >>> watch.take()
    IdentityChange(version='v2', before=('build=1',), after=('build=2',))
    """

    __slots__ = ("_answers", "_changed", "_last", "_members", "_pending", "_since", "left_out", "version")
    CONFIGURATION = ("_changed", "version")

    def __init__(self, version: str) -> None:
        self.version = version
        self._answers: dict[str, int] = {}
        """Answers so far, by what was asked for; the clock of the rules."""
        self._members: dict[Given, int] = {}
        """Members, to their answers since the evidence began."""
        self._pending: dict[Given, int] = {}
        """Others, to their answers since `_since`."""
        self._since: dict[Given, int] = {}
        self._last: dict[Given, int] = {}
        self.left_out = 0
        """Answers whose identity was not looked at, because a bound was full."""
        self._changed: IdentityChange | None = None

    def update(self, given: Mapping[Given, int]) -> None:
        """Adds answers, in number by what they say. A look: of answers of one call nobody knows the order."""
        by_asked: defaultdict[str, dict[Given, int]] = defaultdict(dict)
        for key, n in given.items():
            by_asked[key[0]][key] = n
        for asked, counts in by_asked.items():
            if asked in self._answers or len(self._answers) < MAX_ASKED:
                self._update(asked, counts)
            else:
                self.left_out += sum(counts.values())

    def _update(self, asked: str, counts: dict[Given, int]) -> None:
        before = self._answers.get(asked, 0)
        now = self._answers[asked] = before + sum(counts.values())
        for key, n in counts.items():
            if key in self._members:
                self._members[key] += n
            elif not self._wait(key, n, before):
                continue
            self._last[key] = now
        confirmed = [key for key in counts if self._pending.get(key, 0) >= CONFIRM]
        if confirmed:
            self._adopt(asked, confirmed, now)
        else:
            self._let_go(asked, now)

    def _wait(self, key: Given, n: int, before: int) -> bool:
        """Counts answers of an identity that is no member; False where they say nothing."""
        if key not in self._pending:
            if self._is_part(key):
                return False
            if not self._has_room(key[0], before):
                self.left_out += n
                return False
        if before - self._since.get(key, before) >= WINDOW:
            self._pending.pop(key, None)
        if key not in self._pending:
            self._pending[key], self._since[key] = 0, before
        self._pending[key] += n
        return True

    def _is_part(self, key: Given) -> bool:
        asked, said = key
        return any(name == asked and whole.startswith(f"{said}, ") for name, whole in self._members)

    def _has_room(self, asked: str, now: int) -> bool:
        for old in [key for key in self._pending if key[0] == asked and now - self._last[key] >= WINDOW]:
            self._forget(old)
        return sum(key[0] == asked for key in (*self._members, *self._pending)) < MAX_IDENTITIES

    def _forget(self, key: Given) -> None:
        for table in (self._members, self._pending, self._since, self._last):
            table.pop(key, None)

    def _adopt(self, asked: str, confirmed: list[Given], now: int) -> None:
        """Rules 1 and 2."""
        before = self._named(asked)
        for key in [key for key in self._members if key[0] == asked and now - self._last[key] >= WINDOW]:
            self._forget(key)
        for key in [key for key in self._pending if key[0] == asked]:
            self._members[key] = self._pending.pop(key)
        if before:
            self._change(before, tuple(identity for _, identity in confirmed))

    def _let_go(self, asked: str, now: int) -> None:
        """Rule 3."""
        members = {key: n for key, n in self._members.items() if key[0] == asked}
        silent = {key: now - self._last[key] for key in members}
        total = sum(members.values())
        gone = [key for key, n in members.items() if silent[key] >= WINDOW and _is_long(silent[key], n, total)]
        if len(gone) == len(members):
            return
        before, weighty = self._named(asked), any(members[key] >= CONFIRM for key in gone)
        for key in gone:
            self._forget(key)
        if weighty:
            self._change(before, self._named(asked))

    def _change(self, before: tuple[str, ...], after: tuple[str, ...]) -> None:
        earlier = self._changed.before if self._changed else before
        self._changed = IdentityChange(self.version, earlier, after)
        self._members = dict.fromkeys(self._members, 0)

    def take(self) -> IdentityChange | None:
        """The change since the last call, if there was one."""
        changed, self._changed = self._changed, None
        return changed

    def copy(self) -> Identities:
        """Another watch that knows the same."""
        other = Identities(self.version)
        for name in self.state():
            value = getattr(self, name)
            setattr(other, name, dict(value) if isinstance(value, dict) else value)
        return other

    def _named(self, asked: str) -> tuple[str, ...]:
        own = [(n, identity) for (name, identity), n in self._members.items() if name == asked]
        return tuple(identity for _, identity in sorted(own, key=lambda each: -each[0]))

    def get(self) -> list[Answering]:
        """Who has answered within `WINDOW` answers: members, or before there are any, whoever has answered. Those with
        most answers come first, of equal ones the latest, then the newest."""
        founded = {asked for asked, _ in self._members}
        known = self._members | {key: n for key, n in self._pending.items() if key[0] not in founded}
        recent = [key for key in reversed(known) if self._answers[key[0]] - self._last[key] < WINDOW]
        recent.sort(key=lambda key: (-known[key], -self._last[key]))
        return [Answering(*key, known[key]) for key in recent]

    @property
    def mixed(self) -> tuple[str, ...]:
        """The identities that answer beside each other to the same question; () where there is one."""
        by_asked: defaultdict[str, list[str]] = defaultdict(list)
        for asked, identity, n in self.get():
            if n >= CONFIRM:
                by_asked[asked].append(identity)
        return next((tuple(names) for names in by_asked.values() if len(names) > 1), ())

    @property
    def wavering(self) -> bool:
        """Whether the newest answers name somebody who is no member yet: who answers is known in a few answers."""
        if self.left_out:
            return False
        founded = {asked for asked, _ in self._members}
        return any(asked in founded and self._last[asked, who] == self._answers[asked] for asked, who in self._pending)


def _is_long(silent: int, n: int, total: int) -> bool:
    """Whether a silence is too long for one that gave `n` of `total` answers, all of them before it."""
    return n < CONFIRM or n * log(total / max(total - silent, n)) >= GONE
