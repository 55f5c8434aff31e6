"""The last events of a stream that is too large to be kept: whether it failed, and whether it came to its end.

What lies between its beginning and its ending is not seen. An error is the last event of a stream, or the last but one.
"""

from __future__ import annotations

from typing import Literal

import orjson

from proxy.contracts.outcome import ContentReason
from proxy.contracts.stream_end import media_of, shows_its_end
from proxy.payload.reading import Body, Unreadable
from proxy.payload.spoken import Spoken
from proxy.payload.sse import DONE, chunk_of, events_of, is_cut


def content_of_ending(ending: Body, ends: bool) -> ContentReason | Literal[""]:
    """What a stream has failed for, as far as its last bytes tell. `ends`: the protocol's streams have a last event."""
    spoken = Spoken()
    for event in events_of(ending):
        if event.data == DONE:
            return ""
        try:
            spoken.add(chunk_of(ending, event), 0, 0)
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
    return "" if ended or spoken.first is None else "unfinished_stream"
