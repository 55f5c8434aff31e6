"""Marks by which mypyc learns what it has to know of a class. Where the same code runs interpreted they mean nothing,
so the package `mypy_extensions`, which defines them, is needed by the compiler only."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_extensions import i64 as i64
    from mypy_extensions import mypyc_attr as mypyc_attr
    from mypy_extensions import trait as trait
else:
    i64 = int
    """Compiled, a number of the machine, where an `int` is one that may grow."""

    def mypyc_attr(**marks: int):
        """Marks a class for the compiler."""
        return lambda cls: cls

    def trait(cls: type) -> type:
        """Marks a class without attributes as one that may stand beside another base class."""
        return cls
