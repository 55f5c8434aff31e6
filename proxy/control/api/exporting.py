"""A release's whole story as one document, the one that `penumbra audit export` writes (without packages and reports,
which are files of the caller), and as one page of HTML.
"""

from __future__ import annotations

from typing import Any

import msgspec

from proxy.control.api.portions import in_portions
from proxy.control.api.problems import ApiError
from proxy.control.api.story_view import facts_of
from proxy.control.engine import Engine
from proxy.control.stories.chronicle import Chronicle
from proxy.control.stories.told import facts_told
from proxy.release.audit import Link, states_of
from proxy.release.history import Story
from proxy.release.story_export import StoryExport, exported

MAX_BYTES = 8 << 20
"""Characters of entries that one document has here; `penumbra audit export --config` has all."""
PORTION = 200
"""Entries that are read at once."""


async def document(engine: Engine, known: Chronicle | None, told: Story, chain: Any) -> StoryExport:
    """The document. `chain`: the copy of the fleet's, where it is asked for. Raises ApiError, StoreError."""
    stored = [
        entry.seq for entry in (*told.entries, *filter(None, [told.replaced])) if entry.previous
    ]  # what waits for the disk has no place in the chain
    if not stored:
        raise ApiError("not-found", f"{told.name} is not stored yet")
    links = await _links(engine, stored[0], stored[-1], told.name, chain)
    facts = {name: facts_told(facts_of(known, told, name), told.entries[0].at) for name in states_of(told.entries[0])}
    return msgspec.structs.replace(exported(links, told.name), facts=facts)


async def _links(engine: Engine, first: int, last: int, name: str, chain: Any) -> list[Link]:
    links: list[Link] = []
    room = MAX_BYTES
    async for after in in_portions(range(first - 1, last, PORTION)):
        links += engine.audit(min(PORTION, last - after), after, None, chain)
        room -= sum(len(link.body) for link in links[after - first + 1 :])
        if room < 0:
            raise ApiError(
                "refused", f"it is larger than {MAX_BYTES:,} bytes: penumbra audit export {name} --config CONFIG"
            )
    return links
