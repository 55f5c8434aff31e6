"""The worst disagreements of each version, to look at: a bounded few, redacted."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from math import inf
from typing import Any

from msgspec import Struct

from proxy.contracts.observation import Observation, Tensor
from proxy.stats.agreement.compare import AnswerDifference
from proxy.stats.drift.features import names_of

MAX_EXAMPLES = 20
"""Examples of one version; the mildest goes when a worse one comes."""

MAX_SHOWN = 64
"""Values of one side, and hundreds of characters of a text, that an example shows."""

REDACTED = "[redacted]"


class Example(Struct, frozen=True):
    """One disagreement."""

    request_id: str
    started: float
    """Unix time at which the copy began, seconds."""
    version: str
    """The shadow's version."""
    kind: str
    shift: float | None
    detail: dict[str, Any]
    """`request`, `primary` and `candidate`, each a mapping of names to values of the first row, or a text. Redaction
    pointers (RFC 6901), such as `/request/age`, lead into it."""


class Examples:
    """The worst examples of one version of a route. `redact`: JSON pointers into `Example.detail`."""

    __slots__ = ("_count", "_heap", "_redact")

    def __init__(self, redact: Sequence[str] = ()) -> None:
        self._redact = [pointer.split("/")[1:] for pointer in redact]
        self._heap: list[tuple[float, int, Example]] = []
        self._count = 0

    def update(self, reference: Observation, copy: Observation, difference: AnswerDifference) -> None:
        """Keeps the pair if it is among the worst."""
        if not self.wants(difference.shift):
            return
        self._count += 1
        entry = (_badness(difference.shift), self._count, self._example(reference, copy, difference))
        if len(self._heap) < MAX_EXAMPLES:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heapreplace(self._heap, entry)

    def wants(self, shift: float | None) -> bool:
        """Whether a disagreement by so much is among the worst."""
        return len(self._heap) < MAX_EXAMPLES or _badness(shift) > self._heap[0][0]

    def worst(self) -> list[Example]:
        """The kept examples, worst first."""
        return [example for _, _, example in sorted(self._heap, key=lambda entry: entry[:2], reverse=True)]

    def _example(self, reference: Observation, copy: Observation, difference: AnswerDifference) -> Example:
        detail = {
            "request": _shown(reference.inputs),
            "primary": _answer(reference),
            "candidate": _answer(copy),
        }
        for path in self._redact:
            redact(detail, path)
        return Example(copy.request_id, copy.started, copy.version, difference.kind, difference.shift, detail)


def _badness(shift: float | None) -> float:
    if shift is None:
        return 1.0
    return shift if shift == shift else inf  # a heap cannot order what is no number


def _answer(leg: Observation) -> dict[str, Any]:
    if not leg.answered:
        return {"status": leg.status, "failure": leg.failure}
    if leg.text is None:
        return _shown(leg.outputs)
    tools = [{"name": name, "arguments": arguments} for name, arguments in leg.text.tools]
    return {"text": leg.text.text[: 100 * MAX_SHOWN], "finish": leg.text.finish, "tools": tools}


def _shown(tensors: Sequence[Tensor]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for tensor in tensors:
        names = names_of((tensor.name, tensor.columns, min(tensor.width, MAX_SHOWN), tensor.kind))
        shown.update(zip(names[: MAX_SHOWN - len(shown)], tensor.data, strict=False))
    return shown


def redact(document: Any, path: Sequence[str]) -> None:
    """Replaces the value at `path` (the parts of a JSON pointer, RFC 6901); a path that leads nowhere changes nothing.

    >>> document = {"request": {"age": 41}}
    >>> redact(document, ["request", "age"])
    >>> document
    {'request': {'age': '[redacted]'}}
    """
    *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in path] or [""]
    for part in parents:
        if not isinstance(document, dict) or part not in document:
            return
        document = document[part]
    if isinstance(document, dict) and last in document:
        document[last] = REDACTED
