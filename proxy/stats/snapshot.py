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
    try:
        snapshot = msgspec.msgpack.decode(frozen, type=Snapshot)
    except msgspec.MsgspecError as error:
        raise SnapshotError(str(error)) from error
    if (snapshot.shape, snapshot.key) != (_SHAPE, _hashed(comparison.key)):
        raise SnapshotError("of another comparison, or of another version of this program")
    # A rehearsal on a copy: a misfit must not leave the comparison half filled.
    _thawed(Comparison(comparison.key, PrimaryHistory()), snapshot.state)
    _thawed(comparison, snapshot.state)
    return snapshot.lost


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


def _thawed(now: Any, kept: Any) -> Any:
    """`kept` in the form of `now`, which is what a fresh object has in this place; objects are filled in place."""
    if isinstance(now, Stateful):
        names = now.state()
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
    return any(isinstance(each, Stateful) for each in inner)


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
