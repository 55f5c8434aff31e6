"""Counters are exact: what was counted is in exactly one tick."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.outcome import outcome_of
from proxy.contracts.record import MAX_FAILED_KEYS, Tick, TlsSide
from proxy.contracts.table import Role
from proxy.dataplane.tally import URGENT_LEGS, Tally

LEGS = st.lists(
    st.tuples(
        st.sampled_from(["v1", "v2"]),
        st.sampled_from(["primary", "canary", "shadow"]),
        st.sampled_from([0.1, 0.5]),
        st.sampled_from([200, 404, 503, "reset", "client_abort"]),
    ),
    max_size=60,
)


def take(tally: Tally) -> Tick:
    return tally.take(0, "abc", 1, True, {})


@given(LEGS, st.sets(st.integers(0, 60)))
def test_every_leg_is_in_exactly_one_tick(
    legs: list[tuple[str, Role, float, int | str]], ticks_after: set[int]
) -> None:
    tally, ticks = Tally(), []
    for n, (version, role, share, code) in enumerate(legs):
        arm = tally.arm("r", version, role, share)
        if isinstance(code, int):
            arm.answered(code, 0.001, 0.002, 0)
        else:
            arm.failed(code, outcome_of(code), 0.5, 0)
        if n in ticks_after:
            ticks.append(take(tally))
            tally.keep(frozenset())
    ticks.append(take(tally))
    counted: Counter[tuple[str, str, float, str]] = Counter()
    bad = timed = 0
    for counts in (arm for tick in ticks for arm in tick.arms):
        for code, count in counts.codes.items():
            counted[counts.version, counts.role, counts.share, code] += count
        bad += counts.outcomes().get("failed", 0)
        timed += sum(counts.total.values())
    assert counted == Counter((v, r, s, str(c)) for v, r, s, c in legs)
    assert bad == sum(code in (503, "reset") for *_, code in legs)
    assert timed == sum(isinstance(code, int) for *_, code in legs)
    assert [tick.seq for tick in ticks] == list(range(1, len(ticks) + 1))


def test_failed_keys_are_bounded() -> None:
    tally = Tally()
    arm = tally.arm("r", "v", "canary", 0.1)
    for key in range(1, MAX_FAILED_KEYS + 50):
        arm.failed("reset", "failed", 0.5, key)
    (tick,) = take(tally).arms
    assert len(tick.keys["failed"]) == MAX_FAILED_KEYS
    assert tick.outcomes()["failed"] == MAX_FAILED_KEYS + 49


def test_an_arm_with_legs_in_flight_is_kept_for_them() -> None:
    tally = Tally()
    arm = tally.arm("r", "v", "canary", 0.1)
    arm.inflight = 1
    tally.keep(frozenset())
    assert tally.arm("r", "v", "canary", 0.1) is arm
    arm.inflight = 0
    tally.keep(frozenset())
    assert tally.arm("r", "v", "canary", 0.1) is not arm


@given(LEGS)
def test_legs_in_flight_are_told_by_version_and_role_whatever_their_share(
    legs: list[tuple[str, Role, float, int | str]],
) -> None:
    """Streams outlive changes of the split; control takes one number for each."""
    tally = Tally()
    for n, (version, role, share, _) in enumerate(legs):
        tally.arm("r", version, role, share, inference=n % 3 > 0).inflight += 1
    told = {(version, role): count for _, version, role, count in take(tally).inflight}
    assert told == Counter((version, role) for version, role, _, _ in legs)


@pytest.mark.parametrize(
    ("role", "code", "urgent"),
    [
        ("canary", 503, True),
        ("canary", 400, True),
        ("canary", "reset", True),
        ("canary", "client_abort", True),
        ("shadow", 503, True),
        ("baseline", 503, True),
        ("canary", 200, False),
        ("primary", 503, False),
        ("rescue", 503, False),
    ],
)
def test_bad_legs_of_a_judged_version_do_not_wait_for_the_next_tick(role: Role, code: int | str, urgent: bool) -> None:
    tally = Tally()
    for n in range(URGENT_LEGS):
        assert not tally.is_urgent(), n
        arm = tally.arm("r", "v2", role, 0.5)
        if isinstance(code, int):
            arm.answered(code, 0.001, 0.002, 0)
        else:
            arm.failed(code, outcome_of(code), 0.5, 0)
    assert tally.is_urgent() == urgent
    take(tally)
    assert not tally.is_urgent()


def test_what_is_no_inference_is_never_urgent() -> None:
    tally = Tally()
    for _ in range(10 * URGENT_LEGS):
        tally.arm("r", "v2", "canary", 0.5, inference=False).answered(503, 0.001, 0.002, 0)
    assert not tally.is_urgent()


def test_handshakes_are_counted_by_side_and_result() -> None:
    tally = Tally()
    shaken: list[tuple[TlsSide, str]] = [("client", "ok"), ("client", "ok"), ("upstream", "expired")]
    for side, result in shaken:
        tally.shook(side, result)
    assert take(tally).handshakes == [("client", "ok", 2), ("upstream", "expired", 1)]
    assert not take(tally).handshakes
