"""ADWIN on single features and scores that the configuration names: quick to detect a moved mean, blind to the rest.

Bifet and Gavaldà, "Learning from Time-Changing Data with Adaptive Windowing", SDM 2007, in river's implementation.
River is imported when a feature is named, never before: the import costs 100 MB.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from proxy.stats.drift.features import feature_name, names_of
from proxy.stats.drift.layout import Signature

ADWIN_DELTA = 0.002
"""False alarm probability of one window, shared by the watched features."""

MAX_WATCHED = 32
"""Features that may be named; further ones are left out, counted (`left_out`). A value costs about 0.3 microseconds
each."""


class AdwinDetectors:
    """One ADWIN for each watched feature of each stream. `names`: the watched features.

    >>> detectors = AdwinDetectors(["x"])
    >>> block = ("x", (), 1, "number")
    >>> detectors.update("stream", (block,), [np.repeat([0.0, 1.0], 500)[:, None]])
    >>> detectors.get("stream", "x") > 0, detectors.get("stream", "y")
    (True, None)
    """

    __slots__ = ("_cuts", "_detectors", "_names", "left_out")

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(map(feature_name, names[:MAX_WATCHED]))
        self.left_out = len(names[MAX_WATCHED:])
        """Names beyond `MAX_WATCHED`."""
        self._detectors: defaultdict[tuple[Hashable, str], Any] = defaultdict(self._detector)
        self._cuts: Counter[tuple[Hashable, str]] = Counter()

    def _detector(self) -> Any:
        from river.drift import ADWIN

        detector: Any = ADWIN
        return detector(delta=ADWIN_DELTA / max(len(self._names), 1))

    def update(self, stream: Hashable, signature: Signature, tables: Sequence[Any]) -> None:
        """Adds the watched number columns of bodies of one layout, missing values left out.

        - `signature`: the blocks of the layout
        - `tables`: an array (rows, width) for each block
        """
        if not self._names:
            return
        for block, table in zip(signature, tables, strict=True):
            watched = [(place, name) for place, name in enumerate(names_of(block)) if name in self._names]
            if watched and block[3] == "number":
                for place, name in watched:
                    self._show((stream, name), table[:, place])

    def _show(self, key: tuple[Hashable, str], column: Any) -> None:
        detector = self._detectors[key]
        for value in column[~np.isnan(column)].tolist():
            detector.update(value)
            self._cuts[key] += detector.drift_detected

    def get(self, stream: Hashable, name: str) -> int | None:
        """Number of times that the window of a feature was cut; None for a feature that is not watched."""
        return self._cuts[stream, name] if name in self._names else None
