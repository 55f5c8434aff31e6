"""Figures of a candidate are of its live requests once it has some; what its copies said stands beside them."""

import pytest

from proxy.contracts.evidence import Evidence
from proxy.contracts.record import ArmTick, Tick
from proxy.contracts.settings import Guard, Limit
from proxy.contracts.table import Role
from proxy.release.scorecard import judge
from proxy.stats.board import Board
from proxy.stats.evidence.assignment_share import Assignment
from proxy.stats.evidence.shown_counts import ShownCounts

GUARD = Guard({"error_rate": Limit(max=0.02, max_ratio=1.5), "latency_p50": Limit(max_ratio=1.5)}, warm_up=0)


def arm(version: str, role: Role, share: float, n: int, bad: int = 0, bucket: int = -200) -> ArmTick:
    codes = {code: count for code, count in (("200", n - bad), ("500", bad)) if count}
    return ArmTick("r", version, role, share, codes, total={bucket: n})


def released(stages: list[list[ArmTick]]) -> dict[tuple[str, str], Evidence]:
    """A board that saw one tick a second, each with these arms."""
    board = Board()
    board.watch("r", ("v2",), "v1", GUARD, "opaque", 0.0)
    for second, arms in enumerate(stages, 1):
        board.on_tick(Tick(0, "a", second, 1, arms=arms), float(second))
    return {(found.metric, found.limit): found for found in board.evidence("r", 60.0)}


SHADOWED = [[arm("v1", "primary", 1.0, 390, 4), arm("v2", "shadow", 1.0, 390, 0, -150)]]
LIVE = [[arm("v1", "primary", 0.9, 901, 9), arm("v2", "canary", 0.1, 99, 7, -100)]]


def test_failures_of_live_requests_are_not_thinned_by_copies() -> None:
    found = released(SHADOWED + LIVE)
    for limit in ("max", "max_ratio"):
        errors = found["error_rate", limit]
        assert (errors.value, errors.n) == (pytest.approx(7 / 99), 99)
        assert (errors.reference, errors.n_reference) == (pytest.approx(9 / 901), 901)
        assert (errors.shadow, errors.n_shadow) == (0.0, 390)
    slow = found["latency_p50", "max_ratio"]
    assert (slow.n, slow.n_reference, slow.n_shadow) == (99, 901, 390)
    assert slow.reference < slow.shadow < slow.value


def test_the_evidence_rests_on_both() -> None:
    copies, live, both = (released(stages) for stages in (SHADOWED, LIVE, SHADOWED + LIVE))
    line = ("error_rate", "max_ratio")
    assert copies[line].log_breach < 0 < both[line].log_breach < live[line].log_breach


def test_copies_are_all_there_is_before_live_traffic() -> None:
    errors = released(SHADOWED)["error_rate", "max"]
    assert (errors.value, errors.n, errors.n_reference, errors.n_shadow) == (0.0, 390, 390, 0)


def test_the_sentence_has_both() -> None:
    verdict = judge(released(SHADOWED + LIVE).values(), GUARD, "v2")[1]
    assert verdict.bound == "max_ratio"
    assert (verdict.n, verdict.shadow, verdict.n_shadow) == (99, 0.0, 390)
    said = "error_rate ratio 7.08 > limit 1.5 (n=99, lost=0, 0.0707 against 0.00999 of 901, 0 of 390 copies"
    assert verdict.sentence.startswith(said)


def test_copies_beside_live_traffic_stay_apart() -> None:
    shown: ShownCounts[str] = ShownCounts()
    batches: list[tuple[Role, int]] = [("shadow", 5), ("canary", 2), ("shadow", 3), ("canary", 1)]
    for role, count in batches:
        theirs, mine = Assignment(False, "primary", 0.5, 0.5), Assignment(True, role, 0.5, 0.5)
        shown.update([({"n": 10}, theirs), ({"n": count}, mine)])
    assert (shown.mine, shown.copies, shown.theirs) == ({"n": 3}, {"n": 8}, {"n": 30})
