"""The names of features: which columns a tensor has, whether the protocol names them or not."""

from __future__ import annotations

import re
from functools import lru_cache

from proxy.contracts.bounds import MAX_NAME, shortened, writable
from proxy.contracts.observation import ColumnKind

_NUMBERED = re.compile(r"(.*)(\[\d{1,6}\])", re.DOTALL)

Block = tuple[str, tuple[str, ...], int, ColumnKind]
"""One tensor of a signature: its name, its columns' names if it has any, its width and kind."""


@lru_cache(maxsize=128)  # two hundred names each, and no more layouts than two routes may have
def names_of(block: Block) -> tuple[str, ...]:
    """The feature names of a block's columns.

    >>> names_of(("x", (), 2, "number")), names_of(("", ("age", "income"), 2, "number"))
    (('x[0]', 'x[1]'), ('age', 'income'))
    """
    name, columns, width, _ = block
    if columns:
        return tuple(map(writable, columns))
    name = writable(name)
    return (name,) if width == 1 else tuple(f"{name}[{at}]" for at in range(width))


def feature_name(name: str) -> str:
    """The name under which a feature is known that somebody calls `name`, in a configuration or a profile: names that
    bodies give are shortened (`stats.door`), before their columns are numbered.

    >>> feature_name("x[3]"), len(feature_name("x" * 500 + "[3]"))
    ('x[3]', 131)
    """
    numbered = _NUMBERED.fullmatch(name) if len(name) > MAX_NAME else None
    if numbered is None:
        return writable(shortened(name, MAX_NAME))
    return writable(shortened(numbered[1], MAX_NAME)) + numbered[2]


OF_PICTURES = (":width", ":height", ":aspect", ":bytes", ":channels", ":depth", ":brightness", ":format")
DERIVED_SUFFIXES = (":script", ":unseen", ":norm", ":mean", ":spread", *OF_PICTURES)


def is_derived(name: str) -> bool:
    """Whether a feature is measured here and not sent (`derived`): a profile that was made without it does not lack
    it, and no contract is about it."""
    return name.endswith(DERIVED_SUFFIXES) or ":projection[" in name
