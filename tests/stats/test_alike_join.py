"""What is counted of legs that are alike is what is counted of each."""

from __future__ import annotations

import random
from typing import Any

import pytest
from msgspec.structs import replace

from loadtests.analysis import GUARD, bodies
from loadtests.analysis import legs as legs_of
from proxy.contracts.alike import AlikeLegs
from proxy.contracts.identity import Identity
from proxy.contracts.observation import Tensor
from proxy.contracts.record import Record
from proxy.payload.alike import read_alike
from proxy.payload.decode import decode
from proxy.stats.alike_join import AlikeJoin, are_single
from proxy.stats.board import Board
from tests.support.records import record

Y = Tensor("y", 1, 1, "number", ())
SOURCE = (0, "bench")


def legs(exchanges: list[int], role: str, source: tuple[int, str] = SOURCE, route: str = "r") -> AlikeLegs:
    records = [record(exchange=exchange, role=role, route=route) for exchange in exchanges]
    return AlikeLegs(records, source, Y, bytes(8 * len(records)))


def test_legs_meet_whichever_comes_first() -> None:
    for first, second in (("primary", "shadow"), ("shadow", "primary")):
        join = AlikeJoin()
        assert not join.add(legs([1, 2, 3], first))
        (pairs,) = join.add(legs([3, 5, 1], second))
        assert sorted(pairs.keys(range(2))) == [(SOURCE, 1), (SOURCE, 3)]
        for at in range(len(pairs)):
            live, copy = pairs.pair(at)
            assert live.exchange == copy.exchange and (live.role, copy.role) == ("primary", "shadow")
        assert (
            sorted((each.role, [each.exchanges[at] for at in places]) for each, places in join.rest())
            == [
                (first, [2]),
                (second, [5]),
            ]
            or first == "shadow"
        )
        assert not join.rest()


def test_workers_and_routes_and_what_is_left_out_do_not_meet() -> None:
    join = AlikeJoin()
    join.add(legs([1, 2], "primary"))
    assert not join.add(legs([1], "shadow", source=(1, "b"))) and not join.add(legs([1], "shadow", route="other"))
    assert not join.add(legs([1], "shadow"), without=[0])
    assert [len(pairs) for pairs in join.add(legs([2], "shadow"))] == [1]


def test_an_exchange_that_is_there_twice_is_told() -> None:
    assert are_single(legs([1, 2], "shadow")) and not are_single(legs([1, 1], "shadow"))


def told(board: Board) -> dict[str, Any]:
    """Everything that a board says of the route."""
    return {
        "evidence": board.evidence("cancer", 99.0),
        "snapshot": board.snapshot("cancer"),
        "drift": board.drift("cancer"),
        "due": (dict(board.due), dict(board.waiting), board.unbalanced("cancer")),
        "pairs": dict(board.pairs),
        "content": (dict(board.content.analysed), dict(board.content.endings)),
        "identities": {version: watch.get() for version, watch in board.answerers.of("cancer").items()},
        "labels": (dict(board.unlabelled), dict(board.feedbacks), dict(board.labelled)),
        "violations": (board.violations("cancer"), board.missing("cancer"), board.bounds_reached()),
    }


def run(records: list[Record], together: bool, labelled: bool = False) -> dict[str, Any]:
    board = Board(labels=1500)
    board.watch("cancer", ("v3",), "v1", GUARD, "oip", 0.0)
    now = 0.0
    for at in range(0, len(records), 256):
        now += 0.3
        part = records[at : at + 256]
        alike, odd = read_alike(part, SOURCE, lambda route: ("oip", Identity())) if together else ([], range(len(part)))
        board.on_observations([decode(part[each], "oip", SOURCE) for each in odd], now, [each for each, _ in alike])
        for leg in part[::3] if labelled else ():
            board.on_label(leg.request_id, 1, now)
    found = told(board)
    tally = board.agreement("cancer", "v3")
    found["tally"] = tally.pairs, tally.disagreements, tally.kinds, pytest.approx(tally.shift, rel=1e-12)
    found["worst"] = [each.shift for each in board.examples("cancer", "v3")]
    board.on_observations((), now + 100.0)
    return found | {"late": (dict(board.due), board.unpaired, board.unbalanced("cancer"))}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("labelled", [False, True])
def test_a_board_says_the_same_of_both(seed: int, labelled: bool) -> None:
    """Legs come in any order, late, without their copies, and some of them are odd."""
    rng = random.Random(seed)
    sent: list[tuple[float, Record]] = []
    for number, exchange in enumerate(bodies(800, seed)):
        live, copy = legs_of(number, *exchange)
        changed: dict[str, Any] = {}
        if seed > 1 and rng.random() < 0.05:
            changed = {"response": rng.choice([b"{}", b"", None, exchange[2]]), "status": rng.choice([200, 200, 500])}
        if seed > 2 and rng.random() < 0.1:
            live = replace(live, role="rescue", copies=rng.choice([0, 1, -1]))
        both = live, replace(copy, **changed)
        sent += [(number + rng.random() * 40 * seed, leg) for leg in both if rng.random() > 0.02 * seed]
    records = [leg for _, leg in sorted(sent, key=lambda each: each[0])]
    assert run(records, True, labelled) == run(records, False, labelled)


def test_records_that_come_twice_leave_no_pair_without_an_end() -> None:
    sent = [leg for number, exchange in enumerate(bodies(400)) for leg in legs_of(number, *exchange)]
    for seed in range(3):
        twice = sent + random.Random(seed).sample(sent, 200)
        random.Random(seed).shuffle(twice)
        assert run(twice, True)["late"][2] == 0
