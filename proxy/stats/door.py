"""What an observation may carry in: names, values and texts that clients and servers chose, shortened before anything
is keyed by them, compared or kept.

Texts of one length keep their meaning: equal ones stay equal, different ones different (`contracts.bounds`), so that
features, categories and answers are told apart as before. Almost no observation has a long one: what fits is passed on
as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from proxy.contracts.bounds import MAX_NAME, MAX_TEXT, MAX_VALUE, shortened
from proxy.contracts.identity import bounded
from proxy.contracts.observation import Observation, Tensor, Text
from proxy.contracts.record import MAX_REQUEST_ID

MAX_TOOLS = 64
"""Calls of tools in one answer; further ones are one, whose name is their hash."""


def admitted(leg: Observation) -> Observation:
    """`leg` with texts of bounded length; itself where they are.

    >>> facts = {"exchange": 1, "request_id": "a", "route": "r", "share": 1.0, "version": "v", "role": "primary"}
    >>> leg = Observation(**facts, started=0.0, total=0.0, outputs=(Tensor("y" * 1000, 1, 1, "number", [1.0]),))
    >>> len(admitted(leg).outputs[0].name), admitted(admitted(leg)) == admitted(leg)
    (128, True)
    """
    if _fit(leg.inputs + leg.outputs) and (leg.text is None or _fits(leg.text)) and _are_short(leg):
        return leg
    return replace(
        leg,
        request_id=leg.request_id[:MAX_REQUEST_ID],
        inputs=tuple(map(_tensor, leg.inputs)),
        outputs=tuple(map(_tensor, leg.outputs)),
        text=leg.text and _text(leg.text),
        identity=bounded(leg.identity),
        asked=bounded(leg.asked),
    )


def _are_short(leg: Observation) -> bool:
    if len(leg.request_id) > MAX_REQUEST_ID:
        return False
    both = leg.identity + leg.asked  # as good as always short and plain, or empty
    return (len(both) <= MAX_NAME and both.isascii()) or (_is_bounded(leg.identity) and _is_bounded(leg.asked))


def _is_bounded(who: str) -> bool:
    return (len(who) <= MAX_NAME and who.isascii()) or bounded(who) == who


def _fit(tensors: Sequence[Tensor]) -> bool:
    for tensor in tensors:
        if len(tensor.name) > MAX_NAME or (tensor.columns and max(map(len, tensor.columns)) > MAX_NAME):
            return False
        if tensor.kind == "category" and not _are_values(tensor.data):
            return False
    return True


def _are_values(data: Sequence[str | None]) -> bool:
    # The sum first: most often all of them together are no longer than one may be.
    try:
        lengths = list(map(len, filter(None, data)))
    except TypeError:  # numbers among them, which are short
        lengths = [len(value) for value in data if isinstance(value, str)]
    return sum(lengths) <= MAX_VALUE or max(lengths) <= MAX_VALUE


def _tensor(tensor: Tensor) -> Tensor:
    data: Sequence[Any] = tensor.data
    if tensor.kind == "category":
        data = [shortened(value, MAX_VALUE) if isinstance(value, str) else value for value in data]
    columns = tuple([shortened(column, MAX_NAME) for column in tensor.columns])
    return replace(tensor, name=shortened(tensor.name, MAX_NAME), columns=columns, data=data)


def _fits(text: Text) -> bool:
    if len(text.text) > MAX_TEXT or len(text.finish) > MAX_NAME:
        return False
    if len(text.reasoning) > MAX_TEXT or len(text.refusal) > MAX_TEXT or not all(map(_fits, text.others)):
        return False
    return not text.tools or _tools(text.tools) == text.tools


def _text(text: Text) -> Text:
    return replace(
        text,
        text=shortened(text.text, MAX_TEXT),
        finish=shortened(text.finish, MAX_NAME),
        tools=_tools(text.tools),
        reasoning=shortened(text.reasoning, MAX_TEXT),
        refusal=shortened(text.refusal, MAX_TEXT),
        others=tuple(map(_text, text.others)),
    )


def _tools(tools: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Calls of bounded length and number."""
    kept, rest = tools[:MAX_TOOLS], tools[MAX_TOOLS:]
    if rest:
        kept = (*kept[:-1], ("", repr((kept[-1], *rest))))
    return tuple([(shortened(name, MAX_NAME), shortened(arguments, MAX_TEXT)) for name, arguments in kept])
