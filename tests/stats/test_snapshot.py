"""What one process gathered goes on in the next: the same evidence now, and the same after more of everything."""

from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from proxy.contracts.observation import Observation, Tensor, Text
from proxy.contracts.record import ArmTick, Tick
from proxy.contracts.settings import Guard, Limit
from proxy.contracts.table import Role
from proxy.stats import snapshot
from proxy.stats.board import Board
from proxy.stats.comparison import Comparison
from proxy.stats.snapshot import SnapshotError
from proxy.stats.state import Stateful
from tests.support.observed import observation

SCORECARD = {
    "error_rate": Limit(max=0.05, max_ratio=1.5),
    "latency": Limit(max_ratio=1.05),
    "latency_p99": Limit(max=0.2, max_ratio=1.25),
    "time_to_first_token": Limit(max_ratio=1.2),
    "disagreement": Limit(max=0.05),
    "contract_violations": Limit(max=0.05, max_ratio=2.0),
    "accuracy": Limit(min=0.8, max_drop=0.02),
    "f1": Limit(max_drop=0.02),
    "auroc": Limit(min=0.7, max_drop=0.02),
    "log_loss": Limit(max=2.0, max_ratio=1.2),
}
GUARD = Guard(SCORECARD, warm_up=10)


def watched() -> Board:
    board = Board()
    board.watch("r", ("v2",), "v1", GUARD, "oip", 0.0)
    return board


def arm(rng: np.random.Generator, version: str, role: Role, share: float, n: int, slower: float) -> ArmTick:
    places = np.floor(120 * np.log10(slower * rng.lognormal(-4, 0.4, n))).astype(int)
    buckets, counts = (found.tolist() for found in np.unique(places, return_counts=True))
    bad = int(rng.binomial(n, 0.03))
    total = dict(zip(buckets, counts, strict=True))
    return ArmTick("r", version, role, share, {"200": n - bad, "500": bad}, total=total)


def leg(rng: np.random.Generator, at: int, role: Role, version: str, label: int) -> Observation:
    positive = float(np.clip(0.5 + 0.3 * (label - 0.5) + 0.2 * rng.standard_normal(), 0.01, 0.99))
    outputs = (Tensor("p", 1, 2, "number", [1 - positive, positive]),)
    text = Text("said", first_token=float(rng.lognormal(-3, 0.3)))
    inputs = (Tensor("x", 1, 3, "number", rng.standard_normal(3).tolist()),) if role == "primary" else ()
    return observation((0, "a"), at, str(at), "r", version, role, 1.0, 200, "", 0, 0, 0, 0, inputs, outputs, text)


def feed(board: Board, start: int, seconds: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for second in range(start, start + seconds):
        arms = [arm(rng, "v1", "primary", 1.0, 90, 1.0), arm(rng, "v2", "shadow", 1.0, 90, 1.1)]
        if second >= 40:
            arms = [arm(rng, "v1", "primary", 0.8, 80, 1.0), arm(rng, "v2", "canary", 0.2, 20, 1.1)]
        board.on_tick(Tick(0, "a", second + 1, 1, arms=arms), float(second))
        for at in range(second * 4, second * 4 + 4):
            label = int(rng.random() < 0.5)
            board.on_observations(
                [leg(rng, at, "primary", "v1", label), leg(rng, at, "shadow", "v2", label)], float(second)
            )
            board.on_label(str(at), label, float(second))


def resumed(board: Board) -> Board:
    after = watched()
    after.restore("r", board.snapshot("r"))
    return after


def gathered(board: Board) -> dict[tuple[str, str], Any]:
    """What evidence rests on; figures that river computes begin anew."""
    return {
        (e.metric, e.limit): (e.log_breach, e.log_pass, e.dispersion, e.needed, e.n_shadow)
        for e in board.evidence("r", 0.0)
    }


def test_evidence_goes_on_as_if_nothing_had_happened() -> None:
    board = watched()
    feed(board, 0, 130, 1)
    after = resumed(board)
    assert gathered(after) == gathered(board)
    assert len(gathered(board)) == 16
    assert sum(abs(breach) > 0.1 for breach, *_ in gathered(board).values()) >= 12
    assert board.agreement("r", "v2").pairs == board.feedbacks["joined"] == 520
    again = resumed(after)
    assert again.snapshot("r") == after.snapshot("r") == board.snapshot("r")


def test_what_ticks_tell_is_the_same_after_more_of_them() -> None:
    board = watched()
    feed(board, 0, 60, 1)
    after = resumed(board)
    for each in (board, after):
        rng = np.random.default_rng(7)
        for second in range(60, 260):
            arms = [arm(rng, "v1", "primary", 0.8, 80, 1.0), arm(rng, "v2", "canary", 0.2, 20, 1.2)]
            each.on_tick(Tick(0, "b", second, 1, arms=arms), float(second))
    lines = [key for key in gathered(board) if key[0] in ("error_rate", "latency", "latency_p99")]
    assert [gathered(after)[line] for line in lines] == [gathered(board)[line] for line in lines]
    assert len(lines) == 5


@pytest.mark.parametrize("change", [lambda guard: (Guard(SCORECARD, warm_up=11), "v2"), lambda guard: (guard, "v3")])
def test_another_subject_takes_nothing_up(change: Callable[..., Any]) -> None:
    board, after = watched(), Board()
    feed(board, 0, 20, 1)
    guard, candidate = change(GUARD)
    after.watch("r", (candidate,), "v1", guard, "oip", 0.0)
    fresh = gathered(after)
    with pytest.raises(SnapshotError):
        after.restore("r", board.snapshot("r"))
    assert gathered(after) == fresh


@pytest.mark.parametrize("kept", [b"", b"rubbish", b"\x94"])
def test_rubbish_takes_nothing_up(kept: bytes) -> None:
    with pytest.raises(SnapshotError):
        watched().restore("r", [kept])


def test_a_state_that_does_not_fit_takes_nothing_up() -> None:
    board = watched()
    feed(board, 0, 20, 1)
    (whole,) = board.snapshot("r")
    found = msgspec.msgpack.decode(whole, type=snapshot.Snapshot)
    place = Comparison.state().index("disagreement")
    found.state[place] = found.state[place][:1]
    after = watched()
    fresh = gathered(after)
    with pytest.raises(SnapshotError):
        after.restore("r", [msgspec.msgpack.encode(found)])
    assert gathered(after) == fresh


def test_lost_copies_are_carried_on() -> None:
    board = watched()
    board.on_tick(Tick(0, "a", 1, 1, shadow_dropped=[("r", "v2", "inflight", 7)]), 0.0)
    after = resumed(board)
    after.on_tick(Tick(0, "a", 1, 1, shadow_dropped=[("r", "v2", "inflight", 2)]), 0.0)
    found = next(e for e in after.evidence("r", 0.0) if e.metric == "disagreement")
    assert found.lost == 9


def below(value: Any, met: dict[int, Any]) -> dict[int, Any]:
    """Every object with attributes that a walk over slots and containers meets, by its id."""
    if id(value) in met:
        return met
    if isinstance(value, dict):
        parts = list(value.values())
    elif isinstance(value, list | tuple | deque):
        parts = list(value)
    else:
        slots = {slot for base in type(value).__mro__ for slot in base.__dict__.get("__slots__", ())}
        if slots or hasattr(value, "__dict__"):
            met[id(value)] = value
        parts = [getattr(value, slot) for slot in slots] + list(getattr(value, "__dict__", {}).values())
    for part in parts:
        below(part, met)
    return met


BORROWED = {"Guard", "Limit", "ComparisonKey", "StickyDedup", "Score"}
"""Classes below a comparison without state of their own kind: settings, and what begins anew with a process."""


def test_every_attribute_below_a_comparison_is_state_or_configuration() -> None:
    board = watched()
    feed(board, 0, 60, 1)
    (comparison,) = board._comparisons["r"]
    met = [each for each in below(comparison, {}).values() if type(each).__module__.startswith("proxy")]
    kinds = {type(each) for each in met}
    assert {kind.__name__ for kind in kinds if not issubclass(kind, Stateful)} <= BORROWED
    assert len([kind for kind in kinds if issubclass(kind, Stateful)]) >= 25
    for each in met:
        assert not hasattr(each, "__dict__") or not isinstance(each, Stateful), type(each)
        for base in type(each).__mro__:
            fixed = set(base.__dict__.get("CONFIGURATION", ()))
            assert fixed <= set(base.__dict__.get("__slots__", ())), f"{base}: configuration beside the slots"


def test_a_slot_that_nobody_names_is_state() -> None:
    class Counted(Stateful):
        __slots__ = ("_limit", "n")
        CONFIGURATION = ("_limit",)

    class Weighted(Counted):
        __slots__ = ("weight",)

    assert (Counted.state(), Weighted.state()) == (("n",), ("n", "weight"))


def test_it_is_small() -> None:
    board = watched()
    feed(board, 0, 60, 1)
    assert sum(map(len, board.snapshot("r"))) < 100_000
