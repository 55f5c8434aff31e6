"""Requests as forms: fields by name, files by size."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.settings import Analysis
from proxy.payload.language.forms import Form, features_of_form, form_of, is_form
from proxy.payload.reading import Body, Unreadable


def form(parts: list[tuple[bytes, bytes]], boundary: bytes = b"XxX", quoted: bool = False) -> Body:
    heads = [b'Content-Disposition: form-data; name="' + name for name, _ in parts]
    pieces = [
        b"--%s\r\n%s\r\n\r\n%s\r\n" % (boundary, head + b'"', value)
        for head, (_, value) in zip(heads, parts, strict=True)
    ]
    named = b'"' + boundary + b'"' if quoted else boundary
    fields = b"content-type: multipart/form-data; boundary=" + named.lower() + b"\r\n"
    return Body(b"".join(pieces) + b"--" + boundary + b"--\r\n", fields, Analysis())


WAV = (b'file"; filename="a.wav', b"\0\r\n\1" * 100)


@pytest.mark.parametrize("quoted", [False, True])
def test_fields_and_files(quoted: bool) -> None:
    read = form([WAV, (b"model", b"whisper-1"), (b"temperature", b"0.5"), (b"prompt", "ü".encode())], quoted=quoted)
    assert is_form(read)
    found = form_of(read)
    assert found == ({"model": "whisper-1", "temperature": "0.5", "prompt": "ü"}, [("file", WAV[1])])
    assert features_of_form(found).data[3:] == [0.5, 400]


@given(st.binary(max_size=60).filter(lambda value: b"XxX" not in value))
def test_a_value_is_what_was_sent(value: bytes) -> None:
    assert form_of(form([(b"a", value)]))[0] == {"a": value.decode("utf-8", "replace")}


def test_forms_that_are_none() -> None:
    for data, fields in ((b"", b"content-type: multipart/form-data; boundary=a\r\n"), (b"--a", b"")):
        with pytest.raises(Unreadable, match="schema"):
            form_of(Body(data, fields, Analysis()))


def test_a_parameter_that_is_no_number() -> None:
    assert math.isnan(features_of_form(Form({"temperature": "hot"}, [])).data[3])
