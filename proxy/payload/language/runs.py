"""Runs of like events in a stream: each is the one before it but for the text that it adds.

Nearly all events of a stream are such. A run is read in one go: what stands before and behind the text, byte for byte,
is what its events are parted by.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate

import orjson

from proxy.payload.sse import Event

RUN_BYTES = 64 * 1024
"""Bytes that are looked at for one run, so that looks for short ones cost no more than their events."""
STRING = re.compile(rb'(?:[^"\\]|\\.)*+', re.DOTALL)
"""What stands between the quotes of a string of JSON."""


def run_behind(stream: bytes, event: Event, said: str) -> tuple[list[str], list[int]]:
    """The texts of the events behind one that said `said`, as far as these differ from it in that text alone; and where
    each of them ends."""
    found = _around(stream[event.begin : event.end], said)
    if found is None or not stream.startswith(found[0], event.end):
        return [], []
    before, behind = found
    begin = event.end + len(before)
    *pieces, _ = stream[begin : begin + RUN_BYTES].split(behind + before)
    if b"\\" in (joined := b"".join(pieces)) or b'"' in joined:
        pieces = _strings(pieces)
    try:
        texts: list[str] = orjson.loads(b'["' + b'","'.join(pieces) + b'"]') if pieces else []
    except orjson.JSONDecodeError:
        return [], []
    frame = len(before) + len(behind)
    return texts, list(accumulate([len(piece) + frame for piece in pieces], initial=event.end))[1:]


def _around(event: bytes, said: str) -> tuple[bytes, bytes] | None:
    """What stands before and behind the one text of an event, as servers write JSON; None: it stands there twice."""
    for quoted in (orjson.dumps(said), json.dumps(said).encode()):
        if event.count(quoted) == 1:
            before, _, behind = event.partition(quoted)
            return before + b'"', b'"' + behind
    return None


def _strings(pieces: list[bytes]) -> list[bytes]:
    """The pieces up to the first one that is not the inside of a string."""
    bad = (place for place, piece in enumerate(pieces) if not STRING.fullmatch(piece))
    return pieces[: next(bad, len(pieces))]
