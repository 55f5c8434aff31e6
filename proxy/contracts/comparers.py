"""How answers are compared, in the words of a configuration (`analysis`); `stats.agreement` does it."""

from __future__ import annotations

from typing import Literal, get_args

from msgspec import Struct

OutputComparer = Literal["", "labels", "numbers", "scores", "ranking", "vectors", "boxes", "text"]
"""How an output is compared. "": as fits what it is."""
COMPARERS: tuple[OutputComparer, ...] = get_args(OutputComparer)[1:]
"""Those that a configuration can name."""
TextComparer = Literal["auto", "exact", "words", "characters", "json"]
"""How texts are compared. `auto`: as JSON where both are, else by words, and by characters where a script has no
spaces."""
RowsOf = Literal["auto", "one"]
"""What a flat list of values is: `auto` a row for each value, `one` a single row."""


class OutputRule(Struct, frozen=True):
    """How one output is compared; what is not said is as the route says."""

    comparer: OutputComparer = ""
    tolerance: float | None = None
    """Part of the larger number, or cosine distance of vectors."""
    absolute_tolerance: float | None = None
    """Difference that is none."""
    unordered: bool = False
    """The order of rows, or of the values of the only row, says nothing."""
