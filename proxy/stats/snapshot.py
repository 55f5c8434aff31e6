"""Evidence that outlives its process: the state of one comparison as bytes, and back into a fresh comparison.

`false_alarm` bounds the false alarms of a candidate's whole life only if its e-processes go on after a restart of
control. A snapshot walks from the comparison to every `Stateful` object below it and holds their state: numbers, and
containers of numbers. Configuration is built anew. Not in a snapshot, so lost with the process: the sticky keys that
failed already, profiles and drift, pairs and predictions that wait, and the scores that river computes, which are shown
beside the evidence on quality.

Bytes of another version of the program, or of another comparison, raise `SnapshotError` and change nothing.
"""

from __future__ import annotations

from collections import deque
from hashlib import sha256
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from proxy.stats.comparison import Comparison, ComparisonKey, PrimaryHistory
from proxy.stats.state import Stateful


def _kinds(base: type[Stateful]) -> set[type[Stateful]]:
    return {base}.union(*map(_kinds, base.__subclasses__()))


_SHAPE = sha256(repr(sorted((kind.__name__, kind.state()) for kind in _kinds(Stateful))).encode()).hexdigest()[:16]
"""Changes with every class of state and every attribute of one; stored evidence of another shape is not taken up."""


class SnapshotError(ValueError):
    """Bytes that are no snapshot of this comparison."""


class Snapshot(Struct, array_like=True):
    """The state of one comparison, and what it fits."""

    shape: str
    """The classes of state, hashed."""
    key: str
    """The key of the comparison, hashed."""
    lost: int
    """Copies that were due and not compared."""
    state: Any
    """The state of the comparison: a list with one item for each of its attributes, nested."""


def freeze(comparison: Comparison, lost: int) -> bytes:
    """The state of a comparison as bytes, with the number of copies that were due and not compared (`lost`)."""
    return msgspec.msgpack.encode(Snapshot(_SHAPE, _hashed(comparison.key), lost, _frozen(comparison)))


def thaw(comparison: Comparison, frozen: bytes) -> int:
    """Fills a fresh comparison with the state of an earlier one of the same key; returns that one's lost copies.

    Raises SnapshotError, and changes nothing, on bytes of another key or another version of the program.
    """
    snapshot = _read(frozen)
    if (snapshot.shape, snapshot.key) != (_SHAPE, _hashed(comparison.key)):
        raise SnapshotError("it is of another comparison or of another version of Penumbra")
    # A rehearsal on a copy: a misfit must not leave the comparison half filled.
    try:
        _thawed(Comparison(comparison.key, PrimaryHistory()), snapshot.state)
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
        raise SnapshotError(f"it is damaged: {error}") from error
    _thawed(comparison, snapshot.state)
    return snapshot.lost


def fits(comparison: Comparison, frozen: bytes) -> bool:
    """Whether the snapshot is of a comparison with the same key. Raises SnapshotError on bytes that are none."""
    return _read(frozen).key == _hashed(comparison.key)


def _read(frozen: bytes) -> Snapshot:
    try:
        return msgspec.msgpack.decode(frozen, type=Snapshot)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise SnapshotError(str(error)) from error


def _hashed(key: ComparisonKey) -> str:
    return sha256(msgspec.json.encode(key, order="sorted")).hexdigest()[:16]


def _frozen(value: Any) -> Any:
    if isinstance(value, Stateful):
        return [_frozen(getattr(value, name)) for name in value.state()]
    if isinstance(value, dict):
        return [[_frozen(key), _frozen(inner)] for key, inner in value.items()]
    if isinstance(value, list | tuple | deque):
        return [_frozen(inner) for inner in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _thawed(fresh: Any, frozen: Any) -> Any:
    """`frozen` in the form of `fresh`, the value of a fresh object at the same place; objects are filled in place."""
    if isinstance(fresh, Stateful):
        names = fresh.state()
        _fit(frozen, len(names))
        for name, inner in zip(names, frozen, strict=True):
            setattr(fresh, name, _thawed(getattr(fresh, name), inner))
        return fresh
    if _holds_objects(fresh):
        return _filled(fresh, frozen)
    if isinstance(fresh, dict):
        return {_key(key): _plain(inner) for key, inner in frozen}
    if isinstance(fresh, list) and any(isinstance(inner, dict) for inner in fresh):
        _fit(frozen, len(fresh))
        return [_thawed(inner, state) for inner, state in zip(fresh, frozen, strict=True)]
    if isinstance(fresh, deque):
        return deque((_plain(inner) for inner in frozen), fresh.maxlen)
    if isinstance(fresh, np.ndarray):
        array = np.asarray(frozen, dtype=np.float64)
        if array.shape != fresh.shape and fresh.ndim:
            raise SnapshotError(f"an array of shape {array.shape}, expected {fresh.shape}")
        return _numbers(array)
    return frozen if fresh is None or isinstance(fresh, list) else _plain(frozen)


def _holds_objects(fresh: Any) -> bool:
    inner = fresh.values() if isinstance(fresh, dict) else fresh if isinstance(fresh, list | tuple) else ()
    return any(isinstance(each, Stateful) for each in inner)


def _filled(fresh: Any, frozen: Any) -> Any:
    _fit(frozen, len(fresh))
    if isinstance(fresh, dict):
        for (expected, inner), (key, state) in zip(fresh.items(), frozen, strict=True):
            if _key(key) != expected:
                raise SnapshotError(f"{key} in the place of {expected}")
            _thawed(inner, state)
    else:
        for inner, state in zip(fresh, frozen, strict=True):
            _thawed(inner, state)
    return fresh


def _fit(frozen: Any, size: int) -> None:
    if not isinstance(frozen, list) or len(frozen) != size:
        raise SnapshotError("other parts than expected")


def _key(key: Any) -> Any:
    return tuple(key) if isinstance(key, list) else key


def _plain(frozen: Any) -> Any:
    """A number, an array of them, or a pair of those (a window and its size), which may read as an array of two."""
    if not isinstance(frozen, list):
        if frozen != frozen:  # NaN, which the evidence after it would be as well
            raise SnapshotError("a figure that is no number")
        return frozen
    if any(isinstance(inner, list) for inner in frozen):
        return tuple(map(_plain, frozen))
    return _numbers(np.asarray(frozen, np.float64))


def _numbers(array: Any) -> Any:
    if np.isnan(array).any():
        raise SnapshotError("a figure that is no number")
    return array
