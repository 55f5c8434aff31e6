"""Events carry their time, and a stream is known to be whole or not."""

from pathlib import Path

import pytest

from loadtests import events
from loadtests.events import END, EventDrive, Heard, arrivals, event, hear, talking
from loadtests.load import LoadFailed
from loadtests.streaming import DIRECT, added, against, summed
from tests.support.counting import model_server


def test_events_carry_their_time_and_parts_of_one_are_not_counted() -> None:
    data = event(100.0) + event(100.5)
    assert arrivals(data, 101.0) == [pytest.approx(1e6), pytest.approx(5e5)]
    assert arrivals(data[: len(data) // 2 + 10], 101.0) == [pytest.approx(1e6)]


def test_streams_are_heard_to_their_ends(tmp_path: Path) -> None:
    halves: list[int] = []
    with talking(tmp_path, 2) as ports:
        for port in ports:
            heard = hear(port, 3, 20, 0.005, lambda: halves.append(1))
            assert [each.whole(20) for each in heard] == [True] * 3
            assert all(0 < delay < 5e6 for each in heard for delay in each.delays)
        seen = EventDrive(tmp_path, streams=4, interval=0.005).drive(ports[0], 0.1)
    assert halves == [1, 1]
    assert (seen.requests, seen.errors) == (80, 0)


def test_a_stream_that_lacks_an_event_or_its_end_is_not_whole() -> None:
    assert Heard([1.0, 2.0], END, True).whole(2)
    assert not Heard([1.0], END, True).whole(2)
    assert not Heard([1.0, 2.0], b"", False).whole(2)


def test_a_server_without_events_is_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PATIENCE", 0.2)
    with model_server() as server, pytest.raises(LoadFailed, match="no event"):
        EventDrive(tmp_path, streams=1, interval=0.001).drive(server.server_port, 0.01)


def test_a_delay_is_what_comes_on_top_of_a_direct_connection_in_the_same_round() -> None:
    results = {
        DIRECT: [summed([100.0]), summed([300.0])],
        "one": [summed([130.0]), summed([345.0])],
        "other": [summed([120.0]), summed([330.0])],
    }
    assert added(results, "one").median == 37.5
    assert against(results, "one", "other").high == pytest.approx(1.5)
    assert summed([3.0, 1.0, 2.0]).p50 == 2.0
