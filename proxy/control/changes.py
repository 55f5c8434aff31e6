"""Entries of the audit about what the engine did: one for all routes of a release, with evidence, lineage, examples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from proxy.contracts.release import RouteState
from proxy.contracts.settings import Settings
from proxy.control.failed_requests import FailedRequests
from proxy.control.lineage import lineage_of
from proxy.control.open_streams import told_of
from proxy.control.release_control import ReleaseControl
from proxy.release import transitions
from proxy.release.audit import Change
from proxy.stats.board import Board

MAX_AUDIT_EXAMPLES = 20
"""Request ids that an audit entry keeps."""


class Changes:
    """`failed`: the requests that failed lately."""

    __slots__ = ("_board", "failed")

    def __init__(self, board: Board) -> None:
        self._board, self.failed = board, FailedRequests()

    def entry(
        self,
        settings: Settings,
        release: ReleaseControl,
        who: str,
        action: str,
        before: Mapping[str, RouteState],
        after: Sequence[RouteState],
        why: str,
    ) -> Change:
        """The entry about a change of all routes of a release, or of one of them. `before`, `after`: their states; a
        route that had none is not in `before`."""
        first, *others = after
        whole = release.several and len(after) == len(release.routes)
        named = {state.route for state in after}
        verdicts = [route.status.verdicts for route in release.routes if route.section.name in named]
        lineage = [lineage_of(settings, self._board, state) for state in after]
        return Change(
            who=who,
            action=action,
            route=release.name if whole else first.route,
            why=self._why(settings, action, after, why),
            before=before.get(first.route),
            after=first,
            beside={each.route: {"before": before.get(each.route), "after": each} for each in others},
            evidence=tuple(verdict for lines in verdicts for verdict in lines),
            lineage={name: origin for versions in lineage for name, origin in versions.items()},
            examples=self._examples(before[state.route] for state in after if state.route in before),
        )

    def _why(self, settings: Settings, action: str, after: Iterable[RouteState], why: str) -> str:
        """The reason for a change; that of a rollback says what becomes of the streams that are open there."""
        left = told_of(self._board.counters, settings.routes, after) if action in ("rollback", "leave") else ""
        return f"{why}; {left}" if left else why

    def _examples(self, before: Iterable[RouteState]) -> tuple[str, ...]:
        """Failed requests of the candidates, then those with the worst disagreements."""
        versions = {state.route: transitions.candidates(state) for state in before}
        failed = [each for route, own in versions.items() for each in self.failed.get(route, own)]
        pairs = [(route, version) for route, own in versions.items() for version in own]
        worst = [example.request_id for pair in pairs for example in self._board.examples(*pair)]
        return tuple(dict.fromkeys((*failed, *worst)))[:MAX_AUDIT_EXAMPLES]
