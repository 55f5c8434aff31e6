"""Requests and legs that this process or its host had no room or time for, as warnings that say what to raise.

They are charged to nobody, so no verdict shows them; who does not look at codes would never know why clients get 503.
One is enough: what is refused for want of room is refused again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from proxy.stats.board import Board

REMEDIES: dict[str, str] = {
    "no_resources": "open files, local ports or memory of this host are spent, or the resolver says try again; raise "
    "the limit of open files (ulimit -n, LimitNOFILE) or net.ipv4.ip_local_port_range, or lower limits.connections",
    "no_memory": "requests that wait or are under way fill the worker's budget of memory; raise limits.memory, or slow "
    "clients and large bodies are too many",
    "pool_full": "all connections to a version are busy; raise routes.{route}.limits.connections, or it is slow",
    "stalled": "this process stood still; give it more CPU, or lift its quota",
    "internal": "this proxy has made a mistake of its own; its log has the place, please report it",
    "answer_untellable": "answers to calls of gRPC cannot be told to clients of REST (bytes that are no UTF-8 in JSON, "
    "or more than is held of one); ask with binary data, or name another version",
    "loop": "requests come back to this proxy: the URL of a version leads here, perhaps by a Service or an ingress",
    "overloaded": "too many exchanges were in flight; raise routes.{route}.limits.inflight, or the versions are slow",
    "too_many_connections": "as many clients were connected as a worker may have; raise connections, and the limit of "
    "open files (ulimit -n, LimitNOFILE) where the log of the start says that it allows fewer",
}
"""What to do about each reason that is this process's own; `{route}` is the route's name."""

NOT_KEPT = "not_kept"
"""Reason of the warning about bodies that were too large to be kept for another try or a rescue."""

LOST_TRIES: dict[str, str] = {
    NOT_KEPT: "a version failed, and the request was neither sent again nor answered by the primary, since its body is "
    "larger than what is kept of one; raise routes.{route}.limits.rescue_body",
}
"""Likewise, for requests that some version was charged with, and that a larger bound would have saved."""

UNWARNED: frozenset[str] = frozenset(("answer_too_large", "draining", "no_table", "rolled_back"))
"""Reasons of this process that nothing is to be done about: a size that a shadow chose, an end, a start, an option.
Every reason of this process is in one of the two."""

ANY_ROUTE = ""
"""The route of clients that were refused before theirs was known: each route is warned."""


WHAT = "clients, requests or legs"


class OwnLimits:
    """The warnings of the last span by route; `update` at the end of each span."""

    __slots__ = ("_before", "faults")

    def __init__(self) -> None:
        self._before: Counter[tuple[str, str]] = Counter()
        self.faults: dict[str, list[str]] = {}

    def update(self, routes: Iterable[str], board: Board) -> list[tuple[str, str]]:
        """Judges what has come since the last call; returns (route, warning) of what is new: once for each reason."""
        counted = _counted(board)
        came, before = counted - self._before, self.faults
        self._before = counted
        self.faults = {route: faults for route in routes if (faults := _faults(route, came))}
        told = {(route, _reason(fault)) for route, faults in before.items() for fault in faults}
        return [(r, f) for r, faults in self.faults.items() for f in faults if (r, _reason(f)) not in told]


def _counted(board: Board) -> Counter[tuple[str, str]]:
    """Legs and requests by route and reason. A request whose leg is counted was not rejected."""
    found: Counter[tuple[str, str]] = Counter()
    for (route, _, _), arm in board.counters.arms.items():
        for reason in REMEDIES.keys() & arm.codes.keys():
            found[route, reason] += arm.codes[reason]
    for (route, reason), n in board.counters.rejected.items():
        if reason in REMEDIES:
            found[route, reason] += n
    for (route, _, reason), n in (*board.counters.not_rescued.items(), *board.counters.not_retried.items()):
        if reason == "too_large":
            found[route, NOT_KEPT] += n
    return found


def _faults(route: str, came: Mapping[tuple[str, str], int]) -> list[str]:
    remedies = REMEDIES | LOST_TRIES
    lost = {reason: came.get((route, reason), 0) + came.get((ANY_ROUTE, reason), 0) for reason in remedies}
    return [f"{reason}: {n:,} {WHAT}: {remedies[reason].format(route=route)}" for reason, n in lost.items() if n]


def kind_of(fault: str) -> str:
    """The kind of a warning: that of its reason."""
    return _reason(fault).replace("_", "-")


def _reason(fault: str) -> str:
    return fault.partition(":")[0]
