"""What a sidecar follows: upwards only, and nothing when the store has been silent for the lease."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.control.fleet.following import Following
from proxy.control.fleet.store import NOWHERE, FollowedTable, Heard, Place

places = st.tuples(st.integers(0, 4), st.integers(0, 4), st.sampled_from(["", "x", "y"]))


@given(st.lists(st.tuples(st.booleans(), places), max_size=20))
def test_the_place_never_goes_back_and_the_floor_is_above_all_that_were_seen(events: list[tuple[bool, Place]]) -> None:
    following = Following(10.0)
    taken, seen = [NOWHERE], 0
    for is_table, place in events:
        seen = max(seen, place[0])
        newer = following.takes(FollowedTable(place, b"")) if is_table else following.heard(Heard("a", place), 0.0)
        assert newer == (place > taken[-1])
        if newer and is_table:
            taken.append(place)
        assert following.place == max(taken) == taken[-1]
        assert following.floor >= following.place[0]
    assert following.floor == seen


def test_a_store_that_went_back_is_heard_and_not_followed() -> None:
    following = Following(10.0)
    assert following.takes(FollowedTable((3, 7, "x"), b""))
    assert not following.heard(Heard("a", (3, 6, "x")), 5.0)
    assert following.behind
    assert not following.takes(FollowedTable((3, 6, "x"), b""))
    assert following.behind
    assert not following.apart(14.0)
    assert following.takes(FollowedTable((4, 1, "y"), b""))
    assert not following.behind


def test_a_term_that_came_twice_is_two_terms_by_its_stamp() -> None:
    """A store that lost its past gives a number again; the larger stamp is followed, by all sidecars alike."""
    following = Following(10.0)
    following.takes(FollowedTable((3, 7, "x"), b""))
    assert following.heard(Heard("b", (3, 7, "y")), 0.0)
    assert not following.heard(Heard("b", (3, 7, "w")), 0.0)
    assert following.behind


def test_one_that_has_just_begun_is_apart_until_the_first_answer() -> None:
    following = Following(10.0)
    assert following.apart(0.0)
    assert following.age(0.0) is None
    following.heard(Heard("", NOWHERE), 100.0)
    assert following.age(103.0) == 3.0
    assert not following.apart(109.9)
    assert following.apart(110.0)
    following.heard(Heard("", NOWHERE), 111.0)
    assert not following.apart(111.0)


def test_a_term_that_another_asked_for_raises_the_floor() -> None:
    following = Following(10.0, (2, 9, "x"))
    assert following.floor == 2
    following.see(7)
    following.see(4)
    assert following.floor == 7
    assert following.place == (2, 9, "x")


def test_a_newer_table_that_is_not_followed_yet_is_no_answer() -> None:
    following = Following(10.0)
    following.heard(Heard("a", NOWHERE), 0.0)
    assert following.heard(Heard("a", (1, 1, "x")), 9.0)
    assert following.apart(10.0)
    following.is_heard(10.0)
    assert not following.apart(19.0)
