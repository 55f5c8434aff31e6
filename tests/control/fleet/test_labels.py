"""Labels asked around a fleet: each is counted once, by who made the prediction, or as unknown by who was given it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import settings as of_hypothesis
from hypothesis import strategies as st

from proxy.control.fleet.bodies import LabelBody
from proxy.control.fleet.labels import ANSWER_SECONDS, MAX_ASKED, LabelExchange
from proxy.stats.board import Board
from proxy.stats.quality.label_join import EARLY_SECONDS, LabelOutcome
from tests.control.houses import section, settings
from tests.support.fleets import FleetHouse


class Sidecar:
    """One with a small board: requests that it predicted, labels that wait for one, and what it counted."""

    def __init__(self, name: str) -> None:
        self.predicted: set[str] = set()
        self.early: dict[str, float] = {}
        self.counted: Counter[str] = Counter()
        self.now = 0.0
        self.exchange = LabelExchange(name, self.take, self.predicted.__contains__, self.unknown)

    def take(self, request_id: str, label: Any) -> LabelOutcome:
        if request_id in self.predicted:
            self.counted["joined"] += 1
            return "joined"
        self.early[request_id] = self.now + EARLY_SECONDS
        return "unknown"

    def unknown(self, count: int) -> None:
        self.counted["unknown"] += count

    def predicts(self, request_id: str) -> None:
        """A record comes: a label that was early meets it."""
        self.predicted.add(request_id)
        if self.early.pop(request_id, 0.0) > self.now:
            self.counted["joined"] += 1


events = st.lists(
    st.tuples(
        st.sampled_from(["label", "record", "nobody's label"]),
        st.integers(0, 2),
        st.integers(0, 2),
        st.floats(0.0, 1.5),
    ),
    max_size=12,
)


@given(events)
@of_hypothesis(deadline=None)
def test_each_label_is_counted_once_in_the_fleet(passed: list[tuple[str, int, int, float]]) -> None:
    """Labels come to any sidecar, before or after the record of their request at any; each turn takes half a second."""
    fleet = [Sidecar(f"s{at}") for at in range(3)]
    stream: list[bytes] = []
    read, given_to, records, now = [0] * 3, 0, dict[str, int](), 0.0

    def turns(until: float) -> None:
        nonlocal now
        while now < until:
            now += 0.5
            for at, each in enumerate(fleet):
                each.now = now
                bodies, read[at] = stream[read[at] :], len(stream)
                stream.extend(each.exchange.heard(bodies, now) + each.exchange.look(False, now))

    for number, (what, at, other, pause) in enumerate(passed):
        request_id = f"r{number}"
        if what != "record":
            given_to += 1
            if fleet[at].take(request_id, 1) == "unknown":
                stream += fleet[at].exchange.ask([(request_id, 1)], now)
        if what != "nobody's label":
            turns(now + pause)
            fleet[other].predicts(request_id)
            records[request_id] = other
        if what == "record":
            given_to += 1
            if fleet[at].take(request_id, 1) == "unknown":
                stream += fleet[at].exchange.ask([(request_id, 1)], now)
    turns(now + 2 * ANSWER_SECONDS)
    counted = sum((each.counted for each in fleet), Counter[str]())
    assert counted == +Counter(joined=len(records), unknown=given_to - len(records))
    for at, each in enumerate(fleet):
        assert each.counted["joined"] == sum(other == at for other in records.values())


def test_labels_that_have_not_left_are_not_counted_yet() -> None:
    sidecar = Sidecar("s0")
    sidecar.exchange.ask([("r", 1), ("r", 2)], 0.0)
    sidecar.exchange.look(True, 10 * ANSWER_SECONDS)
    sidecar.exchange.look(False, 11 * ANSWER_SECONDS - 1.0)
    assert not sidecar.counted
    sidecar.exchange.look(False, 11 * ANSWER_SECONDS)
    assert sidecar.counted == {"unknown": 2}


def test_what_waits_has_a_bound() -> None:
    sidecar = Sidecar("s0")
    assert len(sidecar.exchange.ask([(f"r{at}", 1) for at in range(MAX_ASKED + 5)], 0.0)) == MAX_ASKED + 5
    assert sidecar.counted == {"unknown": 5}


def test_what_cannot_be_read_or_is_for_another_is_passed_over() -> None:
    sidecar = Sidecar("s0")
    sidecar.exchange.ask([("r", 1)], 0.0)
    for_other = msgspec.msgpack.encode(("s1", LabelBody("r", to="s2")))
    own = msgspec.msgpack.encode(("s0", LabelBody("r", 1)))
    assert sidecar.exchange.heard([b"\xc1", b"\x91\x01", for_other, own], 0.0) == []
    sidecar.exchange.look(False, ANSWER_SECONDS)
    assert sidecar.counted == {"unknown": 1}


def test_a_label_that_nobody_knows_is_unknown_once_for_the_fleet() -> None:
    fleet = FleetHouse(settings(section(shadows=())), 3)
    fleet.turns(4)
    asked = fleet.sidecars[0]
    assert asked.board.on_label("r", 1, asked.clock(), counts_unknown=False) == "unknown"
    asked.member.on_labels([("r", 1)])
    fleet.turns(int(ANSWER_SECONDS / 0.5) + 4)
    boards: list[Board] = [each.board for each in fleet.sidecars]
    assert [board._scorer.labels.outcomes["unknown"] for board in boards] == [1, 0, 0]
    assert [len(each.labels) for each in fleet.sidecars] == [0, 1, 1]
