"""Transcripts in every form, and pictures by the size in their own heads."""

from __future__ import annotations

import base64
import math
from typing import Any

import pytest

from proxy.contracts.settings import Analysis
from proxy.payload.language.media import is_sound, pictures, size_of, transcript
from proxy.payload.reading import Body, Unreadable

PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + (640).to_bytes(4, "big") + (480).to_bytes(4, "big")
GIF = b"GIF89a" + (640).to_bytes(2, "little") + (480).to_bytes(2, "little")
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0" + b"\0" * 9 + b"\xff\xc0\0\x11\x08" + b"\x01\xe0\x02\x80" + b"\0" * 9
VP8X = b"RIFF\0\0\0\0WEBPVP8X" + b"\0" * 8 + (639).to_bytes(3, "little") + (479).to_bytes(3, "little")
VP8L = b"RIFF\0\0\0\0WEBPVP8L" + b"\0" * 5 + (639 | 479 << 14).to_bytes(4, "little")
VP8 = b"RIFF\0\0\0\0WEBPVP8 " + b"\0" * 10 + (640).to_bytes(2, "little") + (480).to_bytes(2, "little")


def body(data: bytes, media: bytes) -> Body:
    return Body(data, b"content-type: " + media + b"\r\n", Analysis())


@pytest.mark.parametrize("head", [PNG, GIF, JPEG, VP8X, VP8L, VP8])
def test_sizes(head: bytes) -> None:
    assert size_of(head) == (640, 480)


def test_what_is_no_picture() -> None:
    for head in (b"", b"<html>", b"\x89PNG", b"RIFF\0\0\0\0WEBPVP8?" + b"\0" * 30):
        with pytest.raises(Unreadable, match="values"):
            size_of(head)
    assert math.isnan(size_of(b"\xff\xd8\xff\xe1\xff\xff" + b"\0" * 20)[0])


def test_pictures() -> None:
    packed = base64.b64encode(PNG).decode()
    (tensor,) = pictures([{"b64_json": packed}, {"b64_json": f"data:image/png;base64,{packed}"}])
    assert (tensor.columns, list(tensor.data)) == (("width", "height"), [640, 480] * 2)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([{"url": "https://a/b.png"}], "form"),
        ([{"url": None, "b64_json": None}], "empty_body"),
        ([{"b64_json": base64.b64encode(b"no picture").decode()}], "values"),
        ([{"b64_json": "a"}], "values"),
    ],
)
def test_pictures_that_are_not_read(rows: list[Any], reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        pictures(rows)


@pytest.mark.parametrize(
    ("media", "data", "text"),
    [
        (b"text/plain; charset=utf-8", b"Hello there.\n", "Hello there."),
        (
            b"text/vtt",
            b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n\n00:01.000 --> 00:02.000\nthere.\n",
            "Hello\n\nthere.",
        ),
        (b"text/plain", b"1\n00:00:00,000 --> 00:00:01,000\nHello\n", "Hello"),
        (b"text/plain", b"Internal Server Error", None),
        (b"text/plain", b'{"text": "Hello"}', None),
        (b"text/html", b"Hello", None),
        (b"application/json", b"Hello", None),
    ],
)
def test_transcripts(media: bytes, data: bytes, text: str | None) -> None:
    assert transcript(body(data, media)) == text


def test_a_transcript_that_is_no_text() -> None:
    with pytest.raises(Unreadable, match="values"):
        transcript(body(b"\xff\xfe", b"text/plain"))


def test_sound() -> None:
    assert is_sound(body(b"\xff\xfb", b"audio/mpeg"))
    assert not is_sound(body(b'{"error": "x"}', b"audio/mpeg"))
    assert not is_sound(body(b"\xff\xfb", b"application/json"))
