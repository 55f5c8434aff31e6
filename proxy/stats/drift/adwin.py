"""ADWIN on single features and scores that the configuration names: quick at a moved mean, blind to the rest.

River is imported when something is named, never before: it costs 100 MB. Bifet and Gavaldà, "Learning from
Time-Changing Data with Adaptive Windowing", SDM 2007.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from proxy.stats.drift.features import names_of
from proxy.stats.drift.layout import Signature

DELTA = 0.002
"""False alarm probability of one window, shared by the watched features."""

MAX_WATCHED = 32
"""Features that may be named: a value costs about 0.3 microseconds each."""


class AdwinDetectors:
    """One ADWIN for each watched feature of each stream."""

    __slots__ = ("_cuts", "_detectors", "_names")

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(names[:MAX_WATCHED])
        self._detectors: defaultdict[tuple[Hashable, str], Any] = defaultdict(self._detector)
        self._cuts: Counter[tuple[Hashable, str]] = Counter()

    def _detector(self) -> Any:
        from river.drift import ADWIN

        detector: Any = ADWIN
        return detector(delta=DELTA / max(len(self._names), 1))

    def update(self, stream: Hashable, signature: Signature, tables: Sequence[Any]) -> None:
        """Shows the watched number columns of bodies of one layout, missing values left out."""
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

    def detected(self, stream: Hashable, name: str) -> int | None:
        """How often the window was cut; None for a feature that is not watched."""
        return self._cuts[stream, name] if name in self._names else None
