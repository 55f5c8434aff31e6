"""Labels that come late, joined with what every version predicted for that request, shadows included.

Predictions wait for their label by request id: those of a route no longer than its `wait`, and in all at most
`MAX_WAITING_REQUESTS` requests and `MAX_WAITING_BYTES`. When that is full, the route that holds most of it gives up its
oldest request, so a busy route costs the others nothing. A label that comes twice counts once. A label whose request is
unknown (never made, given up, not kept) is counted and dropped.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from math import isfinite
from sys import getsizeof
from typing import Any, Literal, NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

from proxy.contracts.bounds import MAX_VALUE, shortened
from proxy.contracts.observation import Observation, Tensor
from proxy.contracts.table import Role
from proxy.stats.finite import number
from proxy.stats.quality.label_bias import LabelArrival
from proxy.stats.weight import weight_of

MAX_WAITING_REQUESTS = 20_000
"""Requests of all routes whose predictions wait for a label, about 0.7 kB each with a shadow; when full, the oldest of
the route that holds most is given up, as `evicted`. `Board(labels=…)` sets another one, for labels that take longer
than this many requests."""

MAX_WAITING_BYTES = 1 << 25
"""Bytes of all that waits, labels too: twice what `MAX_WAITING_REQUESTS` usual ones take."""

EARLY_SECONDS = 10.0
"""Seconds that a label waits for its request: records come up to a second after the answer that a client labels at
once."""

MAX_EARLY_LABELS = 1024
"""Labels that wait for their request; when full the oldest goes, counted (`forgotten`). Ids that never were must not
fill the memory."""

ANSWER_BYTES = 200
"""An answer that waits, without its tensors, and its place in the request."""

MAX_EARLY_BYTES = 1 << 22
"""Bytes of the labels that wait for their request: one may be a list."""

MAX_VALUES = 256
"""Values of an answer that waits; answers of larger batches, and vectors, are not kept (`too_large`)."""

MAX_FRACTIONS = 64
"""Outputs of a route that are known to hold fractions; of further ones, whole numbers are classes."""

OutputName = tuple[str, tuple[str, ...]]
"""Name and columns of an output."""

VersionRole = tuple[str, Role]
"""Version and role."""

Label = int | float | str
LabelOutcome = Literal["joined", "duplicate", "unknown", "mismatch"]
"""Fate of a label. `unknown`: no such request so far; if it comes within `EARLY_SECONDS`, they still meet.
`mismatch`: a list of another length than the request had rows, or no usable value."""


class Prediction(Struct, frozen=True, gc=False):
    """One prediction of one row. A field is None where the version gave no such thing."""

    label: Label | None = None
    """The predicted class."""
    scores: tuple[float, ...] | None = None
    """Scores of the classes 0, 1, …"""
    number: float | None = None
    """A predicted number, or the probability of class 1."""


class LegAnswer(Struct, frozen=True, gc=False):
    """The answer of one version to a request. Its predictions are read when a label comes, for most requests never."""

    version: str
    role: Role
    share: float
    """The part of live traffic that the version had when the leg was assigned, 0 to 1."""
    outputs: tuple[Tensor, ...]

    def prediction(self, row: int) -> Prediction | None:
        """The prediction of one row; None where there is none."""
        return next(iter(predictions_of(self.outputs, range(row, row + 1))), None)


class LabelledPrediction(NamedTuple):
    """One row of a request with its label."""

    route: str
    leg: LegAnswer
    """The answer that newly meets the label."""
    row: int
    label: Label
    others: tuple[LegAnswer, ...]
    """All answers to the request, `leg` among them."""


class _Request(Struct, gc=False):
    # Tens of thousands wait: none of it is for the garbage collector to walk through.
    route: str
    since: float
    rows: int
    legs: tuple[LegAnswer, ...] = ()
    labels: tuple[Label, ...] | None = None
    weight: int = 0


class _Queue(Struct, gc=False):
    # Request ids of one route, oldest first, their bytes, and how long they wait by its configuration of now.
    wait: float = 0.0
    order: deque[str] = field(default_factory=deque)
    bytes: int = 0
    fractions: set[OutputName] = field(default_factory=set)
    """Outputs that held a number which is not whole."""


class LabelJoin:
    """The join of predictions and labels by request id. `capacity`, `max_bytes`: requests that may wait at a time.

    >>> join = LabelJoin()
    >>> facts = {"exchange": 1, "request_id": "a", "route": "r", "version": "v1", "role": "primary", "share": 1.0}
    >>> times = {"status": 200, "failure": "", "started": 0.0, "first_byte": 0.0, "total": 0.0}
    >>> leg = Observation(**facts, **times, outputs=(Tensor("p", 1, 2, "number", [0.2, 0.8]),))
    >>> join.update([leg], wait=60.0, now=0.0)
    []
    >>> outcome, (labelled,) = join.on_label("a", 1, now=5.0)
    >>> outcome, labelled.leg.version, labelled.label
    ('joined', 'v1', 1)
    """

    __slots__ = (
        "_bytes",
        "_capacity",
        "_early",
        "_early_bytes",
        "_max_bytes",
        "_queues",
        "_requests",
        "forgotten",
        "lost",
        "outcomes",
    )

    def __init__(self, capacity: int = MAX_WAITING_REQUESTS, max_bytes: int = MAX_WAITING_BYTES) -> None:
        self._capacity, self._max_bytes = capacity, max_bytes
        self._bytes = self._early_bytes = 0
        self._requests: dict[str, _Request] = {}
        self._queues: defaultdict[str, _Queue] = defaultdict(_Queue)
        self._early: dict[str, tuple[Any, float, int]] = {}
        self.outcomes: Counter[LabelOutcome] = Counter()
        """Labels by what became of them."""
        self.lost: Counter[tuple[str, str]] = Counter()
        """Requests whose predictions were given up, or not kept, by (route, reason)."""
        self.forgotten = 0
        """Early labels that went because `MAX_EARLY_LABELS`, or `MAX_EARLY_BYTES` of them, waited."""

    def update(self, legs: Sequence[Observation], wait: float, now: float) -> list[LabelledPrediction]:
        """Keeps the predictions of legs of one arm for `wait` seconds; returns those whose label had come before."""
        route, version, role = legs[0].route, legs[0].version, legs[0].role
        queue = self._queues[route]
        queue.wait = wait
        requests = self._requests
        labelled: list[LabelledPrediction] = NO_PREDICTIONS
        added = 0
        if len(queue.fractions) < MAX_FRACTIONS:
            queue.fractions.update(_fractions(legs[0].outputs))  # one of a batch says enough
        for leg in legs:
            request_id, outputs = leg.request_id, leg.outputs
            if not outputs or not request_id or leg.failure or not 200 <= leg.status < 300:
                continue
            if _size(outputs) > MAX_VALUES:
                self.lost[route, "too_large"] += 1
                continue
            request = requests.get(request_id)
            if request is None:
                request = self._new(leg, now)
                if request is None:
                    continue
            elif request.route != route:
                self.lost[route, "id_in_use"] += 1
                continue
            elif request.rows != outputs[0].rows or _has(request.legs, version, role):
                continue
            if outputs[0].texts:
                outputs = tuple([replace(tensor, texts=()) for tensor in outputs])
            answer = LegAnswer(version, role, leg.share, outputs)
            request.legs += (answer,)
            if self._early or request.labels:
                labelled = labelled + self._meet(request_id, request, answer, now)
            more = ANSWER_BYTES + weight_of(outputs)
            request.weight += more
            added += more
        if added:
            self._weigh(route, added)
        return labelled

    def _weigh(self, route: str, more: int) -> None:
        """Requests of a route weigh so many bytes more. What is too much is given up, oldest of the heaviest route
        first."""
        self._queues[route].bytes += more
        self._bytes += more
        while self._bytes > self._max_bytes:
            self._give_up(max(self._queues.values(), key=lambda queue: queue.bytes), "evicted")

    def _meet(self, request_id: str, request: _Request, leg: LegAnswer, now: float) -> list[LabelledPrediction]:
        """The predictions of `leg` with the labels that were there before it."""
        early = self._early.pop(request_id, None)
        self._early_bytes -= early[2] if early else 0
        if early and now < early[1]:
            outcome, met = self._join(request_id, early[0])
            self.outcomes[outcome] += 1
            if outcome == "joined":
                return met
        return list(_met(request, _as_scores(leg, self._queues[request.route].fractions)))

    def _new(self, leg: Observation, now: float) -> _Request | None:
        first = leg.outputs[0]
        if first.vector or not first.width:
            self.lost[leg.route, "no_prediction"] += 1
            return None
        if len(self._requests) >= self._capacity:
            self._give_up(max(self._queues.values(), key=lambda queue: len(queue.order)), "evicted")
        request = self._requests[leg.request_id] = _Request(leg.route, now, first.rows)
        self._queues[leg.route].order.append(leg.request_id)
        return request

    def on_label(self, request_id: str, label: Any, now: float) -> tuple[LabelOutcome, list[LabelledPrediction]]:
        """Joins a label, one value or a list with one for each row; returns its outcome and the predictions it met."""
        outcome, met = self._join(request_id, label)
        self.outcomes[outcome] += 1
        if outcome == "unknown" and isinstance(label, list) and len(label) > MAX_VALUES:
            self.forgotten += 1  # no answer of so many rows is kept
        elif outcome == "unknown":
            self._wait(request_id, label, now)
        return outcome, met

    def _wait(self, request_id: str, label: Any, now: float) -> None:
        """Keeps a label until its request comes, in place of an earlier one for it."""
        before = self._early.pop(request_id, None)
        self._early_bytes += _bytes_of(label) - (before[2] if before else 0)
        self._early[request_id] = label, now + EARLY_SECONDS, _bytes_of(label)
        while len(self._early) > MAX_EARLY_LABELS or self._early_bytes > MAX_EARLY_BYTES:
            *_, size = self._early.pop(next(iter(self._early)))
            self._early_bytes -= size
            self.forgotten += 1

    def _join(self, request_id: str, label: Any) -> tuple[LabelOutcome, list[LabelledPrediction]]:
        request = self._requests.get(request_id)
        if request is None:
            return "unknown", []
        if request.labels is not None:
            return "duplicate", []
        given = label if isinstance(label, list) else [label]
        labels = tuple(map(_plain, given)) if len(given) == request.rows else (None,)
        if None in labels:
            return "mismatch", []
        request.labels = tuple([each for each in labels if each is not None])
        if fractions := self._queues[request.route].fractions:
            request.legs = tuple([_as_scores(leg, fractions) for leg in request.legs])
        met = [met for leg in request.legs for met in _met(request, leg)]
        request.weight += (more := _bytes_of(label))
        self._weigh(request.route, more)
        return "joined", met

    def forget(self, route: str, version: str) -> None:
        """Drops what `version` predicted for requests that wait for a label: another model did."""
        for request_id in self._queues[route].order:
            request = self._requests[request_id]
            kept = tuple([leg for leg in request.legs if leg.version != version])
            if len(kept) < len(request.legs):
                request.legs = kept
                self.lost[route, "replaced"] += request.labels is None

    def arrivals(self, route: str, mine: VersionRole, theirs: VersionRole) -> Iterator[LabelArrival]:
        """The requests of a route that are kept, oldest first, as two arms answered them."""
        for request in map(self._requests.__getitem__, self._queues[route].order):
            legs = request.legs
            yield LabelArrival(_has(legs, *mine), _has(legs, *theirs), request.labels is not None)

    def expire(self, now: float) -> None:
        """Gives up on predictions that waited longer than their route says."""
        for queue in self._queues.values():
            while queue.order and now >= self._requests[queue.order[0]].since + queue.wait:
                self._give_up(queue, "late")

    def _give_up(self, queue: _Queue, reason: str) -> None:
        request = self._requests.pop(queue.order.popleft())
        queue.bytes -= request.weight
        self._bytes -= request.weight
        if request.labels is None:
            self.lost[request.route, reason] += 1


NO_PREDICTIONS: list[LabelledPrediction] = []


def _bytes_of(label: Any) -> int:
    return sum(getsizeof(each) + 8 for each in label) if isinstance(label, list) else getsizeof(label) + 8


def _size(outputs: tuple[Tensor, ...]) -> int:
    return len(outputs[0].data) if len(outputs) == 1 else sum([len(tensor.data) for tensor in outputs])


def _fractions(outputs: tuple[Tensor, ...]) -> Iterator[OutputName]:
    """The outputs of one column that hold numbers which are not whole by type."""
    for tensor in outputs:
        if tensor.width == 1 and tensor.kind == "number" and not tensor.integer:
            yield tensor.name, tensor.columns


def _as_scores(leg: LegAnswer, fractions: set[OutputName]) -> LegAnswer:
    """The answer with what JSON has as a whole number as a score, where the same output held others: a probability of 1
    is no class."""
    outputs = leg.outputs
    if not any(each.integer and not each.datatype and (each.name, each.columns) in fractions for each in outputs):
        return leg
    return replace(
        leg,
        outputs=tuple(
            [
                replace(each, integer=False)
                if each.integer and not each.datatype and (each.name, each.columns) in fractions
                else each
                for each in outputs
            ]
        ),
    )


def _has(legs: tuple[LegAnswer, ...], version: str, role: Role) -> bool:
    return any(leg.version == version and leg.role == role for leg in legs)


def _met(request: _Request, leg: LegAnswer) -> Iterator[LabelledPrediction]:
    for row, label in enumerate(request.labels or ()):
        if leg.prediction(row) is not None:
            yield LabelledPrediction(request.route, leg, row, label, request.legs)


def _plain(value: Any) -> Label | None:
    """A label as it is compared: whole numbers as int, whatever JSON or a tensor made of them."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        return int(value) if value.is_integer() else value if isfinite(value) else None
    if isinstance(value, str):
        return shortened(value, MAX_VALUE)
    return value if isinstance(value, int) else None


def predictions_of(outputs: tuple[Tensor, ...], those: range | None = None) -> tuple[Prediction, ...]:
    """The predictions in output tensors, row by row: a label, scores of classes, a number, or several; () for none.
    `those`: rows that are asked for, in place of all.

    >>> predictions_of((Tensor("p", 2, 2, "number", [0.1, 0.9, 0.8, 0.2]),))[1].scores
    (0.8, 0.2)
    """
    rows = outputs[0].rows if outputs else 0
    asked = range(rows)[those.start : those.stop] if those else range(rows)
    if len(asked) and len(outputs) == 1 and rows == 1 and outputs[0].width == 1:
        only, value = outputs[0], outputs[0].data[0]
        if only.integer or only.kind == "category":
            return (Prediction(_plain(value)),)
        return (Prediction(None, None, number(value)),)
    label = next((t for t in outputs if t.width == 1 and t.rows == rows and (t.integer or t.kind == "category")), None)
    scores = next((t for t in outputs if t.width > 1 and t.rows == rows and t.kind == "number" and not t.vector), None)
    amount = next(
        (t for t in outputs if t.width == 1 and t.rows == rows and t.kind == "number" and not t.integer), None
    )
    if label is None and scores is None and amount is None:
        return ()
    return tuple(
        [
            Prediction(
                None if label is None else _plain(label.data[row]),
                None
                if scores is None
                else tuple(map(number, scores.data[row * scores.width : (row + 1) * scores.width])),
                None if amount is None else number(amount.data[row]),
            )
            for row in asked
        ]
    )
