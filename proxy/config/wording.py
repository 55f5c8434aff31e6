"""Parts of a configuration as its file writes them, for people who read what is in force."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.contracts.settings import Limit


def written(lines: Mapping[str, Limit]) -> str:
    """Lines of a scorecard, by metric, as a configuration writes them.

    >>> written({"error_rate": Limit(max_ratio=1.5)})
    '{error_rate: {max_ratio: 1.5}}'
    """
    limits = {
        metric: ", ".join(f"{name}: {value:g}" for name, value in limit.given().items())
        for metric, limit in lines.items()
    }
    return f"{{{', '.join(f'{metric}: {{{each}}}' for metric, each in limits.items())}}}"
