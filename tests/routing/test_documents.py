"""What stands in the body of a request, whatever the wire looks like."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.unread_key import UNREAD_KEYS
from proxy.routing.documents import FieldOf, member_of, no_field
from proxy.routing.expanded import MAX_EXPANDED

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


def document_of(body: bytes | None, field: FieldOf = no_field) -> object:
    """All of a body."""
    return member_of(body, "", field)[0]


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


LARGE = b'{"user": "u-7", "pad": "' + b"x" * 3_000_000 + b'", "last": 9}'
WRITERS: dict[bytes, Callable[[bytes], bytes]] = {
    b"": bytes,
    b"gzip": gzip.compress,
    b"zstd": zstandard.ZstdCompressor().compress,
    b"br": brotli.compress,
    b"deflate, zstd": lambda plain: zstandard.ZstdCompressor().compress(zlib.compress(plain)),
}


@pytest.mark.parametrize("coding", WRITERS)
def test_a_key_at_the_beginning_is_found_in_bodies_of_any_size(coding: bytes) -> None:
    body, field = WRITERS[coding](LARGE), {b"content-encoding": coding}.get
    assert member_of(body, "/user", field) == ("u-7", "")
    assert member_of(body, "/last", field) == ((None, "too_large") if coding else (9, ""))
    cut = body[: len(body) // 2] if not coding else body
    assert member_of(cut, "/user", field, whole=False) == ("u-7", "")


@pytest.mark.parametrize("coding", [coding for coding in WRITERS if b"," not in coding])
def test_small_bodies_in_any_coding(coding: bytes) -> None:
    field = {b"content-encoding": coding}.get
    assert member_of(WRITERS[coding](JSON), "/user/id", field) == (7, "")


@pytest.mark.parametrize(
    ("body", "pointer", "fields", "reason"),
    [
        (None, "/a", {}, "absent"),
        (b"{}", "/a", {}, "absent"),
        (b'{"a": null}', "/a", {}, "absent"),
        (b"no", "/a", {}, "not_json"),
        (b"no", "/a", {b"content-encoding": b"gzip"}, "encoding"),
        (b"no", "/a", {b"content-encoding": b"snappy"}, "encoding"),
        (b"{}", "/a", {b"content-type": b"multipart/form-data; boundary=x"}, "not_json"),
        (b'{"b": [' + b"{}," * 1_000_000 + b'0], "a": 1}', "/a", {}, "cost"),
        (zstandard.ZstdCompressor().compress(bytes(1 << 26)), "/a", {b"content-encoding": b"zstd"}, "too_large"),
        (brotli.compress(b'{"b": "' + bytes(1 << 24)), "/a", {b"content-encoding": b"br"}, "too_large"),
    ],
)
def test_why_there_is_no_key(body: bytes | None, pointer: str, fields: dict[bytes, bytes], reason: str) -> None:
    assert member_of(body, pointer, fields.get) == (None, reason)
    assert reason in UNREAD_KEYS


def test_a_field_of_a_form_that_is_cut_is_no_key() -> None:
    field = {b"content-type": b"multipart/form-data; boundary=XxX"}.get
    for at in range(len(FORM)):
        assert member_of(FORM[:at], "/model", field, whole=False)[0] in (None, "whisper-1")
