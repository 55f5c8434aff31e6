"""Evidence that outlives its process: what a case has gathered, as bytes, and back into a fresh one.

The probability of a false alarm is one of a candidate's whole life only if its wealth is carried on when control is
started again. What is kept is numbers and containers of them; what follows from the configuration is built anew. Lost
with a process are: who failed already (`sticky_dedup`), profiles and drift, pairs and predictions that wait, and the
figures that river computes, which are shown beside the evidence on quality.

Bytes that do not fit, from another version or of another subject, raise `SnapshotError` and change nothing.
"""

from __future__ import annotations

from collections import deque
from hashlib import sha256
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from proxy.stats.comparison import Comparison, PrimaryHistory
from proxy.stats.counts.latency_window import Window
from proxy.stats.evidence.assignment_share import AssignmentShares
from proxy.stats.evidence.bad_event_rate import BadEventRate
from proxy.stats.evidence.data import ContractViolations
from proxy.stats.evidence.disagreement import Disagreement
from proxy.stats.evidence.error_rate import ErrorBaseline, ErrorRate
from proxy.stats.evidence.latency import Latency, LatencyBaseline
from proxy.stats.evidence.quality import MetricTest, QualityEvidence
from proxy.stats.evidence.shown_counts import ShownCounts
from proxy.stats.evidence.warm_up import WarmUp
from proxy.stats.quality.lower_bound import Floor, Pairs
from proxy.stats.quality.paired_difference import Difference
from proxy.stats.sequential.mean_limit import MeanLimit
from proxy.stats.sequential.overdispersion import Apart, Dispersion, Index
from proxy.stats.sequential.rank_test import RankBetting
from proxy.stats.sequential.rate_limit import RateLimit
from proxy.stats.sequential.rate_ratio import Ownership
from proxy.stats.sequential.wealth import Wealth

KEPT: dict[type, tuple[str, ...]] = {
    Apart: ("_bad", "_closes", "_index", "_n", "_windows", "value"),
    BadEventRate: ("_absolute", "_ratio", "_shown"),
    ErrorBaseline: ("dispersion",),
    Comparison: (
        "_history",
        "_shares",
        "_warm_up",
        "contract_violations",
        "disagreement",
        "error_rate",
        "first_token",
        "quality",
        "total",
    ),
    ContractViolations: ("_rate",),
    Difference: ("_cut", "_test"),
    Disagreement: ("_absolute", "_floor", "disagreed", "noisy", "pairs", "triples"),
    Dispersion: ("_bad", "_closes", "_index", "_n", "_value"),
    ErrorRate: ("_rate",),
    ShownCounts: ("_live", "copies", "mine", "theirs"),
    Floor: ("_wealth",),
    MetricTest: ("_floor", "_pairs", "_several", "_test"),
    PrimaryHistory: ("contract_violations", "error_rate", "first_token", "total"),
    Index: ("_bad", "_compared", "_near", "_requests", "_squares"),
    MeanLimit: ("_breach", "_pass", "n"),
    Ownership: ("_breach", "_pass"),
    LatencyBaseline: ("_due", "_recent", "cuts", "dispersion"),
    Pairs: ("_negatives", "_positives"),
    RankBetting: ("_breach", "_canary", "_pass", "_primary"),
    RateLimit: ("_breach", "_pass", "bad", "n"),
    QualityEvidence: ("_differences", "_tests"),
    AssignmentShares: ("_candidate", "_primary", "_shadow"),
    Latency: ("_absolute", "_difference_dispersion", "_ratio", "_shown"),
    WarmUp: ("_legs", "_since", "warm"),
    Wealth: ("_active", "_events", "_reserve", "_settled"),
    Window: ("_part", "_parts"),
}
"""Class to the attributes that are kept of it; the others are configuration, or belong to somebody else."""

_SHAPE = sha256(repr(sorted((kind.__name__, names) for kind, names in KEPT.items())).encode()).hexdigest()[:16]


class SnapshotError(ValueError):
    """Bytes that are no snapshot of this case."""


class Snapshot(Struct, array_like=True):
    """`shape` and `subject` identify what `state` fits; `lost`: copies that were not compared so far."""

    shape: str
    subject: str
    lost: int
    state: Any


def freeze(case: Comparison, lost: int) -> bytes:
    """What a case has gathered."""
    return msgspec.msgpack.encode(Snapshot(_SHAPE, _subject(case), lost, _frozen(case)))


def thaw(case: Comparison, kept: bytes) -> int:
    """Takes up in a fresh case what another of the same subject had gathered; the copies that it had lost. Raises
    SnapshotError."""
    try:
        snapshot = msgspec.msgpack.decode(kept, type=Snapshot)
    except msgspec.MsgspecError as error:
        raise SnapshotError(str(error)) from error
    if (snapshot.shape, snapshot.subject) != (_SHAPE, _subject(case)):
        raise SnapshotError("of another subject, or of another version of this program")
    _thawed(
        Comparison(case.key, PrimaryHistory()), snapshot.state
    )  # a rehearsal: a misfit must not leave a half-filled case
    _thawed(case, snapshot.state)
    return snapshot.lost


def _subject(case: Comparison) -> str:
    return sha256(msgspec.json.encode(case.key, order="sorted")).hexdigest()[:16]


def _frozen(value: Any) -> Any:
    names = KEPT.get(type(value))
    if names is not None:
        return [_frozen(getattr(value, name)) for name in names]
    if isinstance(value, dict):
        return [[_frozen(key), _frozen(inner)] for key, inner in value.items()]
    if isinstance(value, list | tuple | deque):
        return [_frozen(inner) for inner in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _thawed(now: Any, kept: Any) -> Any:
    """`kept` in the form of `now`, which is what a fresh object has in this place; objects are filled in place."""
    names = KEPT.get(type(now))
    if names is not None:
        _fit(kept, len(names))
        for name, inner in zip(names, kept, strict=True):
            setattr(now, name, _thawed(getattr(now, name), inner))
        return now
    if _holds_objects(now):
        return _filled(now, kept)
    if isinstance(now, dict):
        return {_key(key): _plain(inner) for key, inner in kept}
    if isinstance(now, list) and any(isinstance(inner, dict) for inner in now):
        _fit(kept, len(now))
        return [_thawed(inner, state) for inner, state in zip(now, kept, strict=True)]
    if isinstance(now, deque):
        return deque((_plain(inner) for inner in kept), now.maxlen)
    if isinstance(now, np.ndarray):
        array = np.asarray(kept, dtype=np.float64)
        if array.shape != now.shape and now.ndim:
            raise SnapshotError(f"an array of shape {array.shape}, expected {now.shape}")
        return array
    return kept if now is None or isinstance(now, list) else _plain(kept)


def _holds_objects(now: Any) -> bool:
    inner = now.values() if isinstance(now, dict) else now if isinstance(now, list | tuple) else ()
    return any(type(each) in KEPT for each in inner)


def _filled(now: Any, kept: Any) -> Any:
    _fit(kept, len(now))
    if isinstance(now, dict):
        for (key, inner), (known, state) in zip(now.items(), kept, strict=True):
            if _key(known) != key:
                raise SnapshotError(f"{known} in the place of {key}")
            _thawed(inner, state)
    else:
        for inner, state in zip(now, kept, strict=True):
            _thawed(inner, state)
    return now


def _fit(kept: Any, size: int) -> None:
    if not isinstance(kept, list) or len(kept) != size:
        raise SnapshotError("other parts than expected")


def _key(key: Any) -> Any:
    return tuple(key) if isinstance(key, list) else key


def _plain(kept: Any) -> Any:
    """A number, an array of them, or a pair of those (a window and its size), which may read as an array of two."""
    if not isinstance(kept, list):
        return kept
    return tuple(map(_plain, kept)) if any(isinstance(inner, list) for inner in kept) else np.asarray(kept, np.float64)
