"""Heads that were read before: found again, and never more than the bound."""

from __future__ import annotations

from proxy.http1.memo import MAX_HEADS, HeadMemo


def test_a_head_is_found_by_its_bytes() -> None:
    memo: HeadMemo[bytes, int] = HeadMemo()
    memo.put(b"one", 1)
    memo.put(b"two", 2)
    assert (memo.get(b"one"), memo.get(b"two"), memo.get(b"three")) == (1, 2, None)


def test_one_more_than_the_bound_starts_anew() -> None:
    memo: HeadMemo[int, int] = HeadMemo()
    for n in range(MAX_HEADS):
        memo.put(n, n)
    assert all(memo.get(n) == n for n in range(MAX_HEADS))
    memo.put(MAX_HEADS, MAX_HEADS)
    assert [n for n in range(MAX_HEADS + 1) if memo.get(n) is not None] == [MAX_HEADS]
