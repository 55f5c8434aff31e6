"""Templates of heads: requests that differ from an admitted one in values that no rule reads, and in their length.

Behind an ingress every request has an id, a trace context and a caller of its own, so no two heads are the same bytes,
and a cache by bytes (`memo`) never hits. A template is an admitted head without those values. Another head of the same
template is admitted without a parse, because:

1. All else is the same bytes, cut at the same names.
2. A value that varies is printable ASCII without a space at its ends, in a field that decides nothing (`VARYING`).
3. Content-Length is read by the one rule for it (`fields.content_length`).

Any other head is parsed.
"""

from __future__ import annotations

import re

from proxy.contracts.field_rules import content_length
from proxy.http1.memo import HeadMemo
from proxy.http1.request_head import Http1RequestHead

_NAMES = (
    "content-length",
    "x-request-id",
    "x-correlation-id",
    "traceparent",
    "tracestate",
    "b3",
    "x-b3-[a-z]+",
    "x-datadog-[a-z-]+",
    "x-amzn-trace-id",
    "x-cloud-trace-context",
    "x-forwarded-for",
    "x-real-ip",
    "x-user-id",
    "authorization",
    "cookie",
)
"""Fields that differ from request to request. All but the first two are passed on as they are."""


def _any_case(name: str) -> str:
    """A pattern for `name` in upper and lower case; cheaper than to ignore case everywhere."""
    name, ranges, rest = name.partition("[a-z")
    letters = "".join(f"[{each.upper()}{each}]" if each.isalpha() else each for each in name)
    return letters + ranges.replace("a-z", "A-Za-z") + rest


VARYING = re.compile(
    rb"(\r\n(?:%b): )([!-~](?:[ -~]*[!-~])?)(?=\r\n)" % "|".join(_any_case(name) for name in _NAMES).encode()
)


class Template:
    """One shape of head. `common`: only the length varies, so its heads are few enough for the cache by bytes."""

    __slots__ = ("_head", "_id", "_length", "_parts", "_places", "common")

    def __init__(
        self, head: Http1RequestHead, length: int, request_id: int, parts: list[bytes], places: list[int]
    ) -> None:
        self._head, self._length, self._id = head, length, request_id
        self._parts, self._places = parts, places
        self.common = not places

    def fill(self, values: list[bytes]) -> Http1RequestHead | None:
        """The head with these values (those of `VARYING`, in their order); None when the length is none."""
        head = self._head
        length = head.length if self._length < 0 else content_length(values[self._length])
        if length is None and self._length >= 0:
            return None
        parts = self._parts.copy()
        for at, place in enumerate(self._places):
            parts[2 * at + 1] = values[place]
        return head.varied(b"".join(parts), length, head.request_id if self._id < 0 else values[self._id])


def learn(head: Http1RequestHead, names: list[bytes], values: list[bytes], rest: bytes) -> Template | None:
    """The template of a head that was admitted; None when it is not sure where a value has gone. `rest`: the head
    without its values, in lower case."""
    lower = [name[2:-2].lower() for name in names]
    # A field that is there twice may be written in two ways, of which `VARYING` knows one.
    once = all(rest.count(b"\r\n" + name + b":") == 1 for name in lower)
    if not once or head.streamed or head.expects or head.tunnel:
        return None
    block, cuts = b"\r\n" + head.fields, []
    for place, (name, value) in enumerate(zip(names, values, strict=True)):
        if lower[place] == b"content-length":
            continue
        line = b"\r\nx-request-id: " if lower[place] == b"x-request-id" else name
        if block.count(line + value + b"\r\n") != 1:
            return None
        start = block.index(line + value + b"\r\n") + len(line)
        cuts.append((start, start + len(value), place))
    cuts.sort()
    parts, end = [], 2
    for start, stop, _ in cuts:
        parts += [block[end:start], b""]
        end = stop
    parts.append(block[end:])
    length, request_id = (lower.index(each) if each in lower else -1 for each in (b"content-length", b"x-request-id"))
    return Template(head, length, request_id, parts, [place for _, _, place in cuts])


class Templates:
    """Templates by the pieces of a head between its values; bounded like the cache of heads."""

    __slots__ = ("_known", "clear")

    def __init__(self) -> None:
        self._known: HeadMemo[tuple[bytes, ...], Template] = HeadMemo()
        self.clear = self._known.clear

    def head_of(self, raw: bytes) -> tuple[Http1RequestHead | None, bool]:
        """The head by its template (None where there is no template), and whether only its length varies."""
        pieces = VARYING.split(raw)
        values = pieces[2::3]
        del pieces[2::3]
        template = self._known.get(tuple(pieces))
        return (None, False) if template is None else (template.fill(values), template.common)

    def learn(self, raw: bytes, head: Http1RequestHead) -> None:
        """Adds the template of a raw head that a reader has parsed and admitted."""
        pieces = VARYING.split(raw)
        values = pieces[2::3]
        del pieces[2::3]
        template = learn(head, pieces[1::2], values, b"".join(pieces).lower()) if values else None
        if template is not None:
            self._known.put(tuple(pieces), template)
