"""First failures of sticky keys."""

from proxy.contracts.record import MAX_FAILED_KEYS
from proxy.stats.evidence.sticky_dedup import KEY_WINDOW_SECONDS, StickyDedup


def test_a_user_who_always_fails_is_one_event() -> None:
    sticky = StickyDedup()
    assert [sticky.update(3, [7, 7, 7], float(t)) for t in range(4)] == [1, 0, 0, 0]


def test_legs_without_a_key_are_events_of_their_own() -> None:
    assert StickyDedup().update(5, [1, 2], 0.0) == 5
    assert StickyDedup().update(5, [1, 1], 0.0) == 4
    assert StickyDedup().update(5, [], 0.0) == 5


def test_a_full_list_leaves_out_what_it_could_not_list() -> None:
    assert StickyDedup().update(10_000, [1] * MAX_FAILED_KEYS, 0.0) == 1


def test_a_key_is_news_again_after_the_window() -> None:
    sticky = StickyDedup()
    assert [sticky.update(1, [7], at) for at in (0.0, KEY_WINDOW_SECONDS - 1, KEY_WINDOW_SECONDS + 1)] == [1, 0, 1]


def test_the_memory_is_bounded_and_forgets_the_oldest() -> None:
    sticky = StickyDedup(capacity=100)
    for key in range(1000):
        sticky.update(1, [key], 0.0)
    assert len(sticky._last_failure) == 100
    assert sticky.update(1, [999], 1.0) == 0
    assert sticky.update(1, [1], 1.0) == 1


def test_keys_that_a_full_memory_forgets_are_counted() -> None:
    sticky = StickyDedup(capacity=10)
    for key in range(25):
        sticky.update(1, [key], float(key))
    assert sticky.forgotten == 15
    sticky.update(1, [100], 1e6)
    assert sticky.forgotten == 15, "an old key would be news again anyway"
