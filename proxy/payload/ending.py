"""The two ends of an answer that is too large to be kept: of a stream whether it failed, and came to its end; of any
other answer whether it is JSON, and holds numbers that are none.

What lies between beginning and ending is not seen. An error is the last event of a stream, or the last but one.
"""

from __future__ import annotations

from typing import Literal

import orjson

from proxy.contracts.json_cost import outside_strings
from proxy.contracts.outcome import ContentReason
from proxy.contracts.stream_end import media_of, shows_its_end
from proxy.payload.language.spoken import Spoken
from proxy.payload.reading import BOM, Body, Unreadable
from proxy.payload.sse import DONE, chunk_of, events_of, is_cut


def content_of_beginning(beginning: bytes) -> ContentReason | Literal[""] | None:
    """What an answer that is no stream has failed for, as far as its first bytes tell; None: they do not tell."""
    text = beginning.removeprefix(BOM).lstrip()
    if text.startswith(b"<"):
        return "unreadable_body"
    if not text.startswith((b"{", b"[")):
        return None
    if b"NaN" not in text and b"Infinity" not in text:
        return ""
    structure = outside_strings(text)
    if structure is None:
        return None
    return "not_a_number" if b"NaN" in structure or b"Infinity" in structure else ""


def content_of_ending(ending: Body, ends: bool) -> ContentReason | Literal[""]:
    """What a stream has failed for, as far as its last bytes tell. `ends`: the protocol's streams have a last event."""
    spoken = Spoken()
    for event in events_of(ending):
        if event.data == DONE:
            return ""
        try:
            spoken.add(chunk_of(ending, event))
        except Unreadable as unread:
            if unread.reason == "error_in_stream":
                return unread.reason
        except orjson.JSONDecodeError:
            continue  # the first of them may be cut
    if ending.no_numbers:
        return "not_a_number"
    if not ends:
        return "unfinished_stream" if is_cut(ending.data) else ""
    ended = spoken.ended or spoken.finish or shows_its_end(media_of(ending.fields), ending.data)
    return "" if ended or not spoken.said else "unfinished_stream"
