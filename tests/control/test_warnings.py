from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from proxy.contracts.record import ArmTick, Tick
from proxy.contracts.settings import Analysis
from proxy.control.profiles import Profiles
from proxy.control.warnings import MIN_COPIES, MIN_REQUESTS, SPAN_SECONDS
from proxy.stats.drift.profile import profile_of
from tests.control.houses import House, section, settings


def copies(house: House, owed: int, after: float = SPAN_SECONDS + 0.1, **dropped: int) -> list[str]:
    house.seq += 1
    house.now += after
    rows = [("cancer", "v3", reason, n) for reason, n in dropped.items()]
    tick = Tick(0, "a", house.seq, 1, shadow_dropped=rows, mirrored=[("cancer", "v3", owed)])
    house.engine.on_tick(tick, house.now)
    house.engine.on_time(house.now)
    return house.engine.warnings("cancer")


def test_a_shadow_that_gets_nothing_is_named_with_the_reason(house: House, caplog: pytest.LogCaptureFixture) -> None:
    assert copies(house, 100) == []
    (said,) = copies(house, 100, breaker=90, inflight=10)
    assert said == "shadow v3 gets nothing: of 100 in 5 s these were dropped: breaker 90, inflight 10"
    (said,) = copies(house, 200, inflight=50)
    assert "gets 75% of its copies" in said
    assert next(record.message for record in caplog.records if "shadow v3" in record.message).startswith("cancer: ")
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1


def test_a_warning_goes_with_its_cause_and_stays_without_traffic(house: House) -> None:
    assert copies(house, 100, breaker=100)
    assert copies(house, MIN_COPIES - 1, breaker=1), "too few copies to take it back"
    assert copies(house, 100, inflight=5) == []


def test_a_shadow_that_is_no_longer_configured_is_not_warned_about(house: House) -> None:
    assert copies(house, 100, breaker=100)
    assert house.engine.reload(lambda: settings(section(shadows=())), house.now)
    assert copies(house, 0) == []


def test_spans_are_judged_not_single_ticks(house: House) -> None:
    copies(house, 100)
    assert copies(house, 100, after=0.1, breaker=100) == []


def asked(house: House, requests: int, inferences: int = 0) -> list[str]:
    house.seq += 1
    house.now += SPAN_SECONDS + 0.1
    legs = [
        ArmTick("cancer", "v1", "primary", 1.0, {"200": n}, inference=inference)
        for n, inference in ((requests - inferences, False), (inferences, True))
        if n
    ]
    house.engine.on_tick(Tick(0, "a", house.seq, 1, arms=legs), house.now)
    house.engine.on_time(house.now)
    return house.engine.warnings("cancer")


def test_a_route_without_inferences_is_named_with_the_option_that_says_which_ones_are(house: House) -> None:
    assert asked(house, MIN_REQUESTS - 1) == []
    (said,) = asked(house, 1)
    assert said.startswith("none of 20 requests asked the model for anything") and "routes.cancer.inference" in said
    assert asked(house, 2, inferences=1) == []


def test_a_route_with_one_inference_is_not(house: House) -> None:
    assert asked(house, 100, inferences=1) == []


def test_a_profile_from_a_file_is_given_to_the_board(house: House, tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    route = section(analysis=Analysis(profile=str(path)))
    assert house.engine.reload(lambda: settings(route), house.now)
    profiles = Profiles(house.board)
    profiles.use([route])
    assert "routes.cancer.analysis.profile" in profiles.faults["cancer"]
    path.write_text("{")
    profiles.use([route])
    assert "cannot be used" in profiles.faults["cancer"]
    made = profile_of({"age": [float(n) for n in range(200)]}, {})
    path.write_bytes(msgspec.json.encode(made))
    profiles.use([route])
    assert profiles.faults == {}
    assert [feature.name for feature in house.board.profile("cancer").inputs] == ["age"]


def test_a_profile_that_has_not_changed_is_not_given_again(tmp_path: Path) -> None:
    class Heard:
        given = 0

        def use_profile(self, route: str, profile: object) -> None:
            self.given += 1

    path, board = tmp_path / "profile.json", Heard()
    path.write_bytes(msgspec.json.encode(profile_of({"age": [1.0] * 200}, {})))
    profiles = Profiles(board)  # type: ignore[arg-type]
    for analysis in (
        Analysis(profile=str(path)),
        Analysis(profile=str(path)),
        Analysis(profile=str(path), reference=5),
    ):
        profiles.use([section(analysis=analysis)])
    assert board.given == 2
