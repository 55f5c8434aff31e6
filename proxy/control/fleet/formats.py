"""Formats of what a fleet writes, so that sidecars of two versions of this program share one store.

- A field that a reader does not know is passed over, and one that a writer did not know has its default. So most
  changes need no new format: those alone by which an older program would lose or misread what a newer one knows.
- A program reads all older formats, and its own; what it writes is of its own.
- A judge of an older format does not write over newer evidence: it stands by for as long as a newer one judges, and for
  `STANDBY_SECONDS` after its last look. Where nobody newer is left then (an update was taken back), judgements begin
  anew with the states that are followed.
- A table says by which formats it can be followed. An older sidecar serves primaries alone then, and never judges.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

FORMAT = 1
"""That of this program."""

FOLLOWED_FROM = 1
"""The oldest format whose programs can follow the tables of this one."""

STANDBY_SECONDS = 60.0
"""Time without a look of a newer judge after which an older one takes over."""


class _Head(Struct):
    # What all formats of evidence have.
    format: int = FORMAT


def format_of(evidence: bytes | None) -> int:
    """The format of evidence; 0 of none, and of what is none."""
    try:
        return 0 if evidence is None else msgspec.msgpack.decode(evidence, type=_Head).format
    except msgspec.MsgspecError:
        return 0


def too_new(format: int, own: int) -> str:
    """Why a table is not followed."""
    return (
        f"a newer Penumbra wrote it (format {format}, this one has {own}): update this sidecar, or delete the keys of "
        "the fleet"
    )


def stands_by(format: int, own: int) -> str:
    """Why a sidecar does not judge; "" where that is not the reason."""
    return f"a newer Penumbra judges (format {format}, this one has {own}): this sidecar stands by" * (format > own)
