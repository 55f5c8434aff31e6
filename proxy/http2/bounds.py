"""What a peer may do on one connection. What goes beyond ends a stream or the connection, and is counted by reason.

| who means harm | bound |
|---|---|
| rapid reset (CVE-2023-44487) | `resets`: burst, and so many a second |
| resets that it makes us send (CVE-2025-8671) | `own_resets`, the same |
| CONTINUATION without end (CVE-2024-27316) | `continuations` |
| small blocks that become large lists of fields | `fields`, `head`: of the *decoded* list |
| SETTINGS and PING without end | `acknowledgements` that wait to be sent; `settings` of one frame |
| frames without content | `glitches`: burst, and so many a second |
| windows one byte at a time, pings, settings, and their like | `idle`: beyond one for `EARNED_BYTES` that we write |
"""

from __future__ import annotations

from typing import Final

STREAMS: Final = 100
"""Streams that a connection may have open, in either direction: Envoy's and nginx's order of magnitude."""

WINDOW: Final = 256 * 1024
"""Bytes that a stream may have under way to us, and that it holds here while its other side stalls."""

CONNECTION_WINDOW: Final = 2 * STREAMS * WINDOW
"""Bytes of all streams of a connection together: so many that no number of stalled streams stops another one. Twice,
since a window is given back once half of it was used."""

DEFAULT_WINDOW: Final = 65_535
"""The window of a connection until something else is said (RFC 9113 §6.9.2)."""

HARD: Final = 4
"""Heads up to so many times as large as allowed end their stream alone (431), because other clients of a gateway share
its connection; larger ones end the connection: they are read before anybody can refuse them."""

UNKNOWN_STREAMS: Final = 100
"""Streams that a server is taken to allow until it says so (RFC 9113 §6.5.2 asks for no fewer)."""

UNBOUNDED_FIELDS: Final = 2**32 - 1
"""Bytes of a list of fields that a peer is taken to accept until it says so."""

MAX_RESETS: Final = 1_000
"""Streams that a peer may reset, and those that it may make us reset, at once; 33 a second come back, as in nghttp2:
a client that cancels a batch of a thousand is no attacker."""

MAX_EMPTY_FRAMES: Final = 10_000
"""Frames without content at once; 330 a second come back."""

MAX_IDLE_FRAMES: Final = 10_000
"""Frames at once that ask for nothing, beyond what was written to whoever sends them; 330 a second come back."""

EARNED_BYTES: Final = 16
"""Bytes that we write for each such frame that is no harm: an answer earns three at the least, one by single bytes
none, nor does the acknowledgement of a ping, which counts twice."""

MAX_CONTINUATIONS: Final = 8
"""CONTINUATION frames of a block."""

MAX_ACKNOWLEDGEMENTS: Final = 1_000
"""Answers to pings and settings that wait for a peer that does not read them, with resets of streams that broke a rule.
"""

MAX_SETTINGS: Final = 32
"""Entries of one SETTINGS frame."""

MAX_STREAM_ID: Final = 2**31 - 1


class Http2Bounds:
    """Numbers of one connection; a pair is (burst, a second). Plain, because this room is compiled."""

    __slots__ = (
        "acknowledgements",
        "continuations",
        "fields",
        "glitches",
        "head",
        "idle",
        "own_resets",
        "resets",
        "settings",
        "streams",
    )

    def __init__(self, streams: int = STREAMS, head: int = 64 * 1024, fields: int = 128) -> None:
        self.streams = streams
        self.head, self.fields = head, fields
        """Bytes and number of the fields of a head, decoded."""
        self.resets = self.own_resets = (MAX_RESETS, 33)
        self.glitches = (MAX_EMPTY_FRAMES, 330)
        self.idle = (MAX_IDLE_FRAMES, 330)
        self.continuations = MAX_CONTINUATIONS
        self.acknowledgements = MAX_ACKNOWLEDGEMENTS
        self.settings = MAX_SETTINGS
