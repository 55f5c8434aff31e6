"""Whose leg it is, and the candidate's share of the two, from what each arm carries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from proxy.contracts.record import ArmTick
from proxy.contracts.table import Role
from proxy.stats.evidence.assignment_share import MAX_PARTS, Assignment, AssignmentShares
from proxy.stats.sequential.e_process import BREACH_FACTORS
from proxy.stats.sequential.rate_ratio import gains

Parts = Sequence[float]


def arms(canary: Parts = (), primary: Parts = (), shadow: Parts = ()) -> list[ArmTick]:
    rows: tuple[tuple[Role, str, Parts], ...] = (
        ("canary", "v2", canary),
        ("primary", "v1", primary),
        ("shadow", "v2", shadow),
    )
    return [ArmTick("r", version, role, share) for role, version, shares in rows for share in shares]


def learnt(canary: Parts = (), primary: Parts = (), shadow: Parts = ()) -> AssignmentShares:
    shares = AssignmentShares("v2", "v1")
    shares.update(arms(canary, primary, shadow))
    return shares


def share(shares: AssignmentShares, role: Role, part: float) -> float:
    whose = shares.get("v1" if role == "primary" else "v2", role, part)
    assert whose is not None
    assert (whose.role, whose.candidate) == (role, role != "primary")
    return whose.share


@pytest.mark.parametrize(
    ("version", "role", "candidate"),
    [
        ("v2", "canary", True),
        ("v2", "shadow", True),
        ("v1", "primary", False),
        ("v1", "rescue", None),
        ("v1", "noise", None),
        ("v9", "canary", None),
        ("v9", "shadow", None),
        ("v2", "primary", None),
    ],
)
def test_whose_leg_it_is(version: str, role: Role, candidate: bool | None) -> None:
    whose = learnt([0.1], [0.9]).get(version, role, 0.1)
    assert (None if whose is None else whose.candidate) is candidate


def test_a_promoted_version_is_alone() -> None:
    shares = AssignmentShares("v2", "v2")
    assert shares.get("v2", "primary", 0.7) == Assignment(True, "primary", 1.0, 1.0)
    assert shares.get("v2", "noise", 0.7) is None
    assert shares.get("v1", "canary", 0.3) is None


def test_without_a_candidate_the_primary_is_there_all_the_same() -> None:
    assert AssignmentShares(None, "v1").get("v1", "primary", 1.0) == Assignment(False, "primary", 0.0, 0.0)
    assert AssignmentShares(None, "v1").get("v2", "canary", 0.1) is None


def test_only_assignments_of_the_two_are_of_a_tick() -> None:
    others = [ArmTick("r", "v1", "rescue", 0.9), ArmTick("r", "v1", "noise", 0.1), ArmTick("r", "v9", "canary", 0.1)]
    assigned = AssignmentShares("v2", "v1").update([*arms([0.1], [0.9]), *others])
    assert [(arm.role, whose.candidate) for arm, whose in assigned] == [("primary", False), ("canary", True)]
    assert [whose.share for _, whose in assigned] == pytest.approx([0.1, 0.1])


@pytest.mark.parametrize("part", [0.1, 1.0])
def test_copies_count_beside_the_live_requests(part: float) -> None:
    shares = AssignmentShares("v2", "v1")
    assigned = shares.update(arms(primary=[1.0], shadow=[part]))
    assert [whose.share for _, whose in assigned] == pytest.approx([part / (1 + part)] * 2)
    assert [whose.live_share for _, whose in assigned] == [0.0, 0.0]
    after = shares.update(arms([0.2], [0.8]))
    assert [whose.share for _, whose in after] == pytest.approx([0.2, 0.2])


def test_live_requests_have_a_share_of_their_own_beside_copies() -> None:
    shares = learnt([0.2], [0.8], [1.0])
    for version, role, part in (("v1", "primary", 0.8), ("v2", "canary", 0.2)):
        whose = shares.get(version, role, part)  # type: ignore[arg-type]
        assert whose is not None
        assert whose.live_share == pytest.approx(0.2)
    assert share(shares, "primary", 0.8) == pytest.approx(1 / 1.8)


def test_a_request_that_is_bad_for_shadow_and_primary_never_gains() -> None:
    for part in np.linspace(0.01, 1.0, 25):
        w = part / (1 + part)
        mine, other = (
            gains(w, np.array(1), np.array(0), 1.0, np.array(BREACH_FACTORS)),
            gains(w, np.array(0), np.array(1), 1.0, np.array(BREACH_FACTORS)),
        )
        assert (np.exp(other) * (part * np.exp(mine) + 1 - part) <= 1.0 + 1e-12).all()


def test_two_versions_share_everything() -> None:
    shares = learnt([0.1], [0.9])
    assert share(shares, "canary", 0.1) == pytest.approx(0.1)
    assert share(shares, "primary", 0.9) == pytest.approx(0.1)


def test_legs_from_before_a_ramp_keep_the_share_they_were_assigned_at() -> None:
    shares = learnt([0.1, 0.5], [0.9, 0.5])
    assert share(shares, "primary", 0.9) == pytest.approx(0.1)
    assert share(shares, "primary", 0.5) == pytest.approx(0.5)


def test_a_third_version_is_left_out_of_the_two() -> None:
    shares = learnt([0.1], [0.7])
    assert share(shares, "canary", 0.1) == pytest.approx(1 / 8)
    assert share(shares, "primary", 0.7) == pytest.approx(1 / 8)


def test_all_or_nothing() -> None:
    assert share(learnt([1.0]), "canary", 1.0) == 1.0
    assert share(learnt(primary=[1.0]), "primary", 1.0) == 0.0
    assert share(learnt(), "canary", 0.0) == 0.0


def test_memory_is_bounded() -> None:
    shares = learnt([i / 1000 for i in range(500)])
    assert len(shares._candidate_parts) == MAX_PARTS
    assert shares.forgotten == 500 - MAX_PARTS


STAGES = ((0.05, 0.05), (0.2, 0.2), (0.5, 0.25), (0.1, 0.02))


def three(seen: list[ArmTick], baseline: Parts = (), itself: bool = False) -> AssignmentShares:
    """What is learnt of a candidate beside its baseline `v1b`, or of that one itself."""
    shares = AssignmentShares("v1b", "v1", role="baseline") if itself else AssignmentShares("v2", "v1", "v1b")
    shares.update([*seen, *(ArmTick("r", "v1b", "baseline", part) for part in baseline)])
    return shares


def of(shares: AssignmentShares, version: str, role: Role, part: float) -> float | None:
    whose = shares.get(version, role, part)
    return None if whose is None else whose.share


def test_beside_a_baseline_the_two_are_the_candidate_and_it() -> None:
    shares = three(arms([0.1], [0.8], [1.0]), [0.1])
    assert of(shares, "v2", "canary", 0.1) == of(shares, "v1b", "baseline", 0.1) == 0.5
    assert of(shares, "v1", "primary", 0.8) is None, "the primary is compared with nobody then"
    assert of(shares, "v2", "shadow", 1.0) is None, "copies are evidence of pairs alone"


def test_a_baseline_itself_is_held_against_the_primary() -> None:
    shares = three(arms([0.1], [0.8]), [0.1], itself=True)
    assert of(shares, "v1b", "baseline", 0.1) == of(shares, "v1", "primary", 0.8) == pytest.approx(1 / 9)
    assert of(shares, "v2", "canary", 0.1) is None


@pytest.mark.parametrize("stage", STAGES)
def test_late_legs_have_the_share_of_when_they_were_assigned(stage: tuple[float, float]) -> None:
    """Legs of all stages come together; the parts of the three tell which belong together."""
    seen, beside = arms([c for c, _ in STAGES], [1 - c - b for c, b in STAGES]), [b for _, b in STAGES]
    c, b = stage
    shares = three(seen, beside)
    assert of(shares, "v2", "canary", c) == of(shares, "v1b", "baseline", b) == pytest.approx(c / (c + b))
    itself = three(seen, beside, itself=True)
    assert of(itself, "v1", "primary", 1 - c - b) == of(itself, "v1b", "baseline", b) == pytest.approx(b / (1 - c))


def test_a_third_part_that_was_not_seen_says_nothing() -> None:
    assert of(three(arms([0.1], [0.8])), "v2", "canary", 0.1) == 1.0
    assert of(three(arms([], [0.8]), [0.1]), "v1b", "baseline", 0.1) == 0.0
    assert of(three(arms([1.0], [1.0]), [0.1]), "v2", "canary", 1.0) == 1.0, "a breaker was open"


def test_pairs_stay_with_the_primary() -> None:
    shares = three(arms([0.1], [0.8]), [0.1])
    assert shares.of_pair("v2", "shadow") == Assignment(True, "shadow", 0.0, 0.0)
    assert shares.of_pair("v1", "primary") == Assignment(False, "primary", 0.0, 0.0)
    assert shares.of_pair("v1", "rescue") is None
    assert learnt([0.1], [0.9]).of_pair("v2", "shadow") is None, "without a baseline they are judged as they are"
