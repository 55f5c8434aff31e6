"""The part of the audit that stories are told from: no more of it is read than an answer needs.

An entry costs some 50 µs to read, and the status page asks every few seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proxy.contracts.release import RouteState
from proxy.control.api.portions import in_portions
from proxy.control.engine import Engine
from proxy.release.audit import Change, Entry, Link, entry_of, plain
from proxy.release.history import begins

MAX_READ = 2000
"""Entries of a route that an answer is made from; `penumbra audit export --config` reads all."""
PORTION = 100
"""Entries that are read first; most answers need no more."""


async def newest(engine: Engine, route: str, chain: Any, most: int = MAX_READ) -> list[Entry]:
    """The newest entries of a route and its release, oldest first. `chain`: the copy of the fleet's, or None: the own
    one, with what waits for the disk. Raises StoreError."""
    stored = await _read(list(reversed(engine.audit(most, -1, route, chain))))
    return stored if chain else [*stored, *pending(engine, route)]


async def since(engine: Engine, route: str, first: int, chain: Any) -> list[Entry]:
    """The entries from number `first` on, as far as the release that begins there, oldest first. Raises StoreError."""
    found: list[Entry] = []
    after = first - 1
    while len(found) < MAX_READ:
        links = engine.audit(PORTION, after, route, chain)
        found += await _read(links)
        if len(links) < PORTION:
            return found if chain else [*found, *(each for each in pending(engine, route) if each.seq >= first)]
        after = found[-1].seq
        if any(begins(entry) for entry in found[1:]):
            break
    return found


async def _read(links: Sequence[Link]) -> list[Entry]:
    return [entry_of(link) async for link in in_portions(links)]


def pending(engine: Engine, route: str) -> list[Entry]:
    """The changes in force that the disk has not taken, as the entries that they are to be; without hashes."""
    names, head = (route, engine.release_of(route).name), engine.keeper.head.count
    changes = [(n, each) for n, each in enumerate(engine.keeper.ledger.pending, 1) if each.route in names]
    return [
        Entry(seq=head + n, at=engine.keeper.unix(_made(change, engine, route)), previous="", **plain(change))
        for n, change in changes
    ]


def _made(change: Change, engine: Engine, route: str) -> float:
    """When a change that is not stored yet was made: when its state began."""
    state = change.after if isinstance(change.after, RouteState) else engine.state(route)
    return state.since


def mark(engine: Engine, chain: Any) -> tuple[str, int]:
    """What changes with every change of the audit: its end, and how much waits for the disk."""
    return (chain.head.hash, 0) if chain else (engine.keeper.head.hash, len(engine.keeper.ledger.pending))
