"""The assignment of a request to a version and to shadows: the draws that `routing` decides by, and the breakers.

While a breaker keeps a canary or a baseline from its share, everything goes to arms that count as no evidence
(`LiveRoute.neutral`); once the breaker lets a probe through, assignments are the configured ones again until that
probe has failed.

Routes of one release go together: a canary that is ejected on one of them has no share on the others either, and who
has no key that can be read meets the primaries, since nobody knows what the same user meets elsewhere.
"""

from __future__ import annotations

import os
from binascii import hexlify
from random import random
from typing import Final

from proxy.contracts.message import RequestHead
from proxy.dataplane.live import LiveRoute, ShadowTarget, Target
from proxy.dataplane.tally import Tally
from proxy.routing.split import mirrored
from proxy.routing.sticky import key_of, point

ID_DIGITS: Final = 32
IDS_AT_ONCE: Final = 128

_chance: Final = random
"""Looked up once."""


class Ids:
    """Ids of requests that came without one: 128 bits of the kernel's chance each, drawn for many requests at once."""

    __slots__ = ("_at", "_drawn")

    def __init__(self) -> None:
        self._drawn, self._at = b"", 0

    def next(self) -> bytes:
        """An id that was not given before."""
        at = self._at
        if at >= len(self._drawn):
            at, self._drawn = 0, hexlify(os.urandom(IDS_AT_ONCE * ID_DIGITS // 2))
        self._at = at + ID_DIGITS
        return self._drawn[at : at + ID_DIGITS]


_IDS: Final = Ids()


def new_id() -> bytes:
    """The id of a request that came without one."""
    return _IDS.next()


def spread(seconds: float) -> float:
    """So long, give or take a tenth: what began together does not end together."""
    return seconds * (0.9 + 0.2 * random())


def assign(
    route: LiveRoute,
    head: RequestHead,
    body: bytes | None,
    whole: bool,
    inference: bool,
    tally: Tally,
    now: float,
) -> tuple[Target, int]:
    """The target of a request and the hash of its sticky key (0: none). Counts keys that cannot be read.

    - `body`: only where it is needed, as far as it is at hand; `whole`: that is all of it
    - `inference`: whether the request asks the model for something; breakers eject by kind
    """
    if len(route.targets) == 1:
        return route.targets[0], 0
    at, key = _point(route, head, body, whole, tally)
    if at < 0.0:
        return route.neutral[0], 0
    index = route.split.choose(at)
    for target in route.others:
        breaker = target.breaker if inference else target.other_breaker
        if breaker is not None and breaker.open and breaker.blocks(now):
            return route.neutral[0 if _blocked(route.targets[index], inference, now) else index], key
    for mate in route.mates:
        if _blocked(mate, True, now):
            return route.neutral[0 if route.split.roles[index] == "canary" else index], key
    chosen = route.targets[index]
    breaker = chosen.breaker_of(inference)
    if breaker is not None:
        breaker.probing(now)
    return chosen, key


def draw_shadows(route: LiveRoute) -> list[ShadowTarget]:
    """The shadows that a request is copied to; counts the copies that are due."""
    drawn = []
    for shadow in route.shadows:
        if mirrored(shadow.percent, _chance()):
            shadow.arm.due += 1
            drawn.append(shadow)
    return drawn


def _point(route: LiveRoute, head: RequestHead, body: bytes | None, whole: bool, tally: Tally) -> tuple[float, int]:
    """The point and the hash of the key; a point below 0 is the primary's whatever the split is."""
    sticky = route.sticky
    if sticky is not None:
        key, reason = key_of(sticky, head.field, body, whole)
        if key is not None:
            return point(route.keys, key)
        tally.unread_key(route.name, reason)
    return (-1.0 if route.keyed else _chance()), 0


def _blocked(target: Target, inference: bool, now: float) -> bool:
    breaker = target.breaker_of(inference)
    return breaker is not None and breaker.open and breaker.blocks(now)
