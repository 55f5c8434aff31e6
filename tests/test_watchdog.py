"""Who hangs, by words and times alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.watchdog import ABORT_SECONDS, LATE_SECONDS, LOOK_SECONDS, START_SECONDS, Act, Watchdog, Word, said

HANG = 4.0
Acts = list[tuple[float, int, Act]]


def watched(words: list[dict[int, Word]], *, hang: float = HANG, lates: frozenset[int] = frozenset()) -> Acts:
    """What was done to whom, and after how many seconds. `lates`: looks before which the supervisor stood still."""
    watchdog, now, found = Watchdog(hang), 1000.0, []
    for at, word in enumerate(words):
        now += LOOK_SECONDS + (LATE_SECONDS if at in lates else 0.0)
        found += [(at * LOOK_SECONDS, *act) for act in watchdog.look(word, now)]
    return found


def looks(seconds: float) -> int:
    return int(seconds / LOOK_SECONDS)


def test_silence_is_aborted_and_then_killed_once_each() -> None:
    silent: list[dict[int, Word]] = [{7: (3, 0), 8: (at, 0)} for at in range(1, looks(30.0))]
    assert watched(silent) == [(HANG, 7, "abort"), (HANG + ABORT_SECONDS, 7, "kill")]


def test_a_word_begins_the_silence_anew() -> None:
    speaks = [{7: (1 + at // looks(HANG), 0)} for at in range(looks(60.0))]
    assert watched(speaks) == []


def test_another_process_in_the_same_place_has_its_own_time() -> None:
    words: list[dict[int, Word]] = [{7: (1, 0)}] * looks(HANG - 1) + [{8: (1, 0)}] * looks(HANG - 1)
    assert watched(words) == []


def test_who_starts_is_alive_as_long_as_it_uses_the_processor() -> None:
    assert watched([{7: (0, at)} for at in range(looks(10 * START_SECONDS))]) == []
    assert watched([{7: (0, 5)}] * looks(START_SECONDS)) == []
    stopped = watched([{7: (0, 5)}] * looks(2 * START_SECONDS))
    assert stopped == [(START_SECONDS, 7, "abort"), (START_SECONDS + ABORT_SECONDS, 7, "kill")]


def test_the_processor_is_no_word_once_there_were_beats() -> None:
    assert not said((4, 100), (4, 200)) and said((4, 100), (5, 100)) and said((0, 100), (0, 101)) and said(None, (0, 0))
    busy: list[dict[int, Word]] = [{7: (4, at)} for at in range(looks(2 * HANG))]
    assert [act for _, _, act in watched(busy)] == ["abort", "kill"]


def test_a_look_that_comes_late_gives_everybody_their_time_anew() -> None:
    silent: list[dict[int, Word]] = [{7: (1, 0)}] * looks(2.5 * HANG)
    frozen = looks(HANG) - 1
    assert watched(silent, lates=frozenset({frozen})) == [
        (frozen * LOOK_SECONDS + HANG, 7, "abort"),
        (frozen * LOOK_SECONDS + HANG + ABORT_SECONDS, 7, "kill"),
    ]


@given(st.lists(st.booleans(), max_size=200), st.sets(st.integers(0, 199)))
def test_nobody_who_speaks_within_its_patience_is_touched(speaks: list[bool], lates: set[int]) -> None:
    """Whatever the schedule: an act needs as much silence as is allowed, in time that the supervisor was awake for."""
    words, beats = [], 1
    for spoke in speaks:
        beats += spoke
        words.append({7: (beats, 0)})
    for seconds, _, _ in watched(words, lates=frozenset(lates)):
        last = looks(seconds)
        assert not any(speaks[last - looks(HANG) + 1 : last + 1])
        assert not lates & set(range(last - looks(HANG) + 1, last + 1))
