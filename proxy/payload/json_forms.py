"""Bodies of JSON that are the same bytes but for their numbers and their id, of which the numbers alone are parsed.

A client writes its requests alike, and a server its answers. Of a body with one flat tensor (`oip`) it is found out
where its numbers stand, and where its id, which says nothing (`form_of`). What stands in another body between the same
bytes is then its numbers: `rows_of` parses those of a whole batch in one go.

1. That a form is one is tried out, not reckoned: the body with other numbers and another id in their places has to read
   as the same tensor with those numbers, and that id.
2. An id is letters, digits and a few signs: nothing that could end it early.
3. What stands in place of the numbers has to be numbers, as many as in the first body: a batch in which it is not gives
   no rows at all, and its bodies are read one by one.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import orjson
from msgspec import Struct

ID = re.compile(rb'"id"\s*:\s*"([^"\\]*)"')
PLAIN = bytes(range(ord("0"), ord("9") + 1)) + bytes(range(ord("A"), ord("Z") + 1)) + b"-_.:"
PLAIN += PLAIN.lower()
"""What an id may be made of."""

OTHER_ID = b"another-0f7c21d4"
OTHER_NUMBER = 7.25
"""What a form is tried out with."""

NOT_NUMBERS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Tensor(Struct, gc=False):
    data: msgspec.Raw = msgspec.Raw()


class _Tensors(Struct, gc=False):
    inputs: list[_Tensor] = []
    outputs: list[_Tensor] = []


_tensors = msgspec.json.Decoder(_Tensors).decode


class JsonForm(Struct, frozen=True, gc=False):
    """`head` is what stands before the numbers, `tail` what stands behind them; with an id, `before` is what stands
    before that, and `head` what stands between the two."""

    before: bytes | None
    head: bytes
    tail: bytes
    width: int

    def numbers(self, bodies: Sequence[bytes]) -> list[bytes]:
        """What stands in place of the numbers in each of some bodies; b"" in one that is not of the form, and in all
        where an id is odd (rule 2)."""
        head, tail = self.head, self.tail
        size, end = len(head), -len(tail)
        if self.before is None:
            return [body[size:end] if body.startswith(head) and body.endswith(tail) else b"" for body in bodies]
        before, begin = self.before, len(self.before)
        found: list[bytes] = []
        ids: list[bytes] = []
        for body in bodies:
            at = body.find(b'"', begin)
            if body.startswith(before) and body.startswith(head, at) and body.endswith(tail):
                ids.append(body[begin:at])
                found.append(body[at + size : end])
            else:
                found.append(b"")
        return [b""] * len(found) if b"".join(ids).translate(None, PLAIN) else found

    def rows(self, numbers: Sequence[bytes]) -> list[bytes] | None:
        """The numbers in those places as doubles, a row for each; None where they are not as many numbers everywhere
        (rule 3)."""
        pack = packer(self.width)
        try:
            if self.width == 1:
                rows = list(map(pack, orjson.loads(b"[%b]" % b",".join(numbers))))
            else:
                rows = [pack(*row) for row in orjson.loads(b"[[%b]]" % b"],[".join(numbers))]
        except (ValueError, TypeError, OverflowError, struct.error):
            return None
        return rows if len(rows) == len(numbers) else None


@lru_cache(maxsize=256)
def packer(values: int) -> Callable[..., bytes]:
    """What packs so many numbers as doubles."""
    return struct.Struct(f"{values}d").pack


def form_of(body: bytes, read: Callable[[bytes], Any]) -> JsonForm | None:
    """The form of a body; None where it has none. `read`: what reads it to typed tensors (`oip.typed_request`,
    `oip.typed_answer`), of which it has one, with numbers."""
    try:
        found = _tensors(body)
        (data,) = [bytes(each.data) for each in (*found.inputs, *found.outputs) if bytes(each.data)]
        at, width = body.rfind(data), len(read(body).tensors[0].data)
        head, tail = body[: at + 1], body[at + len(data) - 1 :]
        id_ = ID.search(head)
        forms = [JsonForm(head[: id_.start(1)], head[id_.end(1) :], tail, width)] if id_ else []
        return next((form for form in (*forms, JsonForm(None, head, tail, width)) if _is_one(form, body, read)), None)
    except (*NOT_NUMBERS, ValueError):
        return None


def _is_one(form: JsonForm, body: bytes, read: Callable[[bytes], Any]) -> bool:
    """Tries a form out (rule 1). Raises what reading raises."""
    numbers = [OTHER_NUMBER] * form.width
    begin = b"" if form.before is None else form.before + OTHER_ID
    other = b"%b%b%b%b" % (begin, form.head, b",".join([b"%g" % each for each in numbers]), form.tail)
    whole, tried = read(body), read(other)
    if tried.tensors[0].data != numbers:
        return False
    tried.tensors[0].data = whole.tensors[0].data
    named = form.before is None or (OTHER_ID not in body and orjson.loads(other).get("id") == OTHER_ID.decode())
    return bool(tried == whole) and named
