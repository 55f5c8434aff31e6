"""Format of a captured record: one line of JSON, and the ticks that lines stand for.

A line has the facts of one leg. Bodies are in it only when asked for, in base64, with the fields needed to read them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from proxy import files
from proxy.contracts.histogram import bucket
from proxy.contracts.leg_join import WorkerRun
from proxy.contracts.outcome import OUTCOMES, outcome_of
from proxy.contracts.record import MAX_FAILED_KEYS, ArmTick, Record
from proxy.contracts.table import COPY_ROLES, Role

KEPT_FIELDS = frozenset({b"content-type", b"content-encoding", b"inference-header-content-length", b"grpc-encoding"})
"""Header fields that are needed to read a body; all others may hold secrets, and go."""

MAX_LINE = 64 * 1024 * 1024
"""Bytes of a line: a record with two bodies of 256 KiB in base64 and heads of 64 KiB has about one MiB."""


class Captured(Record, array_like=False, omit_defaults=True, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """One leg, as an object of JSON, and the worker that reported it."""

    worker: int
    incarnation: str

    @property
    def finished(self) -> float:
        """Unix time of the leg's end."""
        return self.started + self.total

    @property
    def source(self) -> WorkerRun:
        """The worker and its incarnation."""
        return self.worker, self.incarnation


class UnreadableLineError(Exception):
    """A line that is no captured record; the message says which and why."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Captured)


def captured(record: Record, source: WorkerRun, bodies: bool) -> Captured:
    """The part of a record that goes to disk. Without bodies neither header fields nor the query of the path do."""
    values = {name: getattr(record, name) for name in Record.__struct_fields__}
    if record.parts:
        values["response"] = None  # only its end
    values |= {"parts": 0, "partial": False, "disturbed": False}
    if bodies:
        values |= {name: _needed(values[name]) for name in ("request_fields", "response_fields")}
    else:
        values |= {"request": None, "response": None, "request_fields": b"", "response_fields": b""}
        values |= {"beginning": b"", "ending": b""}
        values["path"] = record.path.partition("?")[0]
    return Captured(worker=source[0], incarnation=source[1], **values)


def _needed(fields: bytes) -> bytes:
    lines = fields.splitlines(keepends=True)
    return b"".join(line for line in lines if line.partition(b":")[0].strip().lower() in KEPT_FIELDS)


def line_of(leg: Captured) -> bytes:
    """One line of a capture file."""
    return _encoder.encode(leg) + b"\n"


def legs_in(paths: Iterable[Path]) -> Iterator[Captured]:
    """The legs in capture files, in their order. Raises UnreadableLineError, OSError."""
    for path in paths:
        for number, line in enumerate(files.lines(path, MAX_LINE), 1):
            if line.strip():
                yield _parsed(line, path, number)


def _parsed(line: bytes, path: Path, number: int) -> Captured:
    try:
        leg: Captured = _decoder.decode(line)
    except msgspec.MsgspecError as error:
        raise UnreadableLineError(f"{path}, line {number}: {error}") from error
    return leg


def is_bad(leg: Captured) -> bool:
    """Whether the leg has failed, as workers count it."""
    return leg.inference and outcome_of(leg.code) == "failed"


def arms_of(legs: Iterable[Captured]) -> list[ArmTick]:
    """The exact counters that a worker would have reported for these legs."""
    arms: dict[tuple[str, str, Role, float, bool], ArmTick] = {}
    for leg in legs:
        key = (leg.route, leg.version, leg.role, leg.share, leg.inference)
        _count(arms.setdefault(key, ArmTick(*key[:4], inference=leg.inference)), leg)
    return list(arms.values())


def _count(arm: ArmTick, leg: Captured) -> None:
    code = leg.code
    arm.codes[code] = arm.codes.get(code, 0) + 1
    outcome = outcome_of(code, leg.role in COPY_ROLES)
    if leg.key and leg.inference and OUTCOMES[outcome].charge == "version":
        keys = arm.keys.setdefault(outcome, [])
        if len(keys) < MAX_FAILED_KEYS:
            keys.append(leg.key)
    if outcome == "abandoned":
        arm.waited[bucket(leg.total)] = arm.waited.get(bucket(leg.total), 0) + 1
    if not leg.failure:
        for buckets, seconds in ((arm.total, leg.total), (arm.first_byte, leg.first_byte)):
            buckets[bucket(seconds)] = buckets.get(bucket(seconds), 0) + 1
        arm.total_sum += leg.total
        arm.first_byte_sum += leg.first_byte
