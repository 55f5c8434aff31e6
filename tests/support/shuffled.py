"""Documents whose keys stand in another order, which says nothing."""

from __future__ import annotations

import random
from typing import Any


def shuffled(document: Any, chance: random.Random) -> Any:
    """The same document, its objects at any depth with their keys in another order."""
    if isinstance(document, list):
        return [shuffled(each, chance) for each in document]
    if not isinstance(document, dict):
        return document
    keys = list(document)
    chance.shuffle(keys)
    return {key: shuffled(document[key], chance) for key in keys}
