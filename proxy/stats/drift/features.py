"""The names of features: which columns a tensor has, whether the protocol names them or not."""

from __future__ import annotations

from functools import lru_cache

from proxy.contracts.observation import ColumnKind

Block = tuple[str, tuple[str, ...], int, ColumnKind]
"""One tensor of a signature: its name, its columns' names if it has any, its width and kind."""


@lru_cache(maxsize=1024)
def names_of(block: Block) -> tuple[str, ...]:
    """The feature names of a block's columns.

    >>> names_of(("x", (), 2, "number")), names_of(("", ("age", "income"), 2, "number"))
    (('x[0]', 'x[1]'), ('age', 'income'))
    """
    name, columns, width, _ = block
    if columns:
        return columns
    return (name,) if width == 1 else tuple(f"{name}[{at}]" for at in range(width))
