"""The streams of one route: what its versions were asked and what they said, against one profile.

A stream is (side, version, role). Rows wait in batches and are counted, all streams together, when one is full or a
second old; their counts go to the detectors about once a second. Until a profile is given, the primary's rows teach
one: a preliminary one soon, which the final one takes in unless what came after it has drifted from it. All state is
bounded: about `BATCH` bodies wait a stream and share, `LAYOUTS` layouts are known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from proxy.contracts.observation import Observation, Tensor
from proxy.contracts.table import Role
from proxy.stats.arrays import Floats
from proxy.stats.drift.adwin import AdwinDetectors
from proxy.stats.drift.batch import Batch, LayoutGroup
from proxy.stats.drift.detector import DriftDetector, Reference
from proxy.stats.drift.layout import RULES, UNEXPECTED, Layout, Signature
from proxy.stats.drift.profile import BodySide, Profile
from proxy.stats.drift.profile_builder import ProfileBuilder

BATCH = 256
"""Bodies of a batch: numpy's overhead is then below a tenth of a microsecond a row and feature."""

AGE = 1.0
"""Seconds after which a batch is counted although it is not full, and between two looks of the detectors."""

DETECT = 2048
"""Rows of a stream that its detector sees at once, sooner when they come faster than that a second. A look costs as
much as counting several batches, and looking more often does not find more."""

LAYOUTS = 64
"""Different layouts that are known of one side; bodies of further ones are only counted (`crowded`)."""

MAX_ROWS = 65_536
"""Rows of one batch; a batch with more is counted at once."""

PRELIMINARY = 200
"""Rows that a first profile is made of, without rules: a drift that begins before the final one would else be learnt
as usual."""

MOVING = 0.1
"""PSI above which rows after the first profile are not taken into the final one: usually called a moderate shift."""

SIZED = 512
"""Rows that a PSI must rest on for that: of fewer, one of thirty features passes 0.1 by chance in a run of six."""

FOLLOWED = frozenset(("primary", "canary", "shadow"))
"""Roles that have streams; a rescue is a request of another arm, a noise copy is seen already."""

TEACHERS = frozenset(("primary",))
"""Roles whose rows a profile is learnt from."""

StreamKey = tuple[BodySide, str, Role]
BatchKey = tuple[StreamKey, float]
"""A stream, and the share that its legs were assigned at."""


class Drift(Struct, frozen=True):
    """How far one feature of a stream is from the profile.

    `psi`: size, corrected for sampling. `evidence`: ln of the e-detector's sum over its threshold for one feature;
    `margin`: the same over what all features of the stream ask for, from 0 up it is significant. `drifted`: significant
    and larger than the limit. `n`: rows seen. `detected`: how
    often ADWIN cut its window (None: it does not watch this feature).
    """

    feature: str
    side: BodySide
    version: str
    role: Role
    psi: float
    evidence: float
    margin: float
    drifted: bool
    n: int
    detected: int | None = None


class FeatureShape(Struct, frozen=True):
    """How a feature was and is distributed: shares by bin, each list with the sum 1. Bins of numbers: below the first
    of `edges`, between them, from the last one up, missing. Bins of `categories`: each of them, other, missing. `live`
    is empty before the first row."""

    kind: str
    edges: list[float]
    categories: list[str]
    reference: list[float]
    live: list[float]


class RowCounts(NamedTuple):
    """Rows of one arm that were checked against the contract."""

    version: str
    role: Role
    share: float
    n: int
    bad: int


NO_ROWS: list[RowCounts] = []


class Streams:
    """All streams of one route."""

    __slots__ = (
        "_batches",
        "_counted",
        "_detectors",
        "_drift",
        "_layouts",
        "_learning",
        "_looked",
        "_profile",
        "_references",
        "_rows",
        "_watchers",
        "crowded",
        "violations",
    )

    def __init__(self, reference: int, watched: Sequence[str] = ()) -> None:
        self._rows = reference
        self._watchers = AdwinDetectors(watched)
        self._batches: dict[BatchKey, Batch] = {}
        self._counted: dict[StreamKey, Floats] = {}
        self._looked: dict[StreamKey, float] = {}
        self._detectors: dict[StreamKey, DriftDetector] = {}
        self._layouts: dict[tuple[BodySide, Signature], Layout] = {}
        self._references: dict[BodySide, Reference] = {}
        self._learning: dict[BodySide, ProfileBuilder] = {"input": ProfileBuilder(), "prediction": ProfileBuilder()}
        self._profile = Profile()
        self.violations: Counter[tuple[str, Role, str]] = Counter()
        self.crowded = 0
        self._drift: tuple[dict[BodySide, float], list[Drift]] | None = None

    @property
    def profile(self) -> Profile:
        """The profile in force; a side that is still being learnt is empty."""
        return self._profile

    def use_profile(self, profile: Profile) -> None:
        """Takes a profile instead of learning one; a side that it does not have is still learnt."""
        for side in ("input", "prediction"):
            if profile.side(side):
                self._take(side, profile)

    def _take(self, side: BodySide, profile: Profile, final: bool = True) -> None:
        if side == "input":
            self._profile.inputs = profile.inputs
        else:
            self._profile.predictions = profile.predictions
        self._profile.made = profile.made
        self._references[side] = Reference(profile.side(side))
        self._detectors = {key: detector for key, detector in self._detectors.items() if key[0] != side}
        self._counted = {key: counts for key, counts in self._counted.items() if key[0] != side}
        self._layouts = {key: layout for key, layout in self._layouts.items() if key[0] != side}
        self._drift = None
        if final:
            self._learning.pop(side, None)

    def update(self, legs: Sequence[Observation], now: float) -> list[RowCounts]:
        """Takes in legs of one version, role and share; what was counted because of them."""
        first = legs[0]
        if first.role not in FOLLOWED:
            return NO_ROWS
        version, role, share = first.version, first.role, first.share
        full = False
        if inputs := [seen.inputs for seen in legs if seen.inputs]:
            full = self._add((("input", version, role), share), inputs, now)
        if outputs := [seen.outputs for seen in legs if seen.outputs]:
            full = self._add((("prediction", version, role), share), outputs, now) or full
        return self._count_all(now) if full else NO_ROWS

    def _add(self, key: BatchKey, bodies: list[tuple[Tensor, ...]], now: float) -> bool:
        batch = self._batches.get(key)
        if batch is None:
            batch = self._batches[key] = Batch(now)
        batch.extend(bodies)
        return batch.bodies >= BATCH or batch.rows >= MAX_ROWS

    def flush(self, now: float) -> list[RowCounts]:
        """Counts what waits when the oldest of it is old enough, and shows it to the detectors."""
        old = self._batches and now - min([batch.since for batch in self._batches.values()]) >= AGE
        rows = self._count_all(now) if old else NO_ROWS
        self._detect(self._counted, now, 0)
        return rows

    def _count_all(self, now: float) -> list[RowCounts]:
        """All arms together: a test that saw one arm's batch before the other's would see an order that is none."""
        found = [rows for key, share in list(self._batches) for rows in self._count(key, share, now)]
        self._detect(self._counted, now, DETECT)
        return found

    def _count(self, key: StreamKey, share: float, now: float) -> list[RowCounts]:
        batch = self._batches.pop((key, share))
        side, version, role = key
        if side not in self._references:
            self._begin(side, role, batch.groups.values())
            return []
        n = bad = 0
        counts = np.zeros_like(self._references[side].shares)
        for signature, group in batch.groups.items():
            layout = self._layout(side, signature)
            if layout is None:
                self.crowded += group.bodies
                continue
            tables = group.tables()
            measured = layout.measure(tables)
            counts += measured.counts
            n, bad = n + measured.rows, bad + measured.bad
            self._note(version, role, measured.violations.sum(axis=0), layout.unexpected * measured.rows)
            self._watchers.update(key, signature, tables)
        self._looked.setdefault(key, batch.since)
        known = self._counted.get(key)
        self._counted[key] = counts if known is None else known + counts
        if side in self._learning and role in TEACHERS:
            self._learn(side, batch.groups.values(), now)
        return [RowCounts(version, role, share, n, bad)] if n else []

    def _note(self, version: str, role: Role, broken: Sequence[float], unexpected: int) -> None:
        for rule, count in zip(RULES, broken, strict=True):
            if count:
                self.violations[version, role, rule] += int(count)
        if unexpected:
            self.violations[version, role, RULES[UNEXPECTED]] += unexpected

    def _detect(self, keys: Collection[StreamKey], now: float, rows: int) -> None:
        """Shows what was counted to the detectors that have not looked for `AGE`, or have as much as `rows` waiting."""
        for key in list(keys):
            passed = now - self._looked[key]
            if passed >= AGE or (rows and self._counted[key][0].sum() >= rows):
                self._look(key, now, passed)

    def _look(self, key: StreamKey, now: float, passed: float) -> None:
        detector = self._detectors.get(key)
        if detector is None:
            detector = self._detectors[key] = DriftDetector(self._references[key[0]])
        detector.update(self._counted.pop(key), passed)
        self._looked[key] = now
        self._drift = None

    def _layout(self, side: BodySide, signature: Signature) -> Layout | None:
        layout = self._layouts.get((side, signature))
        if layout is None and len(self._layouts) < LAYOUTS:
            layout = self._layouts[side, signature] = Layout(self._references[side], signature)
        return layout

    def _begin(self, side: BodySide, role: Role, groups: Collection[LayoutGroup]) -> None:
        """Shows the first rows of a side to its learner, until there is a first profile."""
        if role not in TEACHERS:
            return
        learner = self._learning[side]
        learner.update(groups)
        final = learner.rows >= self._rows
        if (final or learner.rows >= PRELIMINARY) and (profile := learner.profile(rules=final)).side(side):
            self._take(side, profile, final)

    def _learn(self, side: BodySide, groups: Collection[LayoutGroup], now: float) -> None:
        """Shows further rows, which were held against the first profile, to the learner of a side. The last word is
        the final profile, unless what came after the first one has drifted from it: then that one stays."""
        learner = self._learning[side]
        learner.update(groups)
        if learner.rows < self._rows:
            return
        self._detect([key for key in self._counted if key[0] == side], now, 1)
        if self._is_moving(side):
            self._learning.pop(side)
        else:
            self._take(side, learner.profile())

    def _is_moving(self, side: BodySide) -> bool:
        taught = [each for (where, _, role), each in self._detectors.items() if where == side and role in TEACHERS]
        return any(bool(((each.margin >= 0) | ((each.psi > MOVING) & (each.n >= SIZED))).any()) for each in taught)

    def drift(self, limits: Mapping[BodySide, float]) -> list[Drift]:
        """Every feature of every stream; `limits` are the PSI above which a significant drift counts, by side."""
        if self._drift is None or self._drift[0] != limits:
            rows = [row for key, known in self._detectors.items() for row in self._rows_of(key, known, limits[key[0]])]
            self._drift = dict(limits), rows
        return self._drift[1]

    def shape(self, row: Drift) -> FeatureShape | None:
        """The distributions behind a row of `drift`; None when its stream is gone."""
        detector = self._detectors.get((row.side, row.version, row.role))
        features = detector.reference.features if detector else []
        at = next((at for at, feature in enumerate(features) if feature.name == row.feature), None)
        if detector is None or at is None:
            return None
        known = features[at]
        return FeatureShape(known.kind, known.edges, known.categories, known.shares, detector.recent(at))

    def _rows_of(self, key: StreamKey, detector: DriftDetector, limit: float) -> list[Drift]:
        side, version, role = key
        psi, evidence, margin = detector.psi, detector.log_evidence, detector.margin
        drifted = (margin >= 0) & (psi > limit)
        return [
            Drift(
                feature.name,
                side,
                version,
                role,
                float(psi[at]),
                float(evidence[at]),
                float(margin[at]),
                bool(drifted[at]),
                int(detector.n[at]),
                self._watchers.detected(key, feature.name),
            )
            for at, feature in enumerate(detector.reference.features)
        ]
