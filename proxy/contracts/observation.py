"""The content of a record as payload reads it: features, predictions and text, laid out so that batches become numpy
arrays cheaply.

Nothing here is per value: a body of 30 features is one `Tensor` with one flat list, as the JSON parser made it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Literal

from msgspec import Struct

from proxy.contracts.outcome import ContentReason
from proxy.contracts.record import LegFacts, Record

ColumnKind = Literal["number", "category"]
"""`number`: numbers or booleans, NaN where missing. `category`: strings, None where missing."""


UnreadReason = Literal[
    "json",
    "schema",
    "shape",
    "values",
    "binary",
    "pointer",
    "too_many_tensors",
    "too_many_values",
    "encoding",
    "coding",
    "form",
    "expansion",
    "too_large",
    "parts_lost",
    "internal",
    "error_in_body",
    "error_in_stream",
    "unfinished_stream",
    "empty_body",
]
"""Why a body could not be read; label values of metrics. `encoding`: not in the content coding that it names.
`coding`: a content coding that is not read. `form`: an answer of the protocol, in a form that is not read.
`too_large`: the worker did not keep it. `parts_lost`: it travelled in parts, and not all of them came to be read.
`internal`: a bug of a codec. The last four are answers that say nothing (`contracts.outcome.CONTENT`)."""

NOT_LOOKED_AT: frozenset[str] = frozenset(
    ("too_large", "parts_lost", "too_many_tensors", "too_many_values", "coding", "expansion", "internal")
)
"""Reasons that are bounds of this program: nobody knows what such a body holds."""


MANY = 512
"""Values from which on numbers are kept packed: a list of them takes four times the room, and each pass over it some
microseconds."""


class Tensor(Struct, frozen=True, gc=False):
    """A named block of values, row-major and flat: `rows` x `width`."""

    name: str
    rows: int
    width: int
    kind: ColumnKind
    data: Sequence[Any]
    """`rows` x `width` values of `kind`."""
    columns: tuple[str, ...] = ()
    """The names of the columns where the protocol has them (a data frame); otherwise they are numbered in `name`."""
    integer: bool = False
    """The values are whole numbers by type, so a single column of them is a label rather than a score."""
    vector: bool = False
    """A row is one point (an embedding), compared by its direction."""
    ranks: bool = False
    """The values rate things that are ranked by them, compared by their order."""
    keys: tuple[int | str, ...] = ()
    """What each row is about, where the answer says so (`index`): rows are met by it, not by their place."""
    datatype: str = ""
    """The type of the values in the words of OIP, such as `FP16`; "": not said."""
    texts: tuple[tuple[str, tuple[str | None, ...]], ...] = ()
    """Texts that are too long to be categories: names, and of each a text for every row (every value of an output that
    is strings)."""


class Usage(Struct, frozen=True, gc=False):
    """The tokens of one answer as its server counted them; None where it did not say."""

    input: int | None = None
    """Tokens of the prompt, all of them."""
    output: int | None = None
    """Tokens of the answer, reasoning among them."""
    reasoning: int | None = None
    """Tokens of `output` that were spent on reasoning."""
    cached: int | None = None
    """Tokens of `input` that a cache had."""


NO_USAGE = Usage()
"""Of an answer that tells its tokens by what can be no counts."""


class Text(Struct, frozen=True, gc=False):
    """The answer of a language model: one of its choices, and the others with it."""

    text: str
    finish: str = ""
    """Why the model stopped, in its own word."""
    tools: tuple[tuple[str, str], ...] = ()
    """Calls of tools: (name, arguments as JSON with sorted keys and without spaces), so that the same are the same."""
    reasoning: str = ""
    """What the model thought aloud, which is no part of `text`."""
    refusal: str = ""
    """Why the model does not answer, where it says so apart."""
    others: tuple[Text, ...] = ()
    """Further choices, by index."""
    first_token: float | None = None
    """Seconds from the assignment to the first token."""
    gaps: tuple[float, ...] = ()
    """Seconds between the later pieces of a stream."""
    pieces: int = 0
    """Messages of a stream by gRPC that said something. Where their tensors are numbers, those are the answer
    (`Observation.outputs`), and a text without any says when they came."""


class Observation(LegFacts, array_like=True, gc=False, frozen=True):
    """A leg as analysed: its facts, and what `payload` read in its bodies. The bodies themselves are not in it."""

    source: tuple[int, str] = (0, "")
    """Worker and incarnation."""
    inputs: tuple[Tensor, ...] = ()
    """Features of the request; only with the leg that answered the client, because the request travels once."""
    outputs: tuple[Tensor, ...] = ()
    """Predictions of the answer."""
    text: Text | None = None
    """The answer of a language model."""
    unreadable_request: str = ""
    """Why the request's body gave nothing (`UnreadReason`), or "": it gave something, or there was none to read."""
    unreadable_response: str = ""
    """The same of the answer's body."""
    analysed: bool = False
    """Whether the body of an answer of a successful status was looked at, so that `content` says something."""
    content: ContentReason | Literal[""] = ""
    """Why an analysed answer has failed whatever its status says (`contracts.outcome.CONTENT`), or ""."""
    identity: str = ""
    """What the answer says of who gave it (`contracts.identity`), or ""."""
    usage: Usage | None = None
    """The tokens that the answer says it took."""
    asked: str = ""
    """The model that the request names, where it names one: only with the leg that answered the client."""

    @property
    def answered(self) -> bool:
        """The version answered with success, so its predictions can be compared."""
        return not self.failure and 200 <= self.status < 300

    @property
    def said(self) -> Text | None:
        """The text where that is the answer. That of a stream of predictions says alone when they came."""
        return None if self.text is not None and self.text.pieces and self.outputs else self.text


_facts: Callable[[Record], tuple[Any, ...]] = attrgetter(*LegFacts.__struct_fields__)


Answer = tuple[tuple[Tensor, ...], Text | None, str, bool, ContentReason | Literal[""], str, Usage | None]
"""What was read in an answer: the fields of an `Observation` from `outputs` to `usage`, less `unreadable_request`."""

NO_ANSWER: Answer = (), None, "", False, "", "", None


def observed(
    record: Record,
    source: tuple[int, str],
    inputs: tuple[Tensor, ...] = (),
    unreadable_request: str = "",
    answer: Answer = NO_ANSWER,
    asked: str = "",
) -> Observation:
    """The facts of a record, and what was read in its bodies."""
    outputs, text, unread, analysed, content, identity, usage = answer
    read = source, inputs, outputs, text, unreadable_request, unread, analysed, content, identity, usage, asked
    return Observation(*_facts(record) + read)  # in the order of the fields
