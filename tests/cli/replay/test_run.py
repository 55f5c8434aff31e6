"""The loop of a replay, with servers on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from time import monotonic

import pytest

from proxy.cli.replay.run import Bounds, ReplayRun
from proxy.cli.replay.server import ReplayServer
from proxy.cli.replay.target import UnreachableError
from proxy.contracts.replay import Ending
from proxy.contracts.table import Timeouts, Version
from proxy.control.capture.exchanges import CapturedExchange
from proxy.control.capture.format import UnreadableLineError
from proxy.control.replay import order
from proxy.control.replay.judge import ReplayJudge
from tests.support.replayed import answer, exchange, request, section, serving, settings, trial, whole

NUMBERS = {request(number): number for number in range(1001)}


def good(number: int, body: bytes) -> bytes:
    """What the good model says to a request, whenever it comes."""
    return whole(answer(NUMBERS[body]))


def bad(number: int, body: bytes) -> bytes:
    return whole(b"<html>")


def source(count: int, **facts: object) -> Iterator[CapturedExchange]:
    return (exchange(number, **facts) for number in range(count))


def replayed(
    exchanges: Iterator[CapturedExchange],
    respond: Callable[[int, bytes], bytes | None] = good,
    bounds: Bounds | None = None,
    primary: Callable[[int, bytes], bytes | None] | None = None,
    interrupt: int = 0,
    rest: Iterator[CapturedExchange] | None = None,
    seen_before: int = 0,
) -> tuple[Ending, ReplayJudge, ReplayRun, list[bytes]]:
    """How it ended, and what was judged. `interrupt`: after so many looks; `seen_before`: once so many requests
    came."""
    judge = ReplayJudge(trial(timed=primary is not None))
    looks: list[int] = []

    async def main() -> tuple[Ending, ReplayRun, list[bytes]]:
        async with serving(respond) as (port, seen), serving(primary or good) as (beside, _):
            candidate, other = (
                ReplayServer(settings(), section(), Version(name, "127.0.0.1", at, "h"), Timeouts(response=20.0))
                for name, at in (("v2", port), ("v1", beside))
            )
            given = bounds or Bounds(4)

            def look() -> None:
                looks.append(1)
                if len(looks) == interrupt or 0 < seen_before <= len(seen):
                    run.interrupt()

            run = ReplayRun(exchanges, judge, candidate, other if primary else None, given, look, rest)
            return await run.run(), run, seen

    ending, run, seen = asyncio.run(main())
    return ending, judge, run, seen


def test_a_good_candidate_is_decided_by_a_survey() -> None:
    ending, judge, run, seen = replayed(source(600), rest=source(1000))
    assert ending == "decided" and judge.decided is not None and judge.decided.outcome == "pass"
    assert judge.sent == run.sent == len(seen) == 600
    assert run.analysis > 0.0


def test_what_a_survey_leaves_open_goes_on_to_the_end() -> None:
    ending, judge, _, seen = replayed(source(100), rest=source(500))
    assert (ending, judge.sent, len(seen), judge.end().outcome) == ("complete", 600, 600, "pass")


def test_what_was_not_seen_to_the_end_is_no_pass() -> None:
    ending, judge, _, _ = replayed(source(1000), bounds=Bounds(4, requests=900))
    assert (ending, judge.sent, judge.end().outcome) == ("requests", 900, "undecided")
    ending, judge, _, _ = replayed(source(1000))
    assert (ending, judge.sent, judge.end().outcome) == ("complete", 1000, "pass")


def test_garbage_is_decided_early() -> None:
    ending, judge, _, _ = replayed(source(1000), bad)
    assert ending == "decided" and judge.decided is not None and judge.decided.outcome == "fail"


def test_all_of_a_capture_is_sent_in_its_order_where_that_is_asked_for() -> None:
    ending, judge, _, seen = replayed(source(60), bounds=Bounds(1, everything=True))
    assert (ending, judge.sent) == ("complete", 60)
    rows = [json.loads(each.partition(b"\r\n\r\n")[2])["inputs"][0]["data"] for each in seen]
    assert rows == [json.loads(request(number))["inputs"][0]["data"] for number in range(60)]


def test_at_most_so_many_requests_are_sent() -> None:
    ending, judge, run, seen = replayed(source(1000), bounds=Bounds(4, requests=30))
    assert (ending, judge.sent, run.sent, len(seen)) == ("requests", 30, 30, 30)


def test_so_many_are_under_way_at_once() -> None:
    held: list[int] = []

    def hold(number: int, body: bytes) -> bytes | None:
        held.append(number)
        return None

    ending, judge, run, seen = replayed(source(100), hold, Bounds(3), interrupt=3)
    assert (ending, judge.sent, run.sent, len(seen)) == ("interrupted", 0, 3, 3)


def test_a_full_order_goes_on_once_its_first_exchange_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """All others are answered while one is not, until no more may wait: its answer is the only thing that can go on."""
    monkeypatch.setattr(order, "MAX_HELD", 4)

    def hold(number: int, body: bytes) -> bytes | None:
        return None if number == 0 else good(number, body)

    async def main() -> tuple[Ending, int]:
        judge = ReplayJudge(trial())
        async with serving(hold) as (port, _):
            version, patience = Version("v2", "127.0.0.1", port, "h"), Timeouts(response=0.3)
            server = ReplayServer(settings(), section(), version, patience)
            run = ReplayRun(source(30), judge, server, None, Bounds(3, everything=True))
            return await asyncio.wait_for(run.run(), 20.0), judge.sent

    assert asyncio.run(main()) == ("complete", 30)


def test_what_has_come_is_judged_when_it_is_interrupted() -> None:
    def five(number: int, body: bytes) -> bytes | None:
        return good(number, body) if number < 5 else None

    ending, judge, _, _ = replayed(source(100), five, Bounds(3), seen_before=8)
    assert (ending, judge.sent) == ("interrupted", 5)


def test_exchanges_go_out_at_the_recorded_pace() -> None:
    began = monotonic()
    ending, judge, _, _ = replayed(source(26), bounds=Bounds(16, pace=2.0, everything=True))
    assert (ending, judge.sent) == ("complete", 26)
    assert monotonic() - began >= 0.25, "25 steps of 20 ms, twice as fast"


def test_what_cannot_be_replayed_is_counted() -> None:
    _, judge, _, seen = replayed(iter([exchange(1), exchange(2, request=None), exchange(3, path="no path")]))
    assert (judge.sent, sum(judge.skipped.values()), len(seen)) == (1, 2, 1)


def test_a_primary_beside_is_asked_too_and_twice_for_some() -> None:
    _, judge, _, _ = replayed(source(40), bounds=Bounds(4, everything=True), primary=good)
    judge.end()
    assert judge.rehearsal is not None and "primary" in judge.arms
    assert judge.rehearsal.board.agreement("cancer", "v1", "noise").pairs > 0


def test_a_server_that_never_answers_is_an_error_and_no_verdict() -> None:
    with pytest.raises(UnreachableError):
        replayed(source(100), lambda number, body: b"")
    with pytest.raises(UnreachableError):
        replayed(source(2), lambda number, body: b"")
    with pytest.raises(UnreachableError):
        replayed(source(100), primary=lambda number, body: b"")


def test_a_server_that_stops_answering_has_failed() -> None:
    ending, judge, _, _ = replayed(source(1000), lambda number, body: good(number, body) if number < 50 else b"")
    assert ending == "decided" and judge.decided is not None and judge.decided.outcome == "fail"


def test_a_line_that_cannot_be_read_ends_it() -> None:
    def broken() -> Iterator[CapturedExchange]:
        yield exchange(1)
        raise UnreadableLineError("line 2")

    with pytest.raises(UnreadableLineError):
        replayed(broken())
