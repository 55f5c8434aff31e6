"""Format of a capture file: its lines, each an object of JSON, and the ticks that lines of legs stand for.

A file is one segment after another: a writer that begins in a file begins a segment, because it cannot vouch for what
others wrote.

| line | begins with | what it is |
|---|---|---|
| `Header` | `{"penumbra_capture"` | begins a segment: who wrote it, and by which settings |
| `Captured` | `{"exchange"` | the facts of one leg; bodies when asked for, in base64, with the fields to read them |
| `LabelLine` | `{"label"`, or as feedback has it `{"request_id"` | what is known to be true of an exchange |
| `Mark` | `{"mark"` | the hash so far: what follows may be lost or altered without harm to what went before |
| `Seal` | `{"seal"` | ends a segment: the hash over all of its lines, how many, from when to when |

Files of before have legs alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Struct, field

from proxy.contracts.histogram import bucket
from proxy.contracts.leg_join import WorkerRun
from proxy.contracts.outcome import OUTCOMES, outcome_of
from proxy.contracts.record import MAX_FAILED_KEYS, UNARY, UNREAD, ArmTick, Record, code_of
from proxy.contracts.table import COPY_ROLES, Role

FORMAT = 2
"""The version of the format; files without a header are of the first."""

KEPT_FIELDS = frozenset({b"content-type", b"content-encoding", b"inference-header-content-length", b"grpc-encoding"})
"""Header fields that are needed to read a body; all others may hold secrets, and go, but for those that somebody has
named (`capture.headers`)."""

KEPT_MARKS = UNARY | UNREAD
"""Marks that say something of the call; the others are of its moment."""


class Captured(Record, array_like=False, omit_defaults=True, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """One leg, as an object of JSON, and the worker that reported it."""

    worker: int
    incarnation: str
    weight: float = 1.0
    """Exchanges of the traffic that this one stands for: the inverse of the probability with which it was taken."""
    stratum: str = ""
    """The stratum of the exchange, with the leg that its request travels with (`sampling`); "": nobody looked."""
    extra: bool = False
    """Taken only because there was little of its stratum: no part of the uniform sample."""
    redacted: tuple[str, ...] = ()
    """The pointers at which something was redacted in this leg."""
    withheld: dict[str, str] = field(default_factory=dict)
    """Bodies that were not written, `request` or `response`, because they could not be redacted for certain: why."""

    @property
    def finished(self) -> float:
        """Unix time of the leg's end."""
        return self.started + self.total

    @property
    def source(self) -> WorkerRun:
        """The worker and its incarnation."""
        return self.worker, self.incarnation


class Header(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The first line of a segment."""

    penumbra_capture: int
    """`FORMAT`."""
    made: str
    """The version of this program that wrote it, or the source that it was imported from."""
    began: float
    """Unix seconds."""
    percent: float = 100.0
    """Part of the exchanges."""
    at_least: int = 0
    """Exchanges of each stratum that were taken whatever `percent` says."""
    bodies: bool = False
    headers: tuple[str, ...] = ()
    """Header fields that were kept beside those by which bodies are read."""
    redact: dict[str, str] = field(default_factory=dict)
    """What is done at which pointers, by route ("": all) and pointer."""
    key: str = ""
    """The beginning of the hash of the key by which values were hashed: the same key, the same hashes."""
    after: str = ""
    """The hash of the segment before it, where one was sealed."""


class StratumCount(Struct, frozen=True, array_like=True):
    """The exchanges of one stratum."""

    taken: int
    weight: float
    """The sum of the weights of those taken: an unbiased estimate of how many there were."""


class Sealed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a seal vouches for."""

    lines: int
    """Lines of the segment before the seal, its header and marks among them."""
    sha256: str
    """Over the bytes of these lines, with their ends; hexadecimal."""
    first: float = 0.0
    """Unix seconds at which the first leg began."""
    last: float = 0.0
    """Unix seconds at which the last leg ended."""
    strata: dict[str, StratumCount] = field(default_factory=dict)
    own: str = ""
    """Over the seal itself without this, the beginning of a hash; "": a writer of before."""


class Seal(Struct, frozen=True, forbid_unknown_fields=True):
    """The last line of a segment."""

    seal: Sealed


class Marked(Struct, frozen=True, forbid_unknown_fields=True):
    """What a mark vouches for: the lines of the segment before it, and their hash."""

    lines: int
    sha256: str


class Mark(Struct, frozen=True, forbid_unknown_fields=True):
    """A line between others."""

    mark: Marked


class LabelLine(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What is known to be true of an exchange."""

    label: Any
    request_id: str
    at: float = 0.0
    """Unix seconds at which it was told."""


class UnreadableLineError(Exception):
    """A line that is none of a capture, or not the one that was written; the message says which and why."""


MAX_SECONDS = 253_402_300_799.0
"""The last second of the year 9999: what is later is no Unix time, but one in milliseconds."""


def impossible(leg: Captured) -> str:
    """What of a leg can be none that was recorded, as part of a sentence; "": all of it can."""
    if not 0.0 <= leg.started <= MAX_SECONDS:
        return f"started is {leg.started:g}: no Unix time in seconds"
    if not 0.0 <= leg.total <= MAX_SECONDS:
        return f"total is {leg.total:g}: no duration in seconds"
    return "" if leg.weight > 0.0 else f"weight is {leg.weight:g}: exchanges that one stands for"


Line = Captured | Header | Seal | Mark | LabelLine

_encoder = msgspec.json.Encoder()
_leg = msgspec.json.Decoder(Captured)
_others: tuple[tuple[bytes, msgspec.json.Decoder[Any]], ...] = (
    (b'{"penumbra_capture"', msgspec.json.Decoder(Header)),
    (b'{"label"', msgspec.json.Decoder(LabelLine)),
    (b'{"request_id"', msgspec.json.Decoder(LabelLine)),
    (b'{"mark"', msgspec.json.Decoder(Mark)),
    (b'{"seal"', msgspec.json.Decoder(Seal)),
)
LABELS = (b'{"label"', b'{"request_id"')
"""How lines of labels begin."""
_LEGS = (b'{"exchange"', b'{"worker"')
BEGINNINGS = (*(begin for begin, _ in _others), *_LEGS)
"""How lines begin that this program writes, or wrote."""


def captured(
    record: Record, source: WorkerRun, bodies: bool, kept: frozenset[bytes] = KEPT_FIELDS, **said: Any
) -> Captured:
    """The part of a record that goes to disk. Without bodies neither header fields nor the query of the path do.
    `kept`: the names of fields that do; `said`: of its writing (`Captured`)."""
    values = list(_facts(record))
    if record.parts:
        values[_AT["response"]] = None  # only its end
    values[_AT["parts"]], values[_AT["partial"]], values[_AT["marks"]] = 0, False, record.marks & KEPT_MARKS
    if bodies:
        for at in _FIELDS:
            values[at] = _needed(values[at], kept)
    else:
        for at, nothing in _WITHOUT:
            values[at] = nothing
        values[_AT["path"]] = record.path.partition("?")[0]
    return Captured(*values, worker=source[0], incarnation=source[1], **said)


_facts: Callable[[Record], tuple[Any, ...]] = attrgetter(*Record.__struct_fields__)
_AT = {name: at for at, name in enumerate(Record.__struct_fields__)}
_FIELDS = (_AT["request_fields"], _AT["response_fields"])
_NO_BODIES: dict[str, bytes | None] = {"request": None, "response": None}
_NO_BODIES |= dict.fromkeys(("request_fields", "response_fields", "beginning", "ending"), b"")
_WITHOUT = tuple((_AT[name], nothing) for name, nothing in _NO_BODIES.items())


def _needed(fields: bytes, kept: frozenset[bytes]) -> bytes:
    lines = fields.splitlines(keepends=True)
    return b"".join(line for line in lines if line.partition(b":")[0].strip().lower() in kept)


def line_of(line: Line) -> bytes:
    """One line of a capture file."""
    return _encoder.encode(line) + b"\n"


def parsed(line: bytes) -> Line:
    """What a line says. Raises msgspec.MsgspecError."""
    if line.startswith(_LEGS):  # nearly all of them
        captured_leg: Captured = _leg.decode(line)
        return captured_leg
    for begin, decoder in _others:
        if line.startswith(begin):
            found: Line = decoder.decode(line)
            return found
    leg: Captured = _leg.decode(line)
    return leg


def runs(lines: bytes) -> Iterator[tuple[int, bytes]]:
    """Lines of a file, those of legs together as far as they follow each other, and all others by themselves, each with
    its end; and how many they are, 0 for one that is of no leg."""
    begin = at = count = 0
    size = len(lines)
    while at < size:
        end = lines.find(b"\n", at) + 1  # `split` goes byte by byte
        if end and lines.startswith(_LEGS, at):
            count += 1
            at = end
            continue
        if count:
            yield count, lines[begin:at]
        begin = end or size
        yield 0, lines[at:begin]
        at, count = begin, 0
    if count:
        yield count, lines[begin:at]


def parsed_legs(lines: bytes) -> list[Captured]:
    """What lines of legs say. Raises msgspec.MsgspecError."""
    return _leg.decode_lines(lines)


def is_bad(leg: Captured) -> bool:
    """Whether the leg has failed, as workers count it."""
    return leg.outcome == "failed"


def arms_of(legs: Sequence[Captured]) -> list[ArmTick]:
    """The exact counters that a worker would have reported for these legs."""
    arms: dict[tuple[str, str, Role, float, bool], list[Captured]] = {}
    for leg, key in zip(legs, map(_arm_of, legs), strict=True):
        if (of := arms.get(key)) is None:
            of = arms[key] = []
        of.append(leg)
    return [_arm(key, of) for key, of in arms.items()]


_arm_of: Callable[[Captured], tuple[str, str, Role, float, bool]] = attrgetter(
    "route", "version", "role", "share", "inference"
)
_end_of: Callable[[Captured], tuple[str, int, int]] = attrgetter("failure", "call", "status")


def _arm(key: tuple[str, str, Role, float, bool], legs: list[Captured]) -> ArmTick:
    arm = ArmTick(*key[:4], inference=key[4])
    ends = Counter(map(_end_of, legs))
    for (failure, call, status), count in ends.items():
        code = code_of(failure, call, status)
        arm.codes[code] = arm.codes.get(code, 0) + count
    charged = {code for code in arm.codes if arm.inference and _is_charged(code, arm.role)}
    for leg in legs if charged else ():
        if leg.code in charged:
            _charge(arm, leg)
    done = [leg for leg in legs if not leg.failure] if any(failure for failure, _, _ in ends) else legs
    totals, first_bytes = [leg.total for leg in done], [leg.first_byte for leg in done]
    arm.total.update(Counter(map(bucket, totals)))
    arm.first_byte.update(Counter(map(bucket, first_bytes)))
    arm.total_sum, arm.first_byte_sum = sum(totals), sum(first_bytes)
    return arm


def _is_charged(code: str, role: Role) -> bool:
    return OUTCOMES[outcome_of(code, role in COPY_ROLES)].charge == "version"


def _charge(arm: ArmTick, leg: Captured) -> None:
    """Notes of a leg whose request it was, and how long a client waited that left."""
    outcome = leg.outcome
    if leg.key:
        keys = arm.keys.setdefault(outcome, [])
        if len(keys) < MAX_FAILED_KEYS:
            keys.append(leg.key)
    if outcome == "abandoned":
        arm.waited[bucket(leg.total)] = arm.waited.get(bucket(leg.total), 0) + 1
