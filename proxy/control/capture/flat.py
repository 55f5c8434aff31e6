"""A capture as rows of a table, for the tools that people of data have; and back.

A leg is a row for each row of its request or its answer: what a data frame would have. The first of them has `raw`, the
line of the leg as the capture has it, from which the capture is made again, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any

import msgspec

from proxy.contracts.observation import Observation, Tensor
from proxy.contracts.settings import DEFAULT_ANALYSIS, RouteSettings
from proxy.control.capture.exchanges import CapturedExchange
from proxy.control.capture.format import Captured, LabelLine, UnreadableLineError, line_of, parsed
from proxy.payload.decode import decode

FEATURE, PREDICTION = "feature.", "prediction."
"""Before the names of columns that bodies give."""

MAX_FLAT_ROWS = 10_000
"""Rows of one leg."""

Names = Callable[[Tensor], tuple[str, ...]]
"""What the columns of a tensor are called."""

FACTS = ("route", "version", "role", "request_id", "started", "total", "first_byte", "status", "failure")


class Flattener:
    """`rows` are those of an exchange. `routes` say how bodies are read; without, by what they look like."""

    __slots__ = ("_names", "_routes")

    def __init__(self, routes: Mapping[str, RouteSettings], names: Names) -> None:
        self._routes, self._names = routes, names

    def rows(self, exchange: CapturedExchange) -> Iterator[dict[str, Any]]:
        """The rows of all legs."""
        return chain.from_iterable(self._of(leg, exchange) for leg in exchange.legs)

    def _of(self, leg: Captured, exchange: CapturedExchange) -> Iterator[dict[str, Any]]:
        section = self._routes.get(leg.route)
        protocol, analysis = (section.protocol, section.analysis) if section else ("auto", DEFAULT_ANALYSIS)
        seen = decode(leg, protocol, leg.source, analysis)
        labelled = exchange.label is not None and leg is exchange.first
        label = msgspec.json.encode(exchange.label).decode() if labelled else None
        facts: dict[str, Any] = {name: getattr(leg, name) for name in FACTS}
        facts |= {"outcome": leg.outcome, "weight": leg.weight, "rare": leg.extra, "label": label}
        facts["text"] = seen.text.text if seen.text is not None else None
        raw = line_of(leg)[:-1].decode()
        for at in range(min(_rows(seen), MAX_FLAT_ROWS)):
            yield {"raw": raw if at == 0 else None, "row": at} | facts | self._values(seen, at)

    def _values(self, seen: Observation, at: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for prefix, tensors in ((FEATURE, seen.inputs), (PREDICTION, seen.outputs)):
            for tensor in tensors:
                begin = at * tensor.width
                cells = tensor.data[begin : begin + tensor.width] if at < tensor.rows else ()
                values.update((prefix + name, cell) for name, cell in zip(self._names(tensor), cells, strict=False))
        return values


def _rows(seen: Observation) -> int:
    return max([1, *[tensor.rows for tensor in (*seen.inputs, *seen.outputs)]])


def lines_of(row: Mapping[str, Any], where: str) -> Iterator[bytes]:
    """The lines of a capture that an exported row stands for. Raises UnreadableLineError."""
    raw = row.get("raw")
    if raw is None:
        return
    try:
        leg = parsed(raw.encode()) if isinstance(raw, str) else None
    except msgspec.MsgspecError as error:
        raise UnreadableLineError(f"{where}: raw: {error}") from error
    if not isinstance(leg, Captured):
        raise UnreadableLineError(f"{where}: raw is no leg of a capture")
    yield line_of(leg)
    if isinstance(label := row.get("label"), str) and leg.request_id:
        try:
            yield line_of(LabelLine(label=msgspec.json.decode(label), request_id=leg.request_id))
        except msgspec.MsgspecError as error:
            raise UnreadableLineError(f"{where}: label: {error}") from error
