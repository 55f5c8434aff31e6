"""One message for one matter: holds, flaps, routes of one release, senders that change."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.contracts.notices import Notice
from proxy.control.messages.changes import Trouble, message_of
from proxy.control.messages.formats.alertmanager import RESEND_SECONDS
from proxy.control.messages.matters import GONE_SECONDS, HOLD_SECONDS, MAX_MATTERS, Facts, Matters
from proxy.control.messages.message import Message
from proxy.release.audit import Change

ROUTES = ("a", "b", "c")
RELEASES = dict.fromkeys(ROUTES, ("group", ROUTES)) | {"alone": ("alone", ("alone",))}
PROFILE = Notice("profile-unusable", "the file is gone")
FULL = Notice("state-not-stored", "disk full")


def facts(*notices: tuple[str, Notice], **troubles: Trouble) -> Facts:
    found: dict[str, list[Notice]] = {}
    for route, notice in notices:
        found.setdefault(route, []).append(notice)
    return Facts(RELEASES, found, troubles)


def walk(matters: Matters, found: Facts, since: float, until: float) -> list[Message]:
    """What is news in a time of looks."""
    told: list[Message] = []
    now = since
    while now <= until:
        told += [message for message in matters.look(found, now) if not message.again]
        now += 5.0
    return told


def breach(route: str, metric: str = "error_rate", at: float = 0.0) -> Message:
    lines = [{"metric": metric, "outcome": "fail"}]
    return message_of(Change("scorecard", "notify", route, "why", evidence=lines), ("group", ROUTES), "", at)


def test_a_warning_is_told_once_it_has_lasted_and_once_it_is_over() -> None:
    matters, there = Matters(), facts(("alone", PROFILE))
    assert walk(matters, there, 0.0, HOLD_SECONDS - 5) == []
    (told,) = walk(matters, there, HOLD_SECONDS, 1000.0)
    assert (told.state, told.section, told.routes, told.since) == ("firing", "profile-unusable", ("alone",), 0.0)
    assert walk(matters, facts(), 1000.0, 1000.0 + GONE_SECONDS - 10) == []
    (over,) = walk(matters, facts(), 1000.0 + GONE_SECONDS - 5, 3000.0)
    assert (over.state, over.key) == ("resolved", told.key) and matters.open == {}


def test_what_is_gone_before_it_has_lasted_is_never_told() -> None:
    matters, now = Matters(), 0.0
    for _ in range(20):
        assert walk(matters, facts(("alone", PROFILE)), now, now + 10) == []
        assert walk(matters, facts(), now + 15, now + 60) == []
        now += 65.0


def test_what_flaps_is_one_matter() -> None:
    matters, now, told = Matters(), 0.0, list[Message]()
    for _ in range(12):
        told += walk(matters, facts(("alone", PROFILE)), now, now + 60)
        told += walk(matters, facts(), now + 65, now + 260)
        now += 265.0
    assert [message.state for message in told] == ["firing"]


def test_one_kind_on_all_routes_of_a_release_is_one_matter_and_of_the_process_on_all_routes() -> None:
    matters = Matters()
    every = [(route, notice) for route in (*ROUTES, "alone") for notice in (PROFILE, FULL)]
    told = walk(matters, facts(*every), 0.0, 200.0)
    assert sorted((message.key, message.routes) for message in told) == [
        ("warning/profile-unusable/alone", ("alone",)),
        ("warning/profile-unusable/group", ROUTES),
        ("warning/state-not-stored", ()),
    ]


def test_a_breach_on_three_routes_of_a_release_is_told_once_and_another_metric_again() -> None:
    matters = Matters()
    told = [matters.on_change(breach(route), False, "group") for route in ROUTES]
    assert [[message.joins for message in each] for each in told] == [[False], [True], [True]]
    assert told[-1][0].routes == ROUTES and len(matters.open) == 1
    (other,) = matters.on_change(breach("a", "latency_p99"), False, "group")
    assert not other.joins


def test_it_is_over_when_the_state_says_so_and_acknowledged_by_who_acts() -> None:
    matters = Matters()
    matters.on_change(breach("a"), False, "group")
    lasting = facts(a=Trouble("breach"))
    assert walk(matters, lasting, 5.0, 50.0) == []
    by_hand = message_of(Change("ops", "split", "group", "less"), ("group", ROUTES), "f", 55.0)
    change, seen = matters.on_change(by_hand, True, "group")
    assert (change.event, seen.state, seen.key) == ("change", "acknowledged", "release/group/breach")
    (over,) = walk(matters, facts(), 60.0, 100.0)
    assert (over.state, over.key, over.document) == ("resolved", "release/group/breach", {})


def test_what_lasts_is_told_again_and_again_to_those_who_need_it() -> None:
    matters = Matters()
    matters.on_change(breach("a", at=1000.0), False, "group")
    lasting = facts(a=Trouble("breach"))
    told = [message for n in range(50) for message in matters.look(lasting, 1000.0 + 5 * n)]
    assert {message.again for message in told} == {True}
    assert len(told) == int(245 // RESEND_SECONDS), "and not in the breath in which it was told first"


def test_what_lasts_from_before_a_restart_is_known_and_no_news() -> None:
    matters = Matters()
    assert walk(matters, facts(a=Trouble("rolled-back", 7.0, "bad")), 100.0, 300.0) == []
    (known,) = matters.open.values()
    assert (known.since, known.severity, known.text, known.routes) == (7.0, "critical", "bad", ROUTES)
    assert walk(matters, facts(b=Trouble("paused", certain=False)), 305.0, 305.0)[0].state == "resolved"
    assert matters.open == {}, "people pause, too"


def test_who_begins_to_send_tells_again_what_the_one_before_may_have_died_with() -> None:
    matters = Matters()
    walk(matters, facts(("alone", PROFILE)), 0.0, HOLD_SECONDS)
    assert [message.key for message in matters.taken_over(HOLD_SECONDS + 20)] == ["warning/profile-unusable/alone"]
    assert matters.taken_over(HOLD_SECONDS + 200) == []


def test_matters_are_bounded_and_what_is_left_out_is_counted() -> None:
    matters = Matters()
    for n in range(MAX_MATTERS + 3):
        message = replace(breach("a"), key=f"release/{n}/breach")
        matters.on_change(message, False, "group")
    assert (len(matters.open), matters.left_out) == (MAX_MATTERS, 3)


@given(st.lists(st.booleans(), max_size=200))
def test_firing_and_resolved_take_turns_whatever_comes_and_goes(there: list[bool]) -> None:
    matters, told = Matters(), list[Message]()
    for n, is_there in enumerate(there):
        found = facts(("alone", PROFILE)) if is_there else facts()
        told += [message for message in matters.look(found, 20.0 * n) if not message.again]
    states = [message.state for message in told]
    assert states == ["firing", "resolved"] * (len(states) // 2) + ["firing"] * (len(states) % 2)
    assert len(matters.open) == len(states) % 2
