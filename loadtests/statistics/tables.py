"""Tables in Markdown, and a delay as one cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def delay(found: Sequence[float]) -> str:
    """Median and 90th percentile; `never` where more than a tenth (or half) of the runs ended without."""
    cells = [np.quantile(found, q, method="inverted_cdf") for q in (0.5, 0.9)]
    return " / ".join("never" if np.isinf(cell) else f"{cell:,.0f}" for cell in cells)
