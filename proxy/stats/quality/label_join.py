"""Labels that come late, joined with what every version predicted for that request, shadows included.

Predictions wait for their label by request id: those of a route no longer than its `wait`, and in all at most
`MAX_WAITING_REQUESTS` requests and `MAX_WAITING_BYTES`. When that is full, the route that holds most of it gives up its
oldest request, so a busy route costs the others nothing. A label that comes twice counts once. A label whose request is
unknown (never made, given up, not kept) is counted and dropped.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from itertools import repeat
from sys import getsizeof
from typing import Any, Literal, NamedTuple

from msgspec import Struct, field

from proxy.contracts.alike import AlikeLegs
from proxy.contracts.observation import Observation, Tensor
from proxy.contracts.table import Role
from proxy.stats.quality.answer_block import AnswerBlock, OutputName, alike_block, as_scores, blocks_of, fractions_of
from proxy.stats.quality.label_bias import LabelArrival
from proxy.stats.quality.predictions import Label, LegAnswer, plain

MAX_WAITING_REQUESTS = 20_000
"""Requests of all routes whose predictions wait for a label, about 0.4 kB each with a shadow; when full, the oldest of
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

MAX_EARLY_BYTES = 1 << 22
"""Bytes of the labels that wait for their request: one may be a list."""

MAX_VALUES = 256
"""Values of an answer that waits; answers of larger batches, and vectors, are not kept (`too_large`)."""

MAX_FRACTIONS = 64
"""Outputs of a route that are known to hold fractions; of further ones, whole numbers are classes."""

VersionRole = tuple[str, Role]
"""Version and role."""

LabelOutcome = Literal["joined", "duplicate", "unknown", "mismatch"]
"""Fate of a label. `unknown`: no such request so far; if it comes within `EARLY_SECONDS`, they still meet.
`mismatch`: a list of another length than the request had rows, or no usable value."""


class LabelledPrediction(NamedTuple):
    """One row of a request with its label."""

    route: str
    leg: LegAnswer
    """The answer that newly meets the label."""
    row: int
    label: Label
    others: tuple[LegAnswer, ...]
    """All answers to the request, `leg` among them."""


class _Kept(Struct, gc=False):
    # An answer that waits: a place in a block, and the answers to the same request that came before. Tens of thousands
    # wait: none of it is for the garbage collector to walk through.
    block: AnswerBlock
    at: int
    before: _Kept | None = None


class _Labelled(Struct, gc=False):
    # A request whose label has come, with its answers as they are read.
    labels: tuple[Label, ...]
    legs: tuple[LegAnswer, ...]
    weight: int


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
        "_labelled",
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
        self._requests: dict[str, _Kept] = {}
        self._labelled: dict[str, _Labelled] = {}
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
        route = legs[0].route
        queue = self._queues[route]
        queue.wait = wait
        answers = [
            leg for leg in legs if leg.outputs and leg.request_id and not leg.failure and 200 <= leg.status < 300
        ]
        small = [leg for leg in answers if _size(leg.outputs) <= MAX_VALUES]
        if len(small) < len(answers):
            self.lost[route, "too_large"] += len(answers) - len(small)
        if len(queue.fractions) < MAX_FRACTIONS:
            queue.fractions.update(fractions_of(legs[0].outputs))  # one of a batch says enough
        labelled: list[LabelledPrediction] = []
        for block in blocks_of(small, now):
            labelled += self._add(block, queue, now)
        return labelled

    def update_alike(self, legs: AlikeLegs, wait: float, now: float) -> list[LabelledPrediction]:
        """The same of legs that are alike."""
        queue = self._queues[legs.route]
        queue.wait = wait
        if legs.outputs.width > MAX_VALUES:
            self.lost[legs.route, "too_large"] += len(legs)
            return []
        if len(queue.fractions) < MAX_FRACTIONS:
            queue.fractions.update(fractions_of((legs.outputs,)))
        return self._add(alike_block(legs, now), queue, now)

    def _add(self, block: AnswerBlock, queue: _Queue, now: float) -> list[LabelledPrediction]:
        if block.packed and self._add_at_once(block, queue):
            return []
        requests, order, weights, added = self._requests, queue.order, block.weights, 0
        labelled: list[LabelledPrediction] = []
        alike: AnswerBlock | None = None
        for at, request_id in enumerate(block.ids):
            before = requests.get(request_id)
            if before is None:
                if not block.predicts(at):
                    self.lost[block.route, "no_prediction"] += 1
                    continue
                order.append(request_id)
            elif before.block is not alike or before.before is not None:
                if not self._fits(before, block, at):
                    continue
                alike = before.block if block.packed and before.block.packed and before.before is None else None
            requests[request_id] = _Kept(block, at, before)
            added += weights[at]
            if self._early or self._labelled:
                labelled += self._meet(request_id, block, at, now)
        if added:
            self._weigh(block.route, added)
            self._make_room()
        return labelled

    def _add_at_once(self, block: AnswerBlock, queue: _Queue) -> bool:
        """Adds packed answers where all are the first to their requests, or all the second after the answers of one
        block: False where they are neither, or a label may have come."""
        requests, ids, places = self._requests, block.ids, range(len(block.ids))
        if self._early or self._labelled or not block.predicts(0) or len(set(ids)) < len(ids):
            return False
        before = list(map(requests.get, ids))
        first = before[0]
        if first is None:
            if any(before):
                return False
            queue.order.extend(ids)
            requests.update(zip(ids, map(_Kept, repeat(block), places), strict=True))
        else:
            known = first.block
            if [each for each in before if each is None or each.block is not known or each.before is not None]:
                return False
            if not known.packed or known.route != block.route or not self._fits(first, block, 0):
                return False
            requests.update(zip(ids, map(_Kept, repeat(block), places, before), strict=True))
        self._weigh(block.route, sum(block.weights))
        self._make_room()
        return True

    def _make_room(self) -> None:
        """Gives up the oldest requests of the routes that hold most, as many as there are too many."""
        while (over := len(self._requests) - self._capacity) > 0:
            most, *others = sorted(self._queues.values(), key=lambda queue: len(queue.order), reverse=True)[:2]
            ahead = len(most.order) - len(others[0].order) if others else over
            for _ in range(min(over, ahead + 1)):
                self._give_up(most, "evicted")

    def _fits(self, before: _Kept, block: AnswerBlock, at: int) -> bool:
        """Whether an answer belongs to a request that waits, and its version has given none yet."""
        known = before.block
        if known.route != block.route:
            self.lost[block.route, "id_in_use"] += 1
            return False
        if known.rows[before.at] != block.rows[at]:
            return False
        return (block.version, block.role) not in _arms(before)

    def _weigh(self, route: str, more: int) -> None:
        """Requests of a route weigh so many bytes more. What is too much is given up, oldest of the heaviest route
        first."""
        self._queues[route].bytes += more
        self._bytes += more
        while self._bytes > self._max_bytes:
            self._give_up(max(self._queues.values(), key=lambda queue: queue.bytes), "evicted")

    def _meet(self, request_id: str, block: AnswerBlock, at: int, now: float) -> list[LabelledPrediction]:
        """The predictions of an answer with the labels that were there before it."""
        early = self._early.pop(request_id, None)
        self._early_bytes -= early[2] if early else 0
        if early and now < early[1]:
            outcome, met = self._join(request_id, early[0])
            self.outcomes[outcome] += 1
            if outcome == "joined":
                return met
        request = self._labelled.get(request_id)
        if request is None:
            return []
        leg = as_scores(block.answer(at), self._queues[block.route].fractions)
        request.legs += (leg,)
        return list(_met(block.route, request, leg))

    def on_label(self, request_id: str, label: Any, now: float) -> tuple[LabelOutcome, list[LabelledPrediction]]:
        """Joins a label, one value or a list with one for each row; returns its outcome and the predictions it met."""
        outcome, met = self._join(request_id, label)
        self.outcomes[outcome] += 1
        if outcome == "unknown" and isinstance(label, list) and len(label) > MAX_VALUES:
            self.forgotten += 1  # no answer of so many rows is kept
        elif outcome == "unknown":
            self._wait(request_id, label, now)
        return outcome, met

    def knows(self, request_id: str) -> bool:
        """Whether predictions for a request are kept."""
        return request_id in self._requests

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
        kept = self._requests.get(request_id)
        if kept is None:
            return "unknown", []
        if request_id in self._labelled:
            return "duplicate", []
        given, route = label if isinstance(label, list) else [label], kept.block.route
        labels = tuple(map(plain, given)) if len(given) == kept.block.rows[kept.at] else (None,)
        if None in labels:
            return "mismatch", []
        fractions, more = self._queues[route].fractions, _bytes_of(label)
        legs = tuple([as_scores(each.block.answer(each.at), fractions) for each in _in_order(kept)])
        request = _Labelled(tuple([each for each in labels if each is not None]), legs, more)
        self._labelled[request_id] = request
        met = [met for leg in legs for met in _met(route, request, leg)]
        self._weigh(route, more)
        return "joined", met

    def forget(self, route: str, version: str) -> None:
        """Drops what `version` predicted for requests that wait for a label: another model did."""
        gone: dict[int, AnswerBlock] = {}
        for request_id in self._queues[route].order:
            blocks = [each.block for each in _chain(self._requests[request_id]) if not each.block.gone]
            if replaced := [block for block in blocks if block.version == version]:
                gone |= {id(block): block for block in replaced}
                self.lost[route, "replaced"] += request_id not in self._labelled
            if request := self._labelled.get(request_id):
                request.legs = tuple([leg for leg in request.legs if leg.version != version])
        for block in gone.values():
            block.forget()

    def arrivals(self, route: str, mine: VersionRole, theirs: VersionRole) -> Iterator[LabelArrival]:
        """The requests of a route that are kept, oldest first, as two arms answered them."""
        for request_id in self._queues[route].order:
            arms = _arms(self._requests[request_id])
            yield LabelArrival(mine in arms, theirs in arms, request_id in self._labelled)

    def expire(self, now: float) -> None:
        """Gives up on predictions that waited longer than their route says."""
        for queue in self._queues.values():
            while queue.order and now >= _since(self._requests[queue.order[0]]) + queue.wait:
                self._give_up(queue, "late")

    def _give_up(self, queue: _Queue, reason: str) -> None:
        request_id = queue.order.popleft()
        left: _Kept | None = self._requests.pop(request_id)
        labelled = self._labelled.pop(request_id, None) if self._labelled else None
        weight = labelled.weight if labelled else 0
        while left is not None:
            block = left.block
            weight += block.weights[left.at]
            block.release(left.at)
            route, left = block.route, left.before
        queue.bytes -= weight
        self._bytes -= weight
        if labelled is None:
            self.lost[route, reason] += 1


def _chain(kept: _Kept) -> Iterator[_Kept]:
    """The answers to one request, newest first."""
    left: _Kept | None = kept
    while left is not None:
        yield left
        left = left.before


def _in_order(kept: _Kept) -> list[_Kept]:
    """The answers of models that are still there, oldest first."""
    return [each for each in _chain(kept) if not each.block.gone][::-1]


def _since(kept: _Kept) -> float:
    """When the first one came."""
    while kept.before is not None:
        kept = kept.before
    return kept.block.since


def _arms(kept: _Kept) -> list[VersionRole]:
    """Who has answered a request."""
    return [(each.block.version, each.block.role) for each in _chain(kept) if not each.block.gone]


def _bytes_of(label: Any) -> int:
    return sum(getsizeof(each) + 8 for each in label) if isinstance(label, list) else getsizeof(label) + 8


def _size(outputs: tuple[Tensor, ...]) -> int:
    return len(outputs[0].data) if len(outputs) == 1 else sum([len(tensor.data) for tensor in outputs])


def _met(route: str, request: _Labelled, leg: LegAnswer) -> Iterator[LabelledPrediction]:
    for row, label in enumerate(request.labels):
        if leg.prediction(row) is not None:
            yield LabelledPrediction(route, leg, row, label, request.legs)
