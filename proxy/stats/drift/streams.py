"""The streams of one route: requests and answers of its versions against one profile, from observations to drift.

A stream is (side, version, role). Rows wait in batches; the batches of all streams are counted together when one of
them is full or a second old, and their counts go to the detectors about once a second. Until a profile is given, the
primary's rows build one: a preliminary profile soon, then the final one, unless rows after the preliminary profile have
drifted from it. All state is bounded: about `BATCH_BODIES` bodies wait in a stream and share, `MAX_BATCH_BYTES` in
all of a route, `MAX_LAYOUTS` layouts are kept. Of a body with many rows a random sample is counted (`row_sample`), and
`n` is how many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain

import numpy as np

from proxy.contracts.alike import AlikeLegs
from proxy.contracts.observation import Observation, Tensor
from proxy.contracts.table import LIVE_ROLES, Role
from proxy.stats.arrays import Floats
from proxy.stats.drift.adwin import AdwinDetectors
from proxy.stats.drift.batch import Batch, LayoutGroup, are_alike
from proxy.stats.drift.derived import Derivation, derived_of_rows, derived_tables, needs
from proxy.stats.drift.detector import DriftDetector, Reference
from proxy.stats.drift.figures import BinnedRows, Drift, FeatureShape, RowCounts
from proxy.stats.drift.layout import CONTRACT_RULES, UNEXPECTED, Layout, Signature
from proxy.stats.drift.moving import is_moving
from proxy.stats.drift.profile import BodySide, Feature, Profile, as_bodies_have_them
from proxy.stats.drift.profile_builder import ProfileBuilder
from proxy.stats.drift.recognition import Recognised, Recognition
from proxy.stats.drift.shown import drift_of, shape_of
from proxy.stats.row_sample import is_large, sampled
from proxy.stats.selection import Selection

BATCH_BODIES = 512
"""Bodies of a batch: what a batch costs whatever its size (calls of numpy, a look of the tests of the data contract) is
then half a microsecond a body."""

BATCH_SECONDS = 1.0
"""Seconds after which a batch is counted although it is not full, and between two looks of the detectors."""

LOOK_ROWS = 2048
"""Rows of a stream after which its detector looks although the last look was less than `BATCH_SECONDS` ago. A look
costs as much as counting several batches, and looking more often does not find more."""

MAX_LAYOUTS = 64
"""Different layouts of a route that are analysed; bodies of further ones are counted and left out."""

MAX_BATCH_BYTES = 1 << 22
"""Bytes of all batches of a route, 130,000 numbers; what is more is counted at once."""

LOOK_BYTES = 1 << 18
"""Bytes of rows that cost as much as a look: a millisecond or two for the most features."""

PRELIMINARY_ROWS = 200
"""Rows of the preliminary profile, which has no rules. Without it, drift that begins before the final profile would be
learnt as the reference."""

FOLLOWED_ROLES = frozenset((*LIVE_ROLES, "shadow"))
"""Roles that have streams. A rescue repeats a request of another arm, a noise copy one of the primary."""

TEACHING_ROLES = frozenset(("primary",))
"""Roles whose rows build a profile."""

StreamKey = tuple[BodySide, str, Role]
BatchKey = tuple[StreamKey, float]
"""A stream, and the share that its legs were assigned at."""


NO_ROWS: list[RowCounts] = []


class Streams:
    """All streams of one route.

    - `reference`: rows that a profile is built from
    - `watched`: features that ADWIN watches
    - `ignore`: features that are left out, as `stats.selection` reads them
    - `tap`: hears of the rows that were counted in the bins of a profile that was given

    >>> streams = Streams(reference=200)
    >>> facts = {"request_id": "", "route": "r", "version": "v1", "role": "primary", "share": 1.0, "status": 200}
    >>> times = {"failure": "", "started": 0.0, "first_byte": 0.0, "total": 0.0}
    >>> for at in range(1000):
    ...     body = (Tensor("x", 1, 1, "number", [float(at % 100)]),)
    ...     _ = streams.update([Observation(exchange=at, **facts, **times, inputs=body)], now=at / 100)
    >>> _ = streams.flush(now=20.0)
    >>> (row,) = streams.drift({"input": 0.2, "prediction": 0.2})
    >>> row.feature, row.side, row.drifted
    ('x', 'input', False)
    """

    __slots__ = (
        "_adwin",
        "_batches",
        "_builders",
        "_built",
        "_counted",
        "_derived",
        "_detectors",
        "_drift",
        "_given",
        "_ignored",
        "_layouts",
        "_looked",
        "_profile",
        "_references",
        "_rows",
        "_seed",
        "_tap",
        "left_out",
        "missing",
        "recognition",
        "violations",
    )

    def __init__(
        self,
        reference: int,
        watched: Sequence[str] = (),
        ignore: Sequence[str] = (),
        tap: Callable[[BinnedRows], None] | None = None,
    ) -> None:
        self._rows, self._tap = reference, tap
        self._seed = 0
        self._built = False
        self._adwin = AdwinDetectors(watched)
        self._batches: dict[BatchKey, Batch] = {}
        self._counted: dict[StreamKey, Floats] = {}
        self._looked: dict[StreamKey, float] = {}
        self._detectors: dict[StreamKey, DriftDetector] = {}
        self._layouts: dict[tuple[BodySide, Signature], Layout] = {}
        self._references: dict[BodySide, Reference] = {}
        self._ignored: dict[BodySide, Selection] = {
            "input": Selection(ignore, "request"),
            "prediction": Selection(ignore, "response"),
        }
        self._derived: dict[BodySide, Derivation] = {"input": Derivation(), "prediction": Derivation()}
        self.recognition = Recognition()
        """What the primary's columns are."""
        self._builders = {side: ProfileBuilder(ignored) for side, ignored in self._ignored.items()}
        self._profile = Profile()
        self._given: set[BodySide] = set()
        self.violations: Counter[tuple[str, Role, str]] = Counter()
        """Broken rules by (version, role, rule)."""
        self.missing: Counter[tuple[str, Role, BodySide]] = Counter()
        """Values that are none (null, no number, infinite, a text for a number, absent), by (version, role, side)."""
        self.left_out: Counter[str] = Counter(detectors=self._adwin.left_out)
        """What full bounds left out, in the words of `Board.bounds_reached`."""
        self._drift: tuple[dict[BodySide, float], list[Drift]] | None = None

    @property
    def profile(self) -> Profile:
        """The profile in force; a side that is still being learnt is empty."""
        return self._profile

    def use_profile(self, profile: Profile) -> None:
        """Judges drift against `profile`; a side that it lacks is still learnt."""
        profile = as_bodies_have_them(profile)
        kept = Profile(self._kept("input", profile), self._kept("prediction", profile), profile.made)
        for side in self._ignored:
            if kept.side(side):
                self._given.add(side)
                self._take(side, kept)

    def _kept(self, side: BodySide, profile: Profile) -> list[Feature]:
        return [feature for feature in profile.side(side) if not self._ignored[side].has(feature.name)]

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
            self._builders.pop(side, None)

    def forget(self, version: str, teaches: bool) -> None:
        """Forgets the predictions of a model that answers no more under the name of `version`. `teaches`: they are the
        primary's, from which the profile of predictions was learnt, where none was given: it is learnt anew."""
        learnt = teaches and "prediction" not in self._given
        for table in (self._detectors, self._counted, self._looked):
            for key in [key for key in table if key[0] == "prediction" and (learnt or key[1] == version)]:
                del table[key]
        for at in [at for at in self._batches if at[0][0] == "prediction" and at[0][1] == version]:
            del self._batches[at]
        if learnt:
            self._builders["prediction"] = ProfileBuilder(self._ignored["prediction"])
            self._references.pop("prediction", None)
            self._profile.predictions = []
            self._layouts = {key: layout for key, layout in self._layouts.items() if key[0] != "prediction"}
        self._drift = None

    def update(self, legs: Sequence[Observation], now: float) -> list[RowCounts]:
        """Adds legs of one version, role and share; returns the rows of all arms that were counted because of them."""
        first = legs[0]
        if first.role not in FOLLOWED_ROLES:
            return NO_ROWS
        version, role, share = first.version, first.role, first.share
        full = False
        if inputs := [leg.inputs for leg in legs if leg.inputs]:
            full = self._add((("input", version, role), share), inputs, now)
        if outputs := [leg.outputs for leg in legs if leg.outputs]:
            full = self._add((("prediction", version, role), share), outputs, now) or full
        return self._count_all(now) if full else NO_ROWS

    def update_alike(self, legs: AlikeLegs, now: float) -> list[RowCounts]:
        """The same of legs that are alike."""
        if legs.role not in FOLLOWED_ROLES:
            return NO_ROWS
        version, role, share = legs.version, legs.role, legs.share
        full = False
        if legs.inputs is not None:
            full = self._add_rows((("input", version, role), share), legs.inputs, legs.input_rows, len(legs), now)
        outputs = self._add_rows((("prediction", version, role), share), legs.outputs, legs.output_rows, len(legs), now)
        return self._count_all(now) if full or outputs else NO_ROWS

    def _add_rows(self, key: BatchKey, layout: Tensor, rows: bytes, bodies: int, now: float) -> bool:
        batch = self._batches.setdefault(key, Batch(now))
        if not needs((layout,)):
            batch.update_packed(bodies, layout, rows)
        elif named := derived_of_rows(layout, np.frombuffer(rows).reshape(bodies, -1)):
            batch.update_tables(bodies, bodies, named)
        return self._is_full(batch)

    def _is_full(self, batch: Batch) -> bool:
        return batch.bodies >= BATCH_BODIES or self.waiting >= MAX_BATCH_BYTES

    def _add(self, key: BatchKey, bodies: list[tuple[Tensor, ...]], now: float) -> bool:
        batch = self._batches.setdefault(key, Batch(now))
        side, _, role = key[0]
        alike = are_alike(bodies)
        asked = bodies[:1] if alike else bodies
        if any(map(is_large, asked)):
            bodies, alike = [self._sampled(body) if is_large(body) else body for body in bodies], False
        if alike and needs(asked[0]) and asked[0][0].kind == "number":
            if named := derived_tables(bodies):
                batch.update_tables(len(bodies), len(bodies) * asked[0][0].rows, named)
            return self._is_full(batch)
        if any(map(needs, asked)):
            bodies, alike = [self._derived[side].features(body, role in TEACHING_ROLES) for body in bodies], False
        batch.update(bodies, alike)
        return self._is_full(batch)

    @property
    def waiting(self) -> int:
        """Bytes of the rows that wait to be counted."""
        return sum([batch.bytes for batch in self._batches.values()])

    def weigh_flush(self, now: float) -> int:
        """What a flush would cost now, in bytes of rows; a look of a detector costs as much as some rows."""
        looks = sum([now - self._looked[key] >= BATCH_SECONDS for key in self._counted])
        return self.waiting + looks * LOOK_BYTES * len(self._references)

    def _sampled(self, body: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        self._seed += 1
        some = sampled(body, self._seed)
        self.left_out["rows"] += body[0].rows - some[0].rows
        return some

    def flush(self, now: float) -> list[RowCounts]:
        """Counts the rows that wait when the oldest are `BATCH_SECONDS` old, and gives the counts to the detectors."""
        old = self._batches and now - min([batch.since for batch in self._batches.values()]) >= BATCH_SECONDS
        rows = self._count_all(now) if old else NO_ROWS
        self._detect(self._counted, now, 0)
        return rows

    def _count_all(self, now: float) -> list[RowCounts]:
        """All arms together: a test that got one arm's batch before the other's would see an order that is none."""
        self._built = False  # one profile at a time: one of two hundred features takes 40 ms
        counted = [rows for key, share in list(self._batches) for rows in self._count(key, share, now)]
        self._detect(self._counted, now, LOOK_ROWS)
        return counted

    def _count(self, key: StreamKey, share: float, now: float) -> list[RowCounts]:
        batch = self._batches.pop((key, share))
        side, version, role = key
        if role in TEACHING_ROLES and not self.recognition.knows(side, batch.groups):
            for signature, group in batch.groups.items():
                self.recognition.update(side, signature, group.tables())
        if side not in self._references:
            self._begin(side, role, batch.groups.values())
            return []
        n = bad = 0
        counts = np.zeros_like(self._references[side].shares)
        for signature, group in batch.groups.items():
            layout = self._layout(side, signature)
            if layout is None:
                self.left_out["layouts"] += group.bodies
                continue
            tables = group.tables()
            measured = layout.measure(tables)
            counts += measured.counts
            self.missing[version, role, side] += int(measured.counts[:, -1].sum())
            n, bad = n + measured.rows, bad + measured.bad
            self._count_violations(version, role, measured.violations.sum(axis=0), layout.unexpected * measured.rows)
            self._adwin.update(key, signature, tables)
        if self._tap is not None and side in self._given:
            self._tap(BinnedRows(side, version, role, counts))
        self._add_counts(key, counts, batch.since)
        if side in self._builders and role in TEACHING_ROLES:
            self._learn(side, batch.groups.values(), now)
        return [RowCounts(version, role, share, n, bad)] if n else []

    def _add_counts(self, key: StreamKey, counts: Floats, since: float) -> None:
        self._looked.setdefault(key, since)
        before = self._counted.get(key)
        self._counted[key] = counts if before is None else before + counts

    def add_binned(self, binned: Iterable[BinnedRows], now: float) -> None:
        """Adds rows that other sidecars counted in the bins of the same given profile; of another they are left out."""
        for side, version, role, counts in binned:
            reference = self._references.get(side)
            if side in self._given and reference is not None and counts.shape == reference.shares.shape:
                self._add_counts((side, version, role), counts, now - BATCH_SECONDS)
            else:
                self.left_out["rows"] += int(counts[0].sum()) if len(counts) else 0
        self._detect(self._counted, now, 1)

    def _count_violations(self, version: str, role: Role, broken: Sequence[float], unexpected: int) -> None:
        for rule, count in zip(CONTRACT_RULES, broken, strict=True):
            if count:
                self.violations[version, role, rule] += int(count)
        if unexpected:
            self.violations[version, role, CONTRACT_RULES[UNEXPECTED]] += unexpected

    def _detect(self, keys: Collection[StreamKey], now: float, rows: int) -> None:
        """Gives counts to the detectors that have not looked for `BATCH_SECONDS`, or for which `rows` rows wait."""
        for key in list(keys):
            passed = now - self._looked[key]
            if passed >= BATCH_SECONDS or (rows and self._counted[key][0].sum() >= rows):
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
        if layout is None and len(self._layouts) < MAX_LAYOUTS:
            layout = self._layouts[side, signature] = Layout(self._references[side], signature, self._ignored[side])
        return layout

    def _begin(self, side: BodySide, role: Role, groups: Collection[LayoutGroup]) -> None:
        """Adds the first rows of a side to its profile, until there is a preliminary one."""
        if role not in TEACHING_ROLES:
            return
        builder = self._builders[side]
        self.left_out["columns"] += builder.update(groups)
        final = builder.full or builder.rows >= self._rows
        if self._built or not (final or builder.rows >= PRELIMINARY_ROWS):
            return
        self._built = True
        if (profile := builder.get(rules=final)).side(side):
            self._take(side, profile, final)

    def _learn(self, side: BodySide, groups: Collection[LayoutGroup], now: float) -> None:
        """Adds rows that were held against the preliminary profile. With enough of them the final profile takes its
        place, unless they have drifted from it: then the preliminary one stays."""
        builder = self._builders[side]
        self.left_out["columns"] += builder.update(groups)
        if self._built or (builder.rows < self._rows and not builder.full):
            return
        self._built = True
        self._detect([key for key in self._counted if key[0] == side], now, 1)
        primaries = (each for key, each in self._detectors.items() if key[0] == side and key[2] in TEACHING_ROLES)
        if any(map(is_moving, primaries)):
            self._builders.pop(side)
        else:
            self._take(side, builder.get())

    def drift(self, limits: Mapping[BodySide, float]) -> list[Drift]:
        """Every feature of every stream; `limits`: by side, the PSI above which significant drift counts."""
        if self._drift is None or self._drift[0] != limits:
            detectors = self._detectors.items()
            shown = [drift_of(each, key, limits[key[0]], partial(self._adwin.get, key)) for key, each in detectors]
            self._drift = dict(limits), list(chain.from_iterable(shown))
        return self._drift[1]

    @property
    def proposed(self) -> list[Recognised]:
        """Features that drift for ever and are not ignored yet."""
        return [each for each in self.recognition.found if not self._ignored[each.side].has(each.feature)]

    def shape(self, row: Drift) -> FeatureShape | None:
        """The distributions behind a row of `drift`; None when its stream is gone."""
        detector = self._detectors.get((row.side, row.version, row.role))
        return shape_of(detector, row.feature) if detector else None
