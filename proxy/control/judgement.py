"""The verdicts on a route: its candidates by their scorecard, and by what is known of the baseline beside them."""

from __future__ import annotations

from msgspec.structs import replace

from proxy.contracts.release import RouteState, Verdict
from proxy.contracts.settings import Stage
from proxy.control.route_control import RouteControl
from proxy.release import scorecard
from proxy.release.baseline import hold_back, judged_by
from proxy.stats.board import Board

Verdicts = tuple[Verdict, ...]


def judge(route: RouteControl, board: Board, now: float) -> tuple[Verdicts, Verdicts]:
    """The lines of a route's candidates, and those of its baseline against the primary; () where there is none."""
    versions, stage = route.situation.candidates, route.situation.stage
    if not versions:
        return (), ()
    guard, enough, proof = route.guard, scorecard.enough(stage), _wants_proof(route.state, stage)
    evidence = board.evidence(route.state.route, now)
    lines = (scorecard.judge(evidence, guard, version, enough, proof) for version in versions)
    named = route.section.name if route.section.group else ""
    verdicts = tuple(replace(verdict, route=named) if named else verdict for verdicts in lines for verdict in verdicts)
    if route.baseline is None:
        return verdicts, ()
    own = board.baseline_evidence(route.state.route)
    beside = scorecard.judge(own, judged_by(guard), route.baseline.version, enough, proof)
    return hold_back(verdicts, beside), beside


def _wants_proof(state: RouteState, stage: Stage | None) -> bool:
    return stage is not None and state.release is not None and state.release.proof_at(state.stage)
