"""The endpoints of a version as one pool uses them: which of them gets the next request, and which gets none.

1. Two members are drawn by their weights, and of these the one that has fewer requests under way for its weight gets
   the request (the power of two choices, Mitzenmacher 2001; as Envoy's `LEAST_REQUEST`).
2. In service are the members of the lowest priority (RFC 2782) that has one that is neither ejected nor out of reach.
   Where no priority has one, all members are: the last one is never left out.
3. A member that failed `balance.failures` times in a row is ejected: for `balance.ejection` seconds, twice that the
   second time and so on, up to `MAX_EJECTION_SECONDS`. A member that has served that long since begins anew. Of all
   members at most `balance.max_ejected` percent are ejected at a time, one in any case, and never all.
4. The weight of a member that is new, or has returned, grows from `LEAST_PART` of its own to all of it in
   `balance.slow_start` seconds.

Each pool has members of its own: what a shadow does with an endpoint says nothing to the primary's pool.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from proxy.contracts.endpoint_state import DRAINING, EJECTED, SERVING, UNREACHABLE, WARMING
from proxy.contracts.table import Balance
from proxy.dataplane.endpoints import ANYWHERE, ServerEndpoint

MAX_EJECTION_SECONDS: Final = 300.0
"""The longest ejection: as Envoy's."""

LEAST_PART: Final = 0.1
"""Part of its weight that a member begins with: as Envoy's slow start."""


class Member:
    """One endpoint.

    - `active`: requests under way on it, connections that are being made for one included
    - `failures`: in a row; `ejections`: so far; `ejected_until`: monotonic seconds
    """

    __slots__ = ("active", "ejected_until", "ejections", "endpoint", "failures")

    def __init__(self, endpoint: ServerEndpoint) -> None:
        self.endpoint = endpoint
        self.active = self.failures = self.ejections = 0
        self.ejected_until = float("-inf")

    def is_out(self, now: float) -> bool:
        """True while it is ejected or out of reach."""
        return self.ejected_until > now or self.endpoint.dead_until > now

    def part(self, seconds: float, now: float) -> float:
        """The part of its weight that it has by now, where it takes `seconds` to have all of it."""
        age = now - max(self.endpoint.since, self.ejected_until)
        return 1.0 if age >= seconds else max(LEAST_PART, age / seconds)

    def state(self, balance: Balance, now: float) -> str:
        """One of `ENDPOINT_STATES`."""
        if self.endpoint.dead_until > now:
            return UNREACHABLE
        if self.ejected_until > now:
            return EJECTED
        return SERVING if self.part(balance.slow_start, now) >= 1.0 else WARMING


NOBODY: Final = Member(ANYWHERE)
"""Whom a connection counts for that belongs to no pool."""


class Members:
    """The members of one pool. `several`: there is something to choose."""

    __slots__ = ("_balance", "_bounds", "_members", "_others", "_serving", "_weights", "several")

    def __init__(self, balance: Balance) -> None:
        self._balance = balance
        self._members: list[Member] = []
        self._others: dict[ServerEndpoint, Member] = {}
        self._serving: list[Member] = []
        self._weights: list[float] = []
        self._bounds: list[float] = []
        self.several = False

    def follow(self, endpoints: list[ServerEndpoint], now: float) -> None:
        """The version is served at `endpoints`, of which some may have gone out of reach or come back."""
        known = self._others
        for member in self._members:
            known[member.endpoint] = member
        self._members = [known.pop(each) if each in known else Member(each) for each in endpoints]
        self._others = {each: member for each, member in known.items() if member.active or not each.gone}
        self.several = len(self._members) > 1
        if self.several:
            self._weigh(now)

    def of(self, endpoint: ServerEndpoint) -> Member:
        """The member for `endpoint`, which may have left meanwhile."""
        for member in self._members:
            if member.endpoint is endpoint:
                return member
        return self._others.setdefault(endpoint, Member(endpoint))

    def pick(self, chance: float, other_chance: float) -> Member:
        """Who gets the next request, by two numbers in [0, 1). Only while there are `several`."""
        members, weights, bounds = self._serving, self._weights, self._bounds
        last, whole = len(members) - 1, bounds[-1]
        if not last:
            return members[0]
        first = min(bisect_right(bounds, chance * whole), last)
        weight = weights[first]
        point = other_chance * (whole - weight)
        if point >= bounds[first] - weight:  # beyond the first one, which is left out
            point += weight
        second = min(bisect_right(bounds, point), last)
        one, other = members[first], members[second]
        return other if other.active * weight < one.active * weights[second] else one

    def failed(self, member: Member, now: float) -> bool:
        """A request that `member` had has failed. True: it is ejected for that."""
        member.failures += 1
        if not 0 < self._balance.failures <= member.failures or not self._may_eject(member, now):
            return False
        if now - member.ejected_until > MAX_EJECTION_SECONDS:
            member.ejections = 0
        member.ejections += 1
        member.failures = 0
        seconds = self._balance.ejection
        member.ejected_until = now + min(seconds * member.ejections, max(seconds, MAX_EJECTION_SECONDS))
        self._weigh(now)
        return True

    def _may_eject(self, member: Member, now: float) -> bool:
        if member not in self._members or member.ejected_until > now:
            return False
        ejected = sum([each.ejected_until > now for each in self._members])
        left = sum([not each.is_out(now) for each in self._members if each is not member])
        most = max(int(len(self._members) * self._balance.max_ejected / 100.0), 1)
        return left > 0 and ejected < most

    def _weigh(self, now: float) -> None:
        """Finds out who serves, and with what weight."""
        there = [each for each in self._members if not each.is_out(now)] or self._members
        first = min([each.endpoint.priority for each in there])
        self._serving = [each for each in there if each.endpoint.priority == first]
        seconds = self._balance.slow_start
        self._weights = [each.endpoint.weight * each.part(seconds, now) for each in self._serving]
        self._bounds = []
        whole = 0.0
        for weight in self._weights:
            whole += weight
            self._bounds.append(whole)

    def states(self, now: float) -> dict[str, str]:
        """The state of each endpoint, by its address, those included that have left and have connections."""
        found = {str(each): DRAINING for each in self._others if each.open}
        return found | {str(each.endpoint): each.state(self._balance, now) for each in self._members}
