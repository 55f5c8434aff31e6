"""What payload makes of a record: features, predictions and text, laid out so that batches become numpy arrays cheaply.

Nothing here is per value: a body of 30 features is one `Tensor` with one flat list, as the JSON parser made it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import astuple

from proxy.contracts.record import Record

Kind = Literal["number", "category"]
"""`number`: numbers or booleans, NaN where missing. `category`: strings, None where missing."""


class Tensor(Struct, frozen=True, gc=False):
    """A named block of values, row-major and flat: `rows` x `width`.

    `columns` names the columns where the protocol does (a data frame); otherwise they are numbered in `name`.
    `integer`: the values are whole numbers by type, so a single column of them is a label rather than a score.
    `vector`: a row is one point (an embedding), compared by its direction.
    """

    name: str
    rows: int
    width: int
    kind: Kind
    data: Sequence[Any]
    columns: tuple[str, ...] = ()
    integer: bool = False
    vector: bool = False


class Text(Struct, frozen=True, gc=False):
    """What a language model said. Times in seconds: `first_token` from the assignment, `gaps` between the later
    chunks."""

    text: str
    finish: str = ""
    tools: tuple[tuple[str, str], ...] = ()
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    first_token: float | None = None
    gaps: tuple[float, ...] = ()


class Observation(Record, array_like=True, gc=False):
    """A record as analysed: control reads records as these, and payload fills in what their bodies say.

    `source` (worker, incarnation) and `exchange` tie the legs of one client request together. `inputs` stands only with
    the leg that answered the client (the request travels once). `unreadable_request` and `unreadable_response` say why
    a body gave nothing ("" when it did, or when there was none to read); the reasons are few and fixed
    (`payload.decode.REASONS`), so they can be labels of metrics.
    """

    source: tuple[int, str] = (0, "")
    inputs: tuple[Tensor, ...] = ()
    outputs: tuple[Tensor, ...] = ()
    text: Text | None = None
    unreadable_request: str = ""
    unreadable_response: str = ""

    @property
    def answered(self) -> bool:
        """The version answered with success, so its predictions can be compared."""
        return not self.failure and 200 <= self.status < 300


def unread(record: Record) -> Observation:
    """A record of which nothing has been read yet."""
    return Observation(*astuple(record))
