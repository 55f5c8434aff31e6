"""The worst disagreements of each version, to look at: a bounded few, redacted."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from math import inf
from typing import Any

from msgspec import Struct

from proxy.contracts.bounds import MAX_NAME, clipped, shortened
from proxy.contracts.grpc_status import label_of
from proxy.contracts.observation import Observation, Tensor, Text
from proxy.stats.agreement.rows import by_key, with_texts
from proxy.stats.agreement.tally import AnswerDifference
from proxy.stats.drift.features import feature_name, names_of

MAX_EXAMPLES = 20
"""Examples of one version; the mildest goes when a worse one comes."""

MAX_SHOWN = 64
"""Values of one side that an example shows, and calls of tools."""

MAX_SHOWN_TEXT = 6400
"""Characters of a text that an example shows."""

MAX_SHOWN_ARGUMENTS = 1000
"""Characters of the arguments of a call."""

MAX_SIDE = 8192
"""Characters of one side, names and values together: a text and some calls, or `MAX_SHOWN` values of common length."""

MAX_FOUND = 512
"""Characters of what a comparer found."""

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
    """`request`, `primary` and `candidate`, each a mapping of names to values of one row, or a text. Redaction pointers
    (RFC 6901), such as `/request/age`, lead into it."""
    truncated: bool = False
    """Whether there was more than is shown."""
    row: int = 0
    """The row that is shown: the first that differs; of rows that say what they are about, by that."""
    comparer: str = ""
    """The comparer, and what it found; where anything is redacted, the comparer alone."""


class Examples:
    """The worst examples of one version of a route. `redact`: JSON pointers into `Example.detail`."""

    __slots__ = ("_count", "_heap", "_redact")

    def __init__(self, redact: Sequence[str] = ()) -> None:
        self._redact = [path for pointer in redact for path in _paths(pointer)]
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

    def wanted(self, places: Sequence[int], shifts: Sequence[float] | None) -> Sequence[int]:
        """Those of many disagreements, by their shifts, that may be among the worst."""
        if len(self._heap) < MAX_EXAMPLES:
            return places
        mildest = self._heap[0][0]
        if shifts is None:
            return places if mildest < 1.0 else ()
        return [at for at in places if not shifts[at] <= mildest]

    def worst(self) -> list[Example]:
        """The kept examples, worst first."""
        return [example for _, _, example in sorted(self._heap, key=lambda entry: entry[:2], reverse=True)]

    def _example(self, reference: Observation, copy: Observation, difference: AnswerDifference) -> Example:
        row = difference.row
        asked, mine, other = _places(reference, copy, row)
        sides = {
            "request": _shown(reference.inputs, asked),
            "primary": _answer(reference, mine),
            "candidate": _answer(copy, other),
        }
        detail: dict[str, Any] = {name: shown for name, (shown, _) in sides.items()}
        truncated = any(cut for _, cut in sides.values())
        for path in self._redact:
            redact(detail, path)
        # What was found quotes the answers.
        found = difference.comparer.partition(":")[0] if self._redact else clipped(difference.comparer, MAX_FOUND)
        facts = copy.request_id, copy.started, copy.version, difference.kind, difference.shift
        return Example(*facts, detail, truncated, row, found)


def _badness(shift: float | None) -> float:
    if shift is None:
        return 1.0
    return shift if shift == shift else inf  # a heap cannot order what is no number


def _places(reference: Observation, copy: Observation, row: int) -> tuple[int, int, int]:
    """Where a row stands in the request and in both answers, which may have their rows in any order where they say
    what each is about (`Tensor.keys`)."""
    keys = next((by_key(tensor).keys for tensor in reference.outputs if tensor.keys), ())
    if row >= len(keys):
        return row, row, row
    key = keys[row]
    mine, other = (_place(leg.outputs, key, row) for leg in (reference, copy))
    return key if isinstance(key, int) else row, mine, other


def _place(outputs: Sequence[Tensor], key: int | str, row: int) -> int:
    return next((tensor.keys.index(key) for tensor in outputs if key in tensor.keys), row)


Side = tuple[dict[str, Any], bool]
"""What one side shows, and whether there was more."""


def _answer(leg: Observation, row: int) -> Side:
    if not leg.answered:
        return _failed(leg), False
    return _shown(with_texts(leg.outputs), row) if leg.said is None else _text(leg.said)


def _failed(leg: Observation) -> dict[str, Any]:
    """Why there is no answer; of a call of gRPC by its own status, and with what the version said."""
    if leg.call < 0:
        return {"status": leg.status, "failure": leg.failure}
    return {"status": label_of(leg.call), "failure": leg.failure, "message": leg.detail}


def _text(answer: Text) -> Side:
    text, left = clipped(answer.text, MAX_SHOWN_TEXT), MAX_SIDE
    left -= len(text)
    tools: list[dict[str, str]] = []
    for name, arguments in answer.tools[:MAX_SHOWN]:
        call = {"name": name, "arguments": clipped(arguments, MAX_SHOWN_ARGUMENTS)}
        left -= sum(map(len, call.values()))
        if left < 0:
            break
        tools.append(call)
    whole = text == answer.text and [(each["name"], each["arguments"]) for each in tools] == list(answer.tools)
    return {"text": text, "finish": answer.finish, "tools": tools}, not whole


def _shown(tensors: Sequence[Tensor], row: int) -> Side:
    """The values of one row; of what has fewer rows, of the last one."""
    shown: dict[str, Any] = {}
    left, cut = MAX_SIDE, False
    for tensor in tensors:
        names = names_of((tensor.name, tensor.columns, min(tensor.width, MAX_SHOWN), tensor.kind))
        begin = max(min(row, tensor.rows - 1), 0) * tensor.width
        for name, value in zip(names, tensor.data[begin : begin + tensor.width], strict=False):
            if isinstance(value, str) and len(value) > MAX_SHOWN_TEXT:
                value, cut = clipped(value, MAX_SHOWN_TEXT), True
            left -= len(name) + (len(value) if isinstance(value, str) else 0)
            if left < 0 or len(shown) == MAX_SHOWN:
                return shown, True
            shown[name] = value
    return shown, cut or any(tensor.width > MAX_SHOWN for tensor in tensors)


def _paths(pointer: str) -> list[list[str]]:
    """The paths that a pointer may mean: names that bodies give are shortened, whole or before their number."""
    path = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    ways: list[Callable[[str], str]] = [lambda name: name, lambda name: shortened(name, MAX_NAME), feature_name]
    found = [list(map(way, path)) for way in ways]
    return [each for at, each in enumerate(found) if each not in found[:at]]


def redact(document: Any, path: Sequence[str]) -> None:
    """Replaces the value at `path` (names, from the outside in); a path that leads nowhere changes nothing.

    >>> document = {"request": {"age": 41}}
    >>> redact(document, ["request", "age"])
    >>> document
    {'request': {'age': '[redacted]'}}
    """
    *parents, last = path or [""]
    for part in parents:
        if not isinstance(document, dict) or part not in document:
            return
        document = document[part]
    if isinstance(document, dict) and last in document:
        document[last] = REDACTED
