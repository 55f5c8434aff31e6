"""The streams of one route: what its versions were asked and what they said, against one profile.

A stream is (side, version, role). Rows wait in batches and are counted, all streams together, when one is full or a
second old. Until a profile is given, the primary's rows teach one: a preliminary one soon, which the final one takes in
unless what came after it has drifted from it. All state is bounded: `BATCH` bodies wait a stream and share, `LAYOUTS`
layouts are known.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from msgspec import Struct

from proxy.contracts.observation import Observation, Tensor
from proxy.contracts.table import Role
from proxy.stats.betting import Floats
from proxy.stats.drift import Detector, Reference
from proxy.stats.layout import RULES, UNEXPECTED, Layout, Signature, names_of, readable, signature_of, stacked
from proxy.stats.profile import MAX_FEATURES, Feature, Profile, Rules, Side, features_of
from proxy.stats.scores import Watchers

BATCH = 256
"""Bodies of a batch: numpy's overhead is then below a tenth of a microsecond a row and feature."""

AGE = 1.0
"""Seconds after which a batch is counted although it is not full."""

LAYOUTS = 64
"""Different layouts that are known of one side; bodies of further ones are only counted (`crowded`)."""

MAX_ROWS = 65_536
"""Rows of one batch; a batch with more is counted at once."""

PRELIMINARY = 200
"""Rows that a first profile is made of, without rules: a drift that begins before the final one would else be learnt
as usual."""

MOVING = 0.1
"""PSI above which rows after the first profile are not taken into the final one: usually called a moderate shift."""

FOLLOWED = frozenset(("primary", "canary", "shadow"))
"""Roles that have streams; a rescue is a request of another arm, a noise copy is seen already."""

TEACHERS = frozenset(("primary",))
"""Roles whose rows a profile is learnt from."""

StreamKey = tuple[Side, str, Role]
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
    side: Side
    version: str
    role: Role
    psi: float
    evidence: float
    margin: float
    drifted: bool
    n: int
    detected: int | None = None


class Shape(Struct, frozen=True):
    """How a feature was and is distributed: shares by bin, each list with the sum 1. Bins of numbers: below the first
    of `edges`, between them, from the last one up, missing. Bins of `categories`: each of them, other, missing. `live`
    is empty before the first row."""

    kind: str
    edges: list[float]
    categories: list[str]
    reference: list[float]
    live: list[float]


class Rows(NamedTuple):
    """Rows of one arm that were checked against the contract."""

    version: str
    role: Role
    share: float
    n: int
    bad: int


NO_ROWS: list[Rows] = []


class Streams:
    """All streams of one route."""

    __slots__ = (
        "_batches",
        "_detectors",
        "_drift",
        "_flushed",
        "_layouts",
        "_learning",
        "_profile",
        "_references",
        "_rows",
        "_since",
        "_watchers",
        "crowded",
        "violations",
    )

    def __init__(self, reference: int, watched: Sequence[str] = ()) -> None:
        self._rows = reference
        self._watchers = Watchers(watched)
        self._batches: dict[BatchKey, list[Sequence[Tensor]]] = {}
        self._since: dict[BatchKey, float] = {}
        self._flushed: dict[StreamKey, float] = {}
        self._detectors: dict[StreamKey, Detector] = {}
        self._layouts: dict[tuple[Side, Signature], Layout] = {}
        self._references: dict[Side, Reference] = {}
        self._learning: dict[Side, Learner] = {"input": Learner(), "prediction": Learner()}
        self._profile = Profile()
        self.violations: Counter[tuple[str, Role, str]] = Counter()
        self.crowded = 0
        self._drift: tuple[dict[Side, float], list[Drift]] | None = None

    @property
    def profile(self) -> Profile:
        """The profile in force; a side that is still being learnt is empty."""
        return self._profile

    def refer(self, profile: Profile) -> None:
        """Takes a profile instead of learning one; a side that it does not have is still learnt."""
        for side in ("input", "prediction"):
            if profile.side(side):
                self._take(side, profile)

    def _take(self, side: Side, profile: Profile, final: bool = True) -> None:
        if side == "input":
            self._profile.inputs = profile.inputs
        else:
            self._profile.predictions = profile.predictions
        self._profile.made = profile.made
        self._references[side] = Reference(profile.side(side))
        self._detectors = {key: detector for key, detector in self._detectors.items() if key[0] != side}
        self._layouts = {key: layout for key, layout in self._layouts.items() if key[0] != side}
        self._drift = None
        if final:
            self._learning.pop(side, None)

    def update(self, seen: Observation, now: float) -> list[Rows]:
        """Takes in one observation; what was counted because of it."""
        if seen.role not in FOLLOWED:
            return NO_ROWS
        full = False
        if seen.inputs and (tensors := readable(seen.inputs)):
            full = self._add((("input", seen.version, seen.role), seen.share), tensors, now)
        if seen.outputs and (tensors := readable(seen.outputs)):
            full = self._add((("prediction", seen.version, seen.role), seen.share), tensors, now) or full
        return self._count_all(now) if full else NO_ROWS

    def _add(self, key: BatchKey, tensors: Sequence[Tensor], now: float) -> bool:
        batch = self._batches.get(key)
        if batch is None:
            batch = self._batches[key] = []
            self._since[key] = now
        batch.append(tensors)
        return len(batch) >= BATCH or tensors[0].rows * len(batch) >= MAX_ROWS

    def flush(self, now: float) -> list[Rows]:
        """Counts what waits when the oldest of it is old enough."""
        return self._count_all(now) if self._since and now - min(self._since.values()) >= AGE else []

    def _count_all(self, now: float) -> list[Rows]:
        """All arms together: a test that saw one arm's batch before the other's would see an order that is none."""
        return [rows for key, share in list(self._batches) for rows in self._count(key, share, now)]

    def _count(self, key: StreamKey, share: float, now: float) -> list[Rows]:
        bodies = self._batches.pop((key, share))
        begun = self._since.pop((key, share))
        groups = _alike(bodies)
        side, version, role = key
        if side in self._learning and self._learn(side, role, groups):
            return []
        n = bad = 0
        counts = np.zeros_like(self._references[side].shares)
        for signature, alike in groups.items():
            layout = self._layout(side, signature)
            if layout is None:
                self.crowded += len(alike)
                continue
            measured = layout.measure(alike)
            counts += measured.counts
            n, bad = n + measured.rows, bad + measured.bad
            self._note(version, role, measured.violations.sum(axis=0), layout.unexpected * measured.rows)
            self._watchers.update(key, signature, alike)
        self._detect(key, counts, now, begun)
        return [Rows(version, role, share, n, bad)] if n else []

    def _note(self, version: str, role: Role, broken: Sequence[float], unexpected: int) -> None:
        for rule, count in zip(RULES, broken, strict=True):
            if count:
                self.violations[version, role, rule] += int(count)
        if unexpected:
            self.violations[version, role, RULES[UNEXPECTED]] += unexpected

    def _detect(self, key: StreamKey, counts: Floats, now: float, begun: float) -> None:
        detector = self._detectors.get(key)
        if detector is None:
            detector = self._detectors[key] = Detector(self._references[key[0]])
        self._drift = None
        detector.update(counts, now - self._flushed.get(key, begun))
        self._flushed[key] = now

    def _layout(self, side: Side, signature: Signature) -> Layout | None:
        layout = self._layouts.get((side, signature))
        if layout is None and len(self._layouts) < LAYOUTS:
            layout = self._layouts[side, signature] = Layout(self._references[side], signature)
        return layout

    def _learn(self, side: Side, role: Role, groups: dict[Signature, list[Sequence[Tensor]]]) -> bool:
        """Shows rows to the learner of a side; whether they are used up by that, rather than to be judged as well."""
        known = side in self._references
        if role not in TEACHERS:
            return not known
        learner = self._learning[side]
        for signature, alike in groups.items():
            learner.update(signature, alike)
        if learner.rows >= self._rows:
            self._finish(side, learner)
            return True
        if not known and learner.rows >= PRELIMINARY:
            features = learner.features()
            for feature in features:
                feature.rules = Rules()
            if features:
                self._take(side, _learnt(features, learner.rows), final=False)
            return True
        return not known

    def _finish(self, side: Side, learner: Learner) -> None:
        """The last word on a profile, unless what came after the first word has drifted from it: then that one
        stays."""
        features = learner.features()
        if side in self._references and self._is_moving(side):
            self._learning.pop(side)
        elif features:
            self._take(side, _learnt(features, learner.rows))

    def _is_moving(self, side: Side) -> bool:
        taught = [
            detector for (where, _, role), detector in self._detectors.items() if where == side and role in TEACHERS
        ]
        return any(bool(((detector.margin >= 0) | (detector.psi > MOVING)).any()) for detector in taught)

    def drift(self, limits: Mapping[Side, float]) -> list[Drift]:
        """Every feature of every stream; `limits` are the PSI above which a significant drift counts, by side."""
        if self._drift is None or self._drift[0] != limits:
            rows = [row for key, known in self._detectors.items() for row in self._rows_of(key, known, limits[key[0]])]
            self._drift = dict(limits), rows
        return self._drift[1]

    def shape(self, row: Drift) -> Shape | None:
        """The distributions behind a row of `drift`; None when its stream is gone."""
        detector = self._detectors.get((row.side, row.version, row.role))
        features = detector.reference.features if detector else []
        at = next((at for at, feature in enumerate(features) if feature.name == row.feature), None)
        if detector is None or at is None:
            return None
        known = features[at]
        return Shape(known.kind, known.edges, known.categories, known.shares, detector.recent(at))

    def _rows_of(self, key: StreamKey, detector: Detector, limit: float) -> list[Drift]:
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


def _learnt(features: list[Feature], rows: int) -> Profile:
    return Profile(features, features, f"the first {rows} rows")


def _alike(bodies: list[Sequence[Tensor]]) -> dict[Signature, list[Sequence[Tensor]]]:
    """Bodies by layout. Most are as the one before, which is cheaper to see than to say of what layout they are."""
    groups: defaultdict[Signature, list[Sequence[Tensor]]] = defaultdict(list)
    last, group = None, groups[()]
    for body in bodies:
        one = body[0]
        if (
            last is None
            or len(body) > 1
            or one.name != last.name
            or one.width != last.width
            or one.kind != last.kind
            or one.columns != last.columns
        ):
            group = groups[signature_of(body)]
            last = one if len(body) == 1 else None
        group.append(body)
    del groups[()]
    return groups


class Learner:
    """Columns by name until there are enough rows for a profile. At most `MAX_FEATURES` columns."""

    __slots__ = ("_columns", "rows")

    def __init__(self) -> None:
        self._columns: dict[str, list[Any]] = {}
        self.rows = 0

    def update(self, signature: Signature, bodies: list[Sequence[Tensor]]) -> None:
        """Adds bodies of one layout."""
        self.rows += sum(body[0].rows for body in bodies)
        for at, block in enumerate(signature):
            table = stacked([body[at] for body in bodies])
            for name, column in zip(names_of(block), table.T, strict=True):
                if name in self._columns or len(self._columns) < MAX_FEATURES:
                    self._columns.setdefault(name, []).extend(column.tolist())

    def features(self) -> list[Feature]:
        """The features of what was seen."""
        return features_of(self._columns)
