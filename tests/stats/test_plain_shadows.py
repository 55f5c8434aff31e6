"""Shadows that nothing judges have a diagnosis, too."""

from __future__ import annotations

from proxy.contracts.observation import Tensor
from proxy.contracts.settings import Guard, Limit
from proxy.contracts.table import Role
from proxy.stats.agreement.comparer import PairResult
from proxy.stats.board import Board
from proxy.stats.evidence.alpha import AlphaShare
from proxy.stats.evidence.disagreement import Disagreement
from proxy.stats.plain_shadows import MAX_SHADOWS, PlainShadows
from tests.support.observed import observation


def feed(board: Board, requests: int, differ: float) -> None:
    for at in range(requests):
        legs: list[tuple[Role, str, float]] = [("primary", "v1", 1.0), ("shadow", "v2", differ), ("shadow", "v3", 1.0)]
        for role, version, score in legs:
            inputs = (Tensor("x", 1, 1, "number", [float(at % 97)]),) if role == "primary" else ()
            outputs = (Tensor("y", 1, 1, "number", [score]),)
            leg = observation(
                (0, "a"), at, "", "r", version, role, 1.0, 200, "", 0.0, 0.0, 0.0, 0, inputs, outputs, copies=2
            )
            board.on_observations([leg], at / 100)
    board.on_time(requests / 100 + 5)


def test_world_or_model_is_told_of_shadows_beside_nothing_and_beside_a_candidate() -> None:
    for candidates in ((), ("v2",)):
        board = Board()
        board.watch("r", candidates, "v1", Guard({"error_rate": Limit(max_ratio=1.5)}), "json", 0.0)
        feed(board, 2500, differ=2.0)
        assert {each.version: each.kind for each in board.findings("r")} == {"v2": "model", "v3": "steady"}


def test_another_model_begins_anew_and_shadows_are_bounded() -> None:
    board = Board()
    board.watch("r", (), "v1", Guard({"error_rate": Limit(max_ratio=1.5)}), "json", 0.0)
    feed(board, 200, differ=2.0)
    board.begin_anew("r", "v2")
    assert [each.version for each in board.findings("r")] == ["v3"]
    board.begin_anew("r", "v1")
    assert board.findings("r") == ()
    shadows = PlainShadows()
    for at in range(MAX_SHADOWS + 1):
        shadows.update("r", f"v{at}", [PairResult("r", f"v{at}", 1, 0)])
    assert len(shadows.beside("r", {})) == MAX_SHADOWS
    judged = Disagreement(Limit(), AlphaShare("v0", 0.001))
    assert shadows.beside("r", {"v0": judged})["v0"] is judged
