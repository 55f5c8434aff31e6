"""What happened in one breath: short, true, whole, in units of people."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.contracts.notices import KINDS
from proxy.contracts.story import Touched
from proxy.release.audit import Entry
from proxy.release.first_line import DID, STANDS, first_line
from proxy.release.telling import WORDS, touched_of
from tests.release.test_telling import USERS, entry, facts, state

BREATH = 290
"""Characters that one can take in at once."""
NOBODY = USERS | {"count": None, "why": "no key"}


def warning(kind: str, since: float = 200.0) -> dict[str, Any]:
    return {"kind": kind, "text": "long " * 60, "since": since, "runbook": f"/runbook#{kind}", "todo": ""}


def line(did: Entry | None, phase: str, now: float = 320.0, warnings: tuple[dict[str, Any], ...] = ()) -> str:
    known = touched_of(facts(good=337, failed=41), USERS)
    return first_line("fraud", did, known, state(phase), warnings, now)


def test_every_action_has_its_words() -> None:
    assert DID.keys() == WORDS.keys()


def test_a_rollback_is_told_whole() -> None:
    did = entry()
    lines = [{"metric": "error_rate", "outcome": "fail"}, {"metric": "latency_p99", "outcome": "pass"}]
    did = Entry(3, 200.0, "scorecard", "rollback", "r", "x", did.before, did.after, lines, None, "")
    assert line(did, "rolled_back") == (
        "fraud: v2 was rolled back for its error rate at 00:03 UTC (2 min ago). 378 requests of 7 users met v2, 41 "
        "went wrong. It is over: v1 serves all. Next: mend v2, then penumbra release fraud."
    )


def test_whoever_did_it_by_hand_is_named() -> None:
    assert "was rolled back by ops at" in line(entry(who="ops"), "rolled_back")


def test_a_rescue_is_said_and_nobody_is_nobody() -> None:
    known = facts(good=3, failed=2)
    known.rescued = {"failed": 2}
    told = first_line("r", entry(), touched_of(known, NOBODY), state("rolled_back"), [], 300.0)
    assert "5 requests met v2, 2 went wrong (2 answered by the primary in its place)." in told
    well = first_line("r", entry(), touched_of(facts(good=1), NOBODY), state("rolled_back"), [], 300.0)
    assert "1 request met v2, none of which went wrong." in well
    assert "Nobody has met v2." in first_line("r", entry(), touched_of(facts(), USERS), state("paused"), [], 300.0)
    copied = facts()
    copied.touched = [Touched("v2", "shadow", {"good": 8, "failed": 1})]
    assert "Only copies met v2: 1 of 9 went wrong, no client saw it." in first_line(
        "r", entry(), touched_of(copied, USERS), state("rolled_back"), [], 300.0
    )
    assert "met" not in first_line("r", entry(), None, state("rolled_back"), [], 300.0)


def test_what_is_wrong_now_is_not_over_and_the_worst_comes_first() -> None:
    worst = next(kind for kind, row in KINDS.items() if row.severity == "critical")
    mild = next(kind for kind, row in KINDS.items() if row.severity != "critical" and not row.whole)
    told = line(entry(), "rolled_back", 3820.0, (warning(mild), warning(worst)))
    title = KINDS[worst].title
    assert f"Not over: {title[0].lower()}{title[1:]}, for 1 h, and 1 more. Next: /runbook#{worst}." in told
    assert "It is over" not in told


@pytest.mark.parametrize("kind", ["messages-undelivered", "history-not-stored", "anchor-unusable"])
def test_what_is_wrong_beside_the_traffic_does_not_hide_that_it_is_over(kind: str) -> None:
    told = line(entry(), "rolled_back", 3820.0, (warning(kind),))
    assert "It is over: " in told and "Not over" not in told
    assert "Besides: " in told and "Next: mend " in told
    assert first_line("r", None, None, state("steady"), [warning(kind)], 300.0).endswith(f"Next: /runbook#{kind}.")
    worse = line(entry(), "rolled_back", 3820.0, (warning(kind), warning("line-lost")))
    assert "It is over" not in worse and "Not over: too much of a line" in worse


def test_a_stage_says_which_and_of_how_many() -> None:
    plan = {"candidate": "v2", "strategy": "canary", "stages": [{"canary": 5}, {"canary": 50}, {"canary": 90}]}
    after = {"route": "r", "phase": "ramping", "primary": "v1", "release": plan, "stage": 1}
    did = Entry(3, 200.0, "scorecard", "advance", "r", "x" * 2000, {}, after, None, None, "")
    told = line(did, "ramping")
    assert "the release of v2 went on to stage 2 at" in told and "under way: stage 2 of 3." in told
    assert "xx" not in told, "the limits of that moment stand elsewhere"


def test_of_a_time_before_nothing_is_asked() -> None:
    told = first_line("r", entry(), None, state("rolled_back") | {"past": True}, [], 90000.0)
    assert "1970-01-01 00:03 UTC (1 d ago)" in told and "Next" not in told


@pytest.mark.parametrize("phase", sorted(STANDS))
@example("pause", ["fleet-store-setting"] * 3, 1e6)
@given(
    action=st.sampled_from(sorted(WORDS)),
    warned=st.lists(st.sampled_from(sorted(KINDS)), max_size=3),
    late=st.floats(0.0, 1e6),
)
def test_it_is_one_breath(phase: str, action: str, warned: list[str], late: float) -> None:
    told = line(entry(action, phase, who="somebody"), phase, 200.0 + late, tuple(map(warning, warned)))
    assert len(told) <= BREATH
    assert "\n" not in told and "{" not in told and "None" not in told


def test_long_names_leave_room_for_the_rest() -> None:
    did = entry()
    after = did.after | {"rolled_back": ["v" * 5000]}
    did = Entry(3, 200.0, "o" * 5000, "rollback", "r", "x", did.before, after, None, None, "")
    told = first_line("r", did, None, state("rolled_back"), [], 300.0)
    assert len(told) < 400 and "…" in told
