"""How many exchanges are analysed: what the budget allows, all of them where there is room, never none."""

from collections.abc import Iterable, Sequence

import pytest
from msgspec.structs import replace

from proxy.contracts.alike import AlikeLegs
from proxy.contracts.observation import Observation, observed
from proxy.contracts.record import UNREAD, Record
from proxy.contracts.settings import Analysis, RouteSettings
from proxy.contracts.table import Match, Protocol
from proxy.control.intake import MIN_SAMPLE, PART_SECONDS, Intake
from proxy.payload.parts import PartedAnswer
from tests.support.records import record as made

SECTION = RouteSettings("r", Match("/"), "oip", "v1")
OPAQUE = RouteSettings("opaque", Match("/o"), "opaque", "v1")
CALLS = RouteSettings("calls", Match("/"), "grpc", "v1")
OTHER = RouteSettings("other", Match("/a.B", grpc="a.B"), "grpc", "v1")
ROUTES = {"r": SECTION, "opaque": OPAQUE, "calls": CALLS, "other": OTHER}


class Bench:
    """Batches that cost what they are said to cost, 20 of them a second."""

    def __init__(self, budget: float, each: float = 0.001) -> None:
        self.cpu, self.now, self.each = 0.0, 0.0, each
        self.seen: list[Observation] = []
        self.parts: list[PartedAnswer | None] = []
        clocks = (lambda: self.cpu), (lambda: self.cpu)
        self.together: Protocol | None = None
        self.alike: list[AlikeLegs] = []
        self.intake = Intake(self.decode, self.observe, ROUTES.get, *clocks, spoken=lambda *_: self.together)
        self.intake.budget = budget

    def decode(
        self,
        record: Record,
        protocol: str,
        source: tuple[int, str],
        analysis: Analysis,
        parts: PartedAnswer | None,
    ) -> Observation:
        self.parts.append(parts)
        self.cpu += self.each
        return observed(record, source)

    def observe(self, observations: Iterable[Observation], now: float, alike: Sequence[AlikeLegs]) -> None:
        self.seen += observations
        self.alike += alike

    def take(self, records: list[Record]) -> None:
        while records:
            del records[: self.intake.take(records, (0, "a"), self.now)]

    def run(self, a_second: int, seconds: float) -> float:
        """Exchanges as they come, of which the asked share is recorded; the part of a CPU spent on the last second."""
        for _ in range(int(20 * seconds)):
            self.now += 0.05
            before = self.cpu
            count = round(a_second / 20 * self.intake.sample)
            if count:
                self.take([leg("r") for _ in range(count)])
            self.intake.sample_at(self.now)
        return (self.cpu - before) * 20


def leg(route: str) -> Record:
    return made(route=route, version="v1")


def test_everything_is_analysed_within_the_budget() -> None:
    bench = Bench(0.1)
    bench.run(80, 20)
    assert bench.intake.sample == 1.0
    assert len(bench.seen) == 80 * 20


@pytest.mark.parametrize("times", [2, 10, 100])
def test_more_is_sampled_so_that_the_budget_is_kept(times: int) -> None:
    bench = Bench(0.1, each=0.0001)
    spent = bench.run(1000 * times, 30)
    assert bench.intake.sample == pytest.approx(1 / times, rel=0.35)
    assert spent <= 0.1 * 1.1


def test_a_batch_that_is_dear_by_itself_changes_nothing() -> None:
    bench = Bench(0.1, each=0.0001)
    bench.run(500, 2)
    bench.each = 0.5
    bench.run(20, 0.05)
    bench.each = 0.0001
    bench.run(500, 3)
    assert bench.intake.sample == 1.0


@pytest.mark.parametrize(("each", "left", "seconds"), [(0.0001, 500, 20), (0.001, 0, 10)], ids=["less", "nothing"])
def test_all_of_it_again_once_the_load_is_gone(each: float, left: int, seconds: int) -> None:
    bench = Bench(0.1, each=each)
    bench.run(100_000, 20)
    assert bench.intake.sample < 0.05
    bench.run(left, seconds)
    assert bench.intake.sample == 1.0


def test_never_none_whatever_it_costs() -> None:
    bench = Bench(0.01, each=10.0)
    bench.run(10_000, 60)
    assert bench.intake.sample == MIN_SAMPLE


def test_records_of_routes_that_are_gone_or_not_understood_are_left_out() -> None:
    bench = Bench(1.0)
    bench.intake.take([leg("r"), leg("gone"), leg("opaque"), leg("r")], (0, "a"), 0.0)
    assert [seen.route for seen in bench.seen] == ["r", "r"]


@pytest.mark.parametrize("each", [0.0, PART_SECONDS / 100, PART_SECONDS / 3, 1.0])
def test_no_further_record_is_begun_once_a_part_has_taken_its_time(each: float) -> None:
    bench, records = Bench(1.0, each), [leg("r") for _ in range(200)]
    taken = bench.intake.take(records, (0, "a"), 0.0)
    assert taken == len(bench.seen) >= 1
    assert bench.cpu <= PART_SECONDS + each
    bench.take(records[taken:])
    assert len(bench.seen) == 200


def test_fewer_are_asked_for_while_records_are_shed_though_the_others_are_cheap() -> None:
    bench = Bench(0.1, each=0.0)
    bench.run(100, 2)
    for _ in range(4):
        bench.intake.shed()
        bench.run(100, 0.6)
    assert bench.intake.sample < 0.2
    bench.run(100, 10)
    assert bench.intake.sample == 1.0


def test_parts_of_an_answer_wait_for_its_record() -> None:
    bench = Bench(1.0)
    part = replace(leg("r"), response=b"[1,", partial=True)
    bench.intake.take(
        [part, replace(part, parts=1), replace(part, route="opaque"), replace(part, route="gone")], (0, "a"), 0.0
    )
    assert bench.seen == [] and bench.intake.assembly.size > 6
    bench.intake.take([replace(leg("r"), response=b"2]", parts=2)], (0, "a"), 0.0)
    (parts,) = bench.parts
    assert parts is not None and parts.count == 2 and bench.intake.assembly.size == 0


def test_what_a_worker_left_unfinished_goes_when_its_next_run_reports() -> None:
    bench = Bench(1.0)
    bench.intake.take([replace(leg("r"), response=b"[1,", partial=True)], (0, "a"), 0.0)
    bench.intake.take([leg("r")], (0, "b"), 0.0)
    assert bench.intake.bounds_reached() == {"parted_answers": 1} and bench.intake.assembly.size == 0


def test_calls_whose_messages_nobody_reads_are_left_out_and_a_copy_that_failed_is_none_of_them() -> None:
    bench = Bench(0.05)
    read = [made(route="calls", response=b""), made(route="calls", role="shadow", failure="reset", status=0)]
    unread = [
        made(route="calls", path="/a.B/C", request=b"x", marks=UNREAD),
        made(route="other", role="shadow", response=b"x", marks=UNREAD),
        made(route="calls", role="shadow", failure="reset", status=0, marks=UNREAD),
    ]
    assert bench.intake.take([*read, *unread], (0, "a"), 0.0) == 5
    assert [leg.failure for leg in bench.seen] == ["", "reset"]


@pytest.mark.parametrize("each", [0.0, PART_SECONDS / 3, 1.0])
def test_what_is_read_together_is_taken_once_wherever_a_part_ends(each: float) -> None:
    bench = Bench(1.0, each)
    bench.together = "oip"
    answer = b'{"outputs":[{"name":"y","shape":[1,1],"datatype":"FP64","data":[0.5]}]}'
    asked = b'{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP64","data":[0.5]}]}'
    records = [
        made(
            route="gone" if at % 50 == 7 else "r",
            exchange=at,
            request_id=str(at),
            request=asked,
            response=answer if at % 10 else b"{}",
        )
        for at in range(400)
    ]
    bench.take(records.copy())
    together = [exchange for legs in bench.alike for exchange in legs.exchanges]
    alone = [seen.exchange for seen in bench.seen]
    assert sorted(together + alone) == [each.exchange for each in records if each.route == "r"]
    assert len(together) > 300 or each


def test_nothing_is_read_together_where_records_are_looked_at() -> None:
    bench = Bench(1.0, 0.0)
    bench.take([leg("r") for _ in range(100)])
    assert len(bench.seen) == 100 and not bench.alike
