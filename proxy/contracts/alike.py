"""Legs that are alike but for their numbers, as nearly all of a batch are: read, compared and counted together.

What is the same of all is here once, and their numbers are doubles in one piece of memory, a row for each leg. To make
an object of each leg and of each tensor costs more than all that statistics compute of them, so `Observation` is made
only of those that are kept: what waits for another leg, and examples. Legs of `AlikeLegs` are all

1. of one worker, route, version, role and share, and ask for one model;
2. inferences that were answered with success, by one model that says so;
3. with one row of finite numbers in one tensor of the answer, and none or one row of numbers in one of the request.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

from proxy.contracts.leg_join import WorkerRun
from proxy.contracts.observation import MANY, Answer, Observation, Tensor, observed
from proxy.contracts.record import Record
from proxy.contracts.table import Role

DOUBLE = 8
"""Bytes of a number."""

_exchange, _request_id = attrgetter("exchange"), attrgetter("request_id")


class AlikeLegs(Struct, frozen=True):
    """A batch of legs that are alike. It is for the moment: whoever keeps a leg keeps an `Observation`, since the
    records here have the bodies."""

    records: list[Record]
    """What each was read from."""
    source: WorkerRun
    outputs: Tensor
    """The tensor of each answer, less its values."""
    output_rows: bytes
    """Those, as doubles: shape (legs, width)."""
    inputs: Tensor | None = None
    """The tensor of each request, less its values; None: they have none, as copies."""
    input_rows: bytes = b""
    identity: str = ""
    asked: str = ""

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Observation]:
        return map(self.leg, range(len(self.records)))

    @property
    def route(self) -> str:
        return self.records[0].route

    @property
    def version(self) -> str:
        return self.records[0].version

    @property
    def role(self) -> Role:
        return self.records[0].role

    @property
    def share(self) -> float:
        return self.records[0].share

    @property
    def exchanges(self) -> list[int]:
        """Their numbers in the worker."""
        return list(map(_exchange, self.records))

    @property
    def request_ids(self) -> list[str]:
        return list(map(_request_id, self.records))

    def leg(self, at: int) -> Observation:
        """One of them by itself."""
        inputs = (_filled(self.inputs, self.input_rows, at),) if self.inputs is not None else ()
        outputs = (_filled(self.outputs, self.output_rows, at),)
        answer: Answer = outputs, None, "", True, "", self.identity, None
        return observed(self.records[at], self.source, inputs, "", answer, self.asked)

    def some(self, places: Sequence[int]) -> list[Observation]:
        """Some of them by themselves."""
        return [self.leg(at) for at in places]

    def first(self, count: int) -> AlikeLegs:
        """The first so many of them."""
        inputs = self.input_rows[: count * self.inputs.width * DOUBLE] if self.inputs is not None else b""
        outputs = self.output_rows[: count * self.outputs.width * DOUBLE]
        return replace(self, records=self.records[:count], output_rows=outputs, input_rows=inputs)


def _filled(tensor: Tensor, rows: bytes, at: int) -> Tensor:
    size = tensor.width * DOUBLE
    values = array("d", rows[at * size : (at + 1) * size])
    return replace(tensor, data=values if tensor.width >= MANY and not tensor.integer else values.tolist())
