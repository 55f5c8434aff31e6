"""How many different keys there are, in bounded memory: the k smallest hashes (Bar-Yossef et al., 2002).

Up to `MAX_KEYS` different keys the count is exact. Beyond, it is (k - 1) / the k-th smallest hash as a part of all
hashes, whose standard error is 1 / sqrt(k - 2).
"""

from __future__ import annotations

from bisect import bisect_left
from math import sqrt

MAX_KEYS = 4096
"""32 KiB on disk, a standard error of 1.6 %."""
ERROR = 1.0 / sqrt(MAX_KEYS - 2)
_MASK = (1 << 64) - 1


def mixed(key: int) -> int:
    """A 64-bit hash as if drawn anew (the finaliser of SplitMix64): those who meet a candidate have the smallest ones,
    since the split is by the hash."""
    key = (key + 0x9E3779B97F4A7C15) & _MASK
    key = ((key ^ (key >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    key = ((key ^ (key >> 27)) * 0x94D049BB133111EB) & _MASK
    return key ^ (key >> 31)


def put(kept: list[int], key: int) -> None:
    """Counts a key in `kept`, which is sorted."""
    found = mixed(key)
    if len(kept) >= MAX_KEYS and found >= kept[-1]:
        return
    place = bisect_left(kept, found)
    if place < len(kept) and kept[place] == found:
        return
    kept.insert(place, found)
    del kept[MAX_KEYS:]


def count_of(kept: list[int]) -> tuple[int, float]:
    """How many different keys there were, and the standard error as a part of that; 0.0: exact.

    >>> kept = []
    >>> for key in (7, 8, 7): put(kept, key)
    >>> count_of(kept)
    (2, 0.0)
    """
    if len(kept) < MAX_KEYS:
        return len(kept), 0.0
    return round((MAX_KEYS - 1) / ((kept[-1] + 1) / (_MASK + 1))), ERROR
