"""What stands in the body of a request, whatever the wire looks like."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.documents import MAX_EXPANDED, document_of

JSON = b'{"model": "llama", "user": {"id": 7}}'
SAID = json.loads(JSON)
FORM = b'--XxX\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n\0\1\r\n--XxX\r\n'
FORM += b'content-disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--XxX--\r\n'
CODINGS: dict[bytes, Callable[[bytes], bytes]] = {
    b"gzip": gzip.compress,
    b"deflate": zlib.compress,
    b"gzip, identity , deflate": lambda plain: zlib.compress(gzip.compress(plain)),
    b"Identity": bytes,
}


def raw(plain: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(plain) + stream.flush()


@pytest.mark.parametrize("coding", CODINGS)
def test_codings(coding: bytes) -> None:
    assert document_of(CODINGS[coding](JSON), {b"content-encoding": coding}.get) == SAID
    assert document_of(raw(JSON), {b"content-encoding": b"deflate"}.get) == SAID


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (gzip.compress(JSON, mtime=0), b"gzip, gzip"),
        (gzip.compress(JSON, mtime=0)[:-9], b"gzip"),
        (gzip.compress(b" " * (MAX_EXPANDED + 1), mtime=0), b"gzip"),
        (JSON, b"br"),
        (JSON, b"zstd"),
        (JSON, b"gzip"),
        (JSON, b",".join([b"gzip"] * 5)),
    ],
)
def test_codings_that_are_not_read(body: bytes, coding: bytes) -> None:
    assert document_of(body, {b"content-encoding": coding}.get) is None


def test_json_with_raw_tensors_behind_it() -> None:
    length = {b"inference-header-content-length": b"%d" % len(JSON)}
    assert document_of(JSON + b"\0\1\2", length.get) == SAID
    assert document_of(JSON, {b"inference-header-content-length": b"x"}.get) == SAID


def test_fields_of_a_form() -> None:
    form = {b"content-type": b"multipart/form-data; boundary=XxX"}
    assert document_of(FORM, form.get) == {"model": "whisper-1"}
    assert document_of(gzip.compress(FORM), {**form, b"content-encoding": b"gzip"}.get) == {"model": "whisper-1"}
    assert document_of(b"{}", form.get) is None


@given(st.binary(max_size=80), st.sampled_from([*CODINGS, b""]), st.booleans())
def test_nothing_raises(body: bytes, coding: bytes, form: bool) -> None:
    media = b"multipart/form-data" if form else b"application/json"
    document_of(body, {b"content-encoding": coding, b"content-type": media}.get)


@pytest.mark.parametrize("unit", [b"{},", b"[],", b'{"k":0},'])
def test_json_that_would_hold_up_the_others_is_not_read(unit: bytes) -> None:
    body = b'{"a": [' + unit * 1_000_000 + b'0], "model": "llama"}'
    assert document_of(body) is None
    assert document_of(gzip.compress(body[: MAX_EXPANDED // 2]), {b"content-encoding": b"gzip"}.get) is None


def test_long_texts_and_many_numbers_are_read() -> None:
    told = {"model": "llama", "prompt": 'say {"a": [1, 2]}, ' * 100_000, "tokens": list(range(100_000))}
    assert document_of(json.dumps(told).encode()) == told
