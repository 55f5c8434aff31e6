"""Transcripts, pictures and sound.

A transcript is a text, whatever form was asked for: JSON, plain, or with the times of subtitles, which are left out. Of
a picture its size is read in its own head; one without such a head is none. Sound is a form that is not read.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from math import nan
from typing import Any

from proxy.contracts.observation import Tensor
from proxy.contracts.stream_end import media_of
from proxy.payload.reading import BOM, Body, Unreadable

PICTURES = frozenset(("b64_json", "url", "image"))
"""Fields of a row that hold a picture."""
SIZES = ("width", "height")
HEAD = 64 * 1024
"""Characters of a picture in base64 that are looked at: its size stands in the first bytes, in JPEG behind what the
camera wrote."""

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
    try:
        return size_of(b64decode(packed[:HEAD].partition("base64,")[2] or packed[:HEAD]))
    except (Base64Error, ValueError) as error:
        raise Unreadable("values") from error


def size_of(head: bytes) -> tuple[float, float]:
    """Width and height of a picture, from its first bytes: PNG, JPEG, GIF, WebP. Raises Unreadable."""
    if head.startswith(b"\x89PNG\r\n\x1a\n") and len(head) >= 24:
        return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    if head.startswith((b"GIF87a", b"GIF89a")) and len(head) >= 10:
        return int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return _webp(head)
    if head.startswith(b"\xff\xd8"):
        frame = _jpeg(head)
        return frame or (nan, nan)
    raise Unreadable("values")


def _webp(head: bytes) -> tuple[float, float]:
    kind = head[12:16]
    if kind == b"VP8X" and len(head) >= 30:
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if kind == b"VP8L" and len(head) >= 25:
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and len(head) >= 30:
        return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF
    raise Unreadable("values")


def _jpeg(head: bytes) -> tuple[float, float] | None:
    """The size in the first frame; segments before it are stepped over."""
    at = 2
    while at + 9 < len(head) and head[at] == 0xFF:
        if 0xC0 <= head[at + 1] <= 0xCF and head[at + 1] not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(head[at + 7 : at + 9], "big"), int.from_bytes(head[at + 5 : at + 7], "big")
        at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return None
