"""Latency is not judged while a candidate is cold; errors are, from the first."""

from math import log

from proxy.contracts.histogram import bucket
from proxy.contracts.record import ArmTick, Tick
from proxy.contracts.settings import Guard, Limit
from proxy.contracts.table import Role
from proxy.stats.board import Board

GUARD = Guard({"latency_p99": Limit(max=0.1), "error_rate": Limit(max_ratio=1.5)})


def arm(version: str, role: Role, n: int, seconds: float, bad: int = 0) -> ArmTick:
    share = 0.5
    codes = {"200": n - bad, "500": bad}
    return ArmTick("r", version, role, share, codes, total={bucket(seconds): n}, total_sum=n * seconds)


def run(board: Board, count: int, seconds: float, start: float = 0.0, bad: int = 0) -> None:
    for tick in range(count):
        now = start + 0.1 * tick
        arms = [arm("v1", "primary", 10, 0.01), arm("v2", "canary", 10, seconds, bad)]
        board.on_tick(Tick(0, "a", int(now * 10), 1, arms=arms), now)


def watched() -> Board:
    board = Board()
    board.watch("r", ("v2",), "v1", GUARD, "json", 0.0)
    return board


def test_a_slow_start_is_forgiven_and_said() -> None:
    board = watched()
    run(board, 20, 5.0)
    latency, errors = board.evidence("r", 2.0)
    assert (latency.n, latency.note) == (
        0,
        "warming up: not judged before 100 requests and 3 s (200 so far)",
    )
    assert (errors.n, errors.note) == (200, "")
    run(board, 100, 0.01, start=2.0)
    latency, _ = board.evidence("r", 12.0)
    assert (latency.note, latency.log_breach < 0, latency.n > 500) == ("", True, True)


def test_a_candidate_that_stays_slow_is_found_after_its_warm_up() -> None:
    board = watched()
    run(board, 60, 5.0)
    assert board.evidence("r", 6.0)[0].log_breach > log(1000)


def test_errors_are_judged_from_the_first() -> None:
    board = watched()
    run(board, 3, 0.01, bad=10)
    assert board.evidence("r", 0.3)[1].log_breach > log(1000)


def test_without_a_warm_up_everything_is_judged_at_once() -> None:
    board = Board()
    board.watch("r", ("v2",), "v1", Guard({"latency_p99": Limit(max=0.1)}, warm_up=0), "json", 0.0)
    run(board, 1, 5.0)
    assert board.evidence("r", 0.1)[0].n == 10
