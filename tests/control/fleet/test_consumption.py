"""What is consumed: no count twice, whatever is forgotten, and as much of the dead as of the living is remembered."""

from __future__ import annotations

import gc
import random
import sys
from array import array

from hypothesis import given
from hypothesis import settings as of_hypothesis
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.contracts.record import Tick
from proxy.control.fleet.bodies import FleetEvidence, ReportBody, decode, encode
from proxy.control.fleet.consumption import GONE_SECONDS, OVER_SECONDS, Consumption
from proxy.control.fleet.counting import Counting
from proxy.control.fleet.counts import Cells, add, rows_of
from proxy.control.fleet.judge import FleetJudge, Surroundings
from proxy.control.fleet.sections import digest_of, digests_of
from proxy.control.fleet.store import NOWHERE, REPORT_KEPT_SECONDS, Collected, Reported
from tests.control.houses import arm, section, settings
from tests.support.fleets import execute

KEY = ("codes", "r", "v2", "canary", 0.1)
SPLIT = settings(section(shadows=()))


def counted(cells: Cells) -> int:
    """All that is in some cells."""
    return int(sum(sum(cell.values()) for cell in cells.values()))


class Epoch:
    """Counts of one epoch, and how its sidecar reports them."""

    def __init__(self, name: str) -> None:
        self.key = f"{name}:a"
        self.cells: Cells = {}
        self.seq = self.taken = 0

    def body(self, more: int) -> ReportBody:
        """The next report, after further counts."""
        add(self.cells, KEY, {"500": more})
        self.seq += 1
        return ReportBody(rows_of({key: dict(cell) for key, cell in self.cells.items()}), taken=self.taken)


steps = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["report", "lost", "repeated", "followed", "gone", "over", "restarted judge"]),
        st.integers(0, 5),
    ),
    max_size=40,
)


@given(steps)
@of_hypothesis(deadline=None)
def test_no_count_is_taken_twice_whatever_is_forgotten(passed: list[tuple[int, str, int]]) -> None:
    """Reports come, are lost or repeated; rows are folded away, or forgotten while the epoch goes on. What a table has
    told a sidecar of, it says: an epoch that nobody remembers is taken whole only before that."""
    epochs = [Epoch(f"e{at}") for at in range(3)]
    consumption, total, now = Consumption({}), 0, 0.0
    for at, what, more in passed:
        epoch, now = epochs[at], now + 1.0
        body = epoch.body(more)
        if what == "followed":
            epoch.taken = consumption.taken.get(epoch.key, epoch.taken)
        elif what == "gone" and epoch.taken:
            consumption.look((), now)
            consumption.look((), now + GONE_SECONDS)
            for other in epochs:
                other.taken = other.taken or other.seq  # those that were forgotten with it
        elif what == "over":
            both = (reported(epoch.key, epoch.seq, OVER_SECONDS), Reported("a", "next", 1, 0.0, None))
            consumption.look((*both, *(reported(each.key, each.seq, 0.0) for each in epochs if each is not epoch)), now)
        elif what == "restarted judge":
            consumption = Consumption(decode(encode(FleetEvidence(consumed=consumption.rows)), FleetEvidence).consumed)
        elif what != "lost" and consumption.is_new(epoch.key, epoch.seq):
            total += counted(consumption.take(epoch.key, epoch.seq, body)[0])
        if what == "repeated":
            assert not consumption.is_new(epoch.key, epoch.seq)
        assert total <= sum(counted(each.cells) for each in epochs)


def reported(key: str, seq: int, age: float) -> Reported:
    epoch, _, instance = key.partition(":")
    return Reported(instance, epoch, seq, age, None)


def test_all_is_taken_where_nothing_is_forgotten() -> None:
    epoch, consumption, total = Epoch("e"), Consumption({}), 0
    for more in range(10):
        body = epoch.body(more)
        if more % 3:
            total += counted(consumption.take(epoch.key, epoch.seq, body)[0])
            epoch.taken = consumption.taken[epoch.key]
    total += counted(consumption.take(epoch.key, epoch.seq + 1, epoch.body(0))[0])
    assert total == counted(epoch.cells) == sum(range(10))


def test_of_an_epoch_that_is_over_its_number_alone_is_kept() -> None:
    epoch, consumption = Epoch("e"), Consumption({})
    consumption.take(epoch.key, 1, epoch.body(7))
    young = Reported("a", "next", 1, 0.0, None)
    consumption.look((reported(epoch.key, 1, OVER_SECONDS - 1.0), young), 0.0)
    assert consumption.rows[epoch.key].counted
    consumption.look((reported(epoch.key, 1, OVER_SECONDS), young), 0.0)
    row = consumption.rows[epoch.key]
    assert (row.seq, row.counted, row.over) == (1, [], True)
    assert not consumption.is_new(epoch.key, 1)
    assert consumption.taken == {}
    assert counted(consumption.take(epoch.key, 2, epoch.body(1))[0]) == 0
    assert counted(consumption.take(epoch.key, 3, epoch.body(4))[0]) == 4


def test_two_sidecars_of_one_name_go_on_both() -> None:
    consumption = Consumption({})
    for epoch in (Epoch("e"), Epoch("f")):
        consumption.take(epoch.key, 1, epoch.body(3))
    for _ in range(30):
        consumption.look((reported("e:a", 1, 0.4), reported("f:a", 1, 1.2)), 0.0)
    assert not any(row.over for row in consumption.rows.values())


LOOKS, MEMBERS, RESTARTING = 3600, 3, 1


def test_an_hour_of_looks_takes_no_more_memory_than_ten_minutes() -> None:
    """One of three sidecars is started anew each second, and each restart is an epoch."""
    judge = FleetJudge(
        Surroundings("s0", SPLIT, execute, lambda board, engine: None, lambda change, at: None, 1.0, 0.0),
        FleetEvidence(),
    )
    digests, chance = (digest_of(SPLIT), digests_of(SPLIT)), random.Random(7)
    lives = [(Counting(), f"s{at}", "first") for at in range(MEMBERS)]
    kept: dict[tuple[str, str], tuple[int, int, bytes]] = {}
    sizes, blocks = array("L", bytes(8 * LOOKS)), array("L")
    for number in range(1, LOOKS + 1):
        for at in range(RESTARTING):
            lives[at] = Counting(), f"s{at}", f"epoch-{number:05}-{at}"
        for counting, name, epoch in lives:
            latencies = dict.fromkeys(chance.choices(range(300, 340), k=5), 1)
            ticked = [replace(arm("v1", "primary", 45, 0, 0.9), total=latencies), arm("v2", "canary", 5, 0, 0.1)]
            counting.on_tick(Tick(0, epoch, number, 0, arms=ticked))
            kept[name, epoch] = number, number, encode(ReportBody(rows_of(counting.cells), NOWHERE, *digests))
        kept = {key: row for key, row in kept.items() if number - row[0] < REPORT_KEPT_SECONDS}
        reports = tuple(
            Reported(*key, seq, float(number - at), None if judge.known.get(key) == seq else body)
            for key, (at, seq, body) in kept.items()
        )
        proposal = judge.look(Collected(NOWHERE, None, reports), (1, number, "x"), float(number))
        judge.tell()
        sizes[number - 1] = len(proposal.evidence) + len(proposal.table)
        if number % 600 == 0:
            gc.collect()
            blocks.append(sys.getallocatedblocks())
    assert max(sizes[-600:]) < 1.02 * max(sizes[:600])
    assert max(sizes) < 30_000
    assert blocks[-1] - blocks[0] < 1_000
    assert len(judge._evidence.consumed) <= MEMBERS + RESTARTING * (REPORT_KEPT_SECONDS + GONE_SECONDS)
