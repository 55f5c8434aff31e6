"""Transcripts, pictures and sound.

A transcript is a text, whatever form was asked for: JSON, plain, or with the times of subtitles, which are left out. Of
a picture its size is read in its own head; one without such a head is none. Sound is a form that is not read.
"""

from __future__ import annotations

import re
from math import nan
from typing import Any

from proxy.contracts.observation import Tensor
from proxy.contracts.stream_end import media_of
from proxy.payload.pictures.found import HEAD, unpacked
from proxy.payload.pictures.head import head_of
from proxy.payload.reading import BOM, Body, Unreadable

PICTURES = frozenset(("b64_json", "url", "image"))
"""Fields of a row that hold a picture."""
SIZES = ("width", "height")

SOUNDS = (b"audio/", b"image/", b"video/", b"application/octet-stream")
SUBTITLES = frozenset((b"text/vtt", b"application/x-subrip", b"text/srt", b"application/srt"))
CUES = re.compile(r"^(?:WEBVTT.*|(?:\d+\n)?.*-->.*)$\n?", re.MULTILINE)
"""Lines of subtitles that are no text: the head, times and the numbers before them."""
ERROR_TEXT = re.compile(
    r"\s*(?:internal server error|bad gateway|service unavailable|gateway time-?out|not found|upstream|error\b"
    r"|exception|traceback|ok\s*$|no healthy)",
    re.IGNORECASE,
)
"""What servers and gateways say in plain text, that is no transcript."""


def is_sound(body: Body) -> bool:
    """Whether an answer is sound or pictures as they are, rather than JSON or a page of a gateway."""
    return media_of(body.fields).startswith(SOUNDS) and not body.data.lstrip().startswith((b"{", b"<"))


def transcript(body: Body) -> str | None:
    """The text of an answer that is one, without the times of subtitles; None: it is none. Raises Unreadable."""
    kind, data = media_of(body.fields), body.data.removeprefix(BOM).strip()
    if data.startswith((b"{", b"[", b"<")) or not (kind in SUBTITLES or kind == b"text/plain"):
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise Unreadable("values") from error
    if kind == b"text/plain" and ERROR_TEXT.match(text):
        return None
    cues = kind in SUBTITLES or "-->" in text
    return (CUES.sub("", text.replace("\r\n", "\n")) if cues else text).strip()


def pictures(rows: list[Any]) -> tuple[Tensor, ...]:
    """The sizes of pictures; those behind a URL are none that are seen here. Raises Unreadable."""
    sizes = [_size(row) for row in rows if isinstance(row, dict)]
    if not sizes or None in sizes:
        raise Unreadable("empty_body")
    values = [float(each) for size in sizes if size for each in size]
    if not any(value == value for value in values):
        raise Unreadable("form")
    return (Tensor("image", len(sizes), len(SIZES), "number", values, SIZES),)


def _size(row: dict[str, Any]) -> tuple[float, float] | None:
    packed = row.get("b64_json") or row.get("image")
    if not isinstance(packed, str) or not packed:
        return (nan, nan) if row.get("url") else None
    return size_of(unpacked(packed[:HEAD].partition("base64,")[2] or packed[:HEAD]))


def size_of(data: bytes) -> tuple[float, float]:
    """Width and height of a picture, from its first bytes. Raises Unreadable."""
    head = head_of(data)
    if head is None:
        raise Unreadable("values")
    return head.width, head.height
