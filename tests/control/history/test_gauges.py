"""What engine and board say is of the second in which they say it."""

from __future__ import annotations

from math import inf, log

from proxy.contracts.release import Verdict
from proxy.control.history.gauges import Gauges, lines
from proxy.control.history.steps import LineStep, TimeStep
from tests.control.houses import House, settings


def test_totals_of_the_board_are_told_apart_by_second() -> None:
    house = House(settings())
    gauges, route, content = Gauges(house.board), house.engine.routes["cancer"], house.board.content
    seconds = []
    for analysed, invalid in ((8, 2), (8, 2), (9, 2), (1, 1)):
        content.analysed["cancer", "v2", "canary"] = analysed
        content.invalid["cancer", "v2", "canary", "not_a_number"] = invalid
        content.analysed["other", "v2", "canary"] += 1
        gauges.look(["cancer"])
        step = TimeStep(0, 1)
        gauges.fill(step, route, 1000.0)
        seconds.append(step.contents)
    arm = ("v2", "canary")
    assert seconds == [{arm: (8, 2)}, {}, {arm: (1, 0)}, {arm: (1, 1)}], "the last began anew"
    assert step.split == {"v1": 90.0, "v2": 10.0}


def test_evidence_is_told_as_a_part_of_the_way_to_a_breach() -> None:
    def verdict(metric: str, log_breach: float, aim: bool = False) -> Verdict:
        return Verdict(
            *(metric, "undecided", 0.1, 0.2, 7, 0, ""), version="v2", bound="max", log_breach=log_breach, aim=aim
        )

    told = [verdict("error_rate", log(1000.0)), verdict("refusal_rate", inf), verdict("accuracy", 1.0, aim=True)]
    known = lines(told, 0.001)
    line = known["error_rate", "max", "v2"]
    assert abs(line.progress - 1.0) < 1e-12 and (line.value, line.limit, line.n) == (0.1, 0.2, 7)
    assert known["refusal_rate", "max", "v2"].progress == inf
    assert len(known) == 2, "the aim of an A/B test is no limit"


def test_the_second_of_a_rollback_has_the_evidence_that_it_was_decided_by() -> None:
    house = House(settings())
    gauges, route = Gauges(house.board), house.engine.routes["cancer"]
    breach = Verdict(
        *("error_rate", "fail", inf, 1.5, 7, 0, ""), version="v2", bound="max_ratio", log_breach=log(2000.0)
    )

    def second() -> dict[tuple[str, str, str], LineStep]:
        gauges.look(["cancer"])
        step = TimeStep(0, 1)
        gauges.fill(step, route, 1000.0)
        return step.lines

    route.status.verdicts = ()
    assert second() == {}
    route.status.at_rollback = (breach,)
    told = second()
    assert told["error_rate", "max_ratio", "v2"].progress > 1.0
    assert second() == {}, "it is told once"
    again = Gauges(house.board)
    again.look(["cancer"])
    step = TimeStep(0, 1)
    again.fill(step, route, 1000.0)
    assert step.lines == {}, "one that was before control started is none of now"
