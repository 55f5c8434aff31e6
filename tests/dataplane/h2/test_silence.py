"""Whether the other side of a connection by HTTP/2 still lives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.dataplane.h2.silence import ANSWER, ASK, CALM, DEAD, FEW, LATE, SOON, Silence

STEP = 0.5


def looks(silence: Silence, until: float, begin: float = 0.0, busy: bool = True, heard: float = 0.0) -> list[int]:
    """What looks say from `begin` on, twice a second."""
    return [silence.look(busy, heard, 300.0, begin + at * STEP) for at in range(1, int((until - begin) / STEP) + 1)]


def test_a_silent_server_is_asked_once_and_is_dead_without_an_answer() -> None:
    said = looks(Silence(), 300.0 + ANSWER + 2 * STEP)
    assert said.count(ASK) == 1 and said.index(ASK) == int(300.0 / STEP)
    assert said.index(DEAD) == int((300.0 + ANSWER) / STEP) + 1


def test_without_calls_nobody_is_asked() -> None:
    assert set(looks(Silence(), 2000.0, busy=False)) == {CALM}


def test_a_silence_begins_with_the_first_call() -> None:
    silence = Silence()
    looks(silence, 290.0, busy=False)
    assert ASK not in looks(silence, 580.0, begin=290.0)


def test_any_byte_is_an_answer() -> None:
    silence = Silence()
    assert looks(silence, 301.0)[-1] in (ASK, CALM)
    assert silence.asked
    assert silence.look(True, 302.0, 300.0, 302.5) == CALM
    assert not silence.asked
    assert set(looks(silence, 590.0, begin=303.0, heard=302.0)) == {CALM}


def test_a_loop_that_stood_still_has_heard_nothing_and_nobody_is_dead() -> None:
    silence = Silence()
    looks(silence, 302.0)
    assert silence.asked
    assert silence.look(True, 0.0, 300.0, 1000.0) == CALM
    assert silence.look(True, 1000.1, 300.0, 1000.5) == CALM and not silence.asked


@given(st.lists(st.tuples(st.floats(0.1, 1.9), st.booleans(), st.booleans()), max_size=300))
def test_it_is_asked_no_sooner_than_after_its_time_and_lets_nobody_go_unasked(
    steps: list[tuple[float, bool, bool]],
) -> None:
    silence, now, heard, since, asked = Silence(), 0.0, 0.0, 0.0, 0.0
    for seconds, busy, speaks in steps:
        now += seconds
        if speaks:
            heard = now
        if not busy:
            since, asked = now, 0.0
        elif heard > since:
            since, asked = heard, 0.0
        what = silence.look(busy, heard, 5.0, now)
        if what == ASK:
            assert not asked and now - since > 5.0
            asked = now
        elif what == DEAD:
            assert asked and now - asked > ANSWER


def test_calls_that_were_given_up_in_a_silence_are_a_reason_to_go_elsewhere() -> None:
    silence = Silence()
    silence.sent(100.0)
    assert not silence.gave_up(99.0, 100.0 + SOON + 0.1)  # one alone
    assert not any(silence.gave_up(99.0, 100.0 + SOON - 0.1) for _ in range(2 * FEW))  # cancelled at once
    assert silence.gave_up(99.0, 100.0 + SOON + 0.1)
    silence.sent(200.0)
    assert silence.gave_up(199.0, 200.0 + LATE)


def test_a_server_that_was_heard_meanwhile_is_slow_and_not_gone() -> None:
    silence = Silence()
    silence.sent(100.0)
    assert not any(silence.gave_up(101.0, 160.0) for _ in range(2 * FEW))
