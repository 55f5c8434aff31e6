"""The rule of what is a change of identity, held against any order of answers."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.contracts.identity import IdentityChange
from proxy.stats.identity.watch import CONFIRM, MAX_ASKED, MAX_IDENTITIES, WINDOW, Identities

LOOKS = st.integers(1, 40)
"""Answers of one look."""


def told(watch: Identities, names: list[str], look: int = 1, asked: str = "") -> list[IdentityChange]:
    """The changes that a sequence of answers makes, looked at in batches."""
    changes = []
    for at in range(0, len(names), look):
        watch.update(Counter((asked, name) for name in names[at : at + look]))
        if change := watch.take():
            changes.append(change)
    return changes


def known(*names: str) -> Identities:
    watch = Identities("v")
    assert told(watch, [name for name in names for _ in range(20)], 20 * len(names)) == []
    return watch


@given(st.integers(1, 2000), LOOKS)
def test_one_identity_is_never_a_change(n: int, look: int) -> None:
    assert told(Identities("v"), ["a"] * n, look) == []


@given(st.integers(CONFIRM, 400), LOOKS)
def test_another_one_is_noticed_within_a_few_answers_and_once(n: int, look: int) -> None:
    watch = Identities("v")
    told(watch, ["a"] * n)
    assert told(watch, ["b"] * (CONFIRM - 1)) == []
    assert told(watch, ["b"]) == [IdentityChange("v", ("a",), ("b",))]
    assert told(watch, ["b"] * 3000, look) == []
    assert [each.identity for each in watch.get()] == ["b"]


@given(st.lists(st.integers(0, 3000), max_size=40), LOOKS)
def test_odd_answers_are_no_change(places: list[int], look: int) -> None:
    names = ["a"] * 3000
    last = -WINDOW
    for place in sorted(place for place in places if place < 3000):
        if place - last >= WINDOW // (CONFIRM - 1):
            names[place], last = "odd", place
    watch = known("a")
    assert told(watch, names, look) == []


@given(st.integers(0, 200), LOOKS)
def test_a_new_name_at_each_answer_changes_nothing(n: int, look: int) -> None:
    watch = known("a")
    assert told(watch, [f"name {at}" for at in range(n)], look) == []
    assert len(watch._pending) <= MAX_IDENTITIES


@given(st.lists(st.sampled_from("ab"), min_size=1, max_size=1500), LOOKS)
def test_two_that_take_turns_are_one_change(turns: list[str], look: int) -> None:
    names: list[str] = []
    for name in turns:  # each of the two at least once in any 150 answers
        silent = names[-150:]
        names.append(next((other for other in "ab" if len(silent) == 150 and other not in silent), name))
    assert len(told(known("a"), names, look)) <= 1


@settings(max_examples=20)
@given(st.integers(5, 95), st.integers(200, 700), st.randoms(use_true_random=False))
def test_a_rollout_ends_with_evidence_of_the_new_model_alone(percent: int, mixed: int, random: Random) -> None:
    """Rules 2 and 3: once the new one has answered alone for long enough, the evidence has begun anew after the last
    answer of the old one, but for odd ones."""
    changes, olds = told_at_the_end(["b" if random.random() * 100 < percent else "a" for _ in range(mixed)])
    assert changes >= 1
    assert all(later - earlier >= WINDOW for earlier, later in zip(olds, olds[2 * CONFIRM - 1 :], strict=False))


@pytest.mark.parametrize("olds", range(CONFIRM, 15))
def test_so_does_one_in_which_the_old_model_was_seldom(olds: int) -> None:
    """The fewer its answers, the longer it is waited for; but not for ever."""
    changes, left = told_at_the_end(["b"] * CONFIRM + (["b"] * 39 + ["a"]) * olds)
    assert (changes, left) == (2, [])


def told_at_the_end(names: list[str]) -> tuple[int, list[int]]:
    """The changes of a rollout, behind which the new model answers alone, and the places of the answers of the old one
    in the evidence that is left."""
    watch, changes = known("a"), 0
    olds: list[int] = []
    for at, name in enumerate([*names, *["b"] * (WINDOW + 7 * len(names))]):
        watch.update({("", name): 1})
        olds += [at] if name == "a" else []
        if watch.take():
            olds, changes = [], changes + 1
    return changes, olds


def test_the_old_one_that_comes_back_after_it_had_left_is_a_change() -> None:
    watch = known("a")
    assert len(told(watch, ["b"] * 600)) == 1
    assert told(watch, ["a"] * 10) == [IdentityChange("v", ("b",), ("a",))]


def test_the_first_ones_found_the_set_whoever_they_are() -> None:
    watch = Identities("v")
    assert told(watch, ["odd", *(["a", "b", "c"] * 50)]) == []
    assert {each.identity for each in watch.get()} == {"odd", "a", "b", "c"}
    assert set(watch.mixed) == {"a", "b", "c"}


def test_the_end_of_a_rollout_is_a_change() -> None:
    watch = known("a")
    assert len(told(watch, ["a", "b"] * 50)) == 1
    assert set(watch.mixed) == {"a", "b"}
    assert told(watch, ["b"] * 400) == [IdentityChange("v", ("b", "a"), ("b",))]
    assert watch.mixed == ()


def test_a_part_of_what_is_said_is_no_other_one() -> None:
    watch = known("model=x, system_fingerprint=1")
    assert told(watch, ["model=x"] * 50) == []
    assert len(told(watch, ["model=y"] * 50)) == 1


def test_each_model_that_is_asked_for_is_watched_by_itself() -> None:
    watch = Identities("v")
    for _ in range(50):
        assert told(watch, ["gpt-4o-08"], asked="gpt-4o") == told(watch, ["mini-07"], asked="mini") == []
    assert told(watch, ["gpt-4o-11"] * CONFIRM, asked="gpt-4o") == [IdentityChange("v", ("gpt-4o-08",), ("gpt-4o-11",))]
    assert watch.mixed == ()


def test_what_does_not_fit_is_counted() -> None:
    watch = known("a")
    told(watch, [f"name {at}" for at in range(100)], 100)
    assert watch.left_out == 100 - (MAX_IDENTITIES - 1)
    for at in range(MAX_ASKED + 10):
        watch.update({(f"model {at}", "x"): 1})
    assert watch.left_out == 100 - (MAX_IDENTITIES - 1) + 11


def test_it_wavers_while_the_newest_answer_names_somebody_unknown() -> None:
    watch = known("a")
    assert not watch.wavering
    told(watch, ["b"])
    assert watch.wavering
    told(watch, ["a"])
    assert not watch.wavering
    told(watch, ["b"] * CONFIRM)
    assert not watch.wavering
    told(watch, [f"name {at}" for at in range(100)])
    assert not watch.wavering  # its names say nothing


def test_a_copy_goes_on_by_itself() -> None:
    watch = known("a")
    other = watch.copy()
    told(watch, ["b"] * 500)
    assert [each.identity for each in other.get()] == ["a"]
