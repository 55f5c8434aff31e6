"""Who answers under the name of each version, as the API shows it, and as warnings where it is more than one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from proxy.contracts.notices import Notice
from proxy.stats.board import Board
from proxy.stats.comparison import MAX_RESTARTS
from proxy.stats.identity.watch import CONFIRM


def rows(board: Board, route: str) -> list[dict[str, Any]]:
    """The models that answer at present, by version; `n`: answers since the evidence began, or of late."""
    return [
        {"version": version, "identity": each.identity, "asked": each.asked, "n": each.n}
        for version, watch in sorted(board.answerers.of(route).items())
        for each in watch.get()
    ]


def answering(board: Board, route: str, version: str) -> tuple[str, ...]:
    """What answers of a version say at present of who gives them, where enough of them do."""
    watch = board.answerers.of(route).get(version)
    return tuple(dict.fromkeys(each.identity for each in watch.get() if each.n >= CONFIRM)) if watch else ()


class IdentityFaults:
    """The warnings of the last span, by route; `update` at the end of each span."""

    __slots__ = ("_left_out", "faults")

    def __init__(self) -> None:
        self._left_out: dict[tuple[str, str], int] = {}
        self.faults: dict[str, list[Notice]] = {}

    def update(self, routes: Iterable[str], board: Board) -> list[tuple[str, str]]:
        """Looks at all routes; returns the warnings that are new, each with its route."""
        before, self.faults = self.faults, {route: self._of(route, board) for route in routes}
        return [
            (route, fault.text)
            for route, own in self.faults.items()
            for fault in own
            if fault not in before.get(route, ())
        ]

    def _of(self, route: str, board: Board) -> list[Notice]:
        found: list[Notice] = []
        for version, watch in sorted(board.answerers.of(route).items()):
            more, self._left_out[route, version] = (
                watch.left_out - self._left_out.get((route, version), 0),
                watch.left_out,
            )
            if more:
                text = (
                    f"answers of {version} name more models than are told apart, so that its identity says nothing; "
                    f"see routes.{route}.identity"
                )
                found.append(Notice("identity-unclear", text))
            elif mixed := watch.mixed:
                text = f"{len(mixed)} models answer under the name of {version}: {' and '.join(sorted(mixed))}"
                found.append(Notice("models-mixed", text))
        for candidate, restarts in board.restarts(route).items():
            if restarts >= MAX_RESTARTS:
                text = (
                    f"the evidence about {candidate} has begun anew {restarts} times, as other models answered; from "
                    "now on it is kept"
                )
                found.append(Notice("evidence-kept", text))
        return found
