"""Fields of a form, set where they stand: files, boundary and all other bytes stay."""

from __future__ import annotations

import pytest

from proxy.routing.rewrite.form import MAX_PARTS, value_of, with_fields
from proxy.routing.rewrite.unwritable import NOT_JSON, TOO_LARGE, Unwritable

TYPE = b"multipart/form-data; boundary=XxX"


def part(name: bytes, value: bytes, more: bytes = b"") -> bytes:
    return b'--XxX\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n' % (name, more, value)


END = b"--XxX--\r\n"
FILE = part(b"model", b"\0\r\n--XxXy\r\n\xff", b'; filename="model"\r\nContent-Type: audio/wav')


@pytest.mark.parametrize("value", [b"whisper-1", b"", b"a\r\nb"])
def test_a_field_is_set_where_it_stands(value: bytes) -> None:
    body = b"preamble\r\n" + FILE + part(b"model", value) + part(b"language", b"de") + END
    made = with_fields(body, TYPE, [(b"model", b"ft")])
    assert made == b"preamble\r\n" + FILE + part(b"model", b"ft") + part(b"language", b"de") + END
    assert value_of(body, TYPE, b"model") == value and value_of(made, TYPE, b"model") == b"ft"


def test_a_field_that_is_not_there_comes_before_the_first() -> None:
    assert with_fields(FILE + END, TYPE, [(b"model", b"ft")]) == part(b"model", b"ft") + FILE + END
    assert value_of(FILE + END, TYPE, b"model") is None


def test_all_fields_of_a_name_are_set_and_boundaries_may_be_quoted() -> None:
    body = part(b"model", b"a") + part(b"model", b"b") + END
    made = with_fields(body, b'Multipart/Form-Data; charset=utf-8; boundary="XxX"', [(b"model", b"c"), (b"n", b"2")])
    assert made == part(b"n", b"2") + part(b"model", b"c") * 2 + END


@pytest.mark.parametrize(
    ("body", "media", "reason"),
    [
        (b"", TYPE, NOT_JSON),
        (b"nothing", TYPE, NOT_JSON),
        (part(b"a", b"b"), TYPE, NOT_JSON),
        (part(b"a", b"b") + END, b"multipart/form-data", NOT_JSON),
        (part(b"a", b"b") + END, TYPE + b"; boundary=y", NOT_JSON),
        (b"--XxX\r\nno head\r\n" + END, TYPE, NOT_JSON),
        (part(b"a", b"b") * (MAX_PARTS + 1) + END, TYPE, TOO_LARGE),
    ],
)
def test_what_is_no_form_is_said(body: bytes, media: bytes, reason: str) -> None:
    with pytest.raises(Unwritable) as caught:
        with_fields(body, media, [(b"model", b"x")])
    assert caught.value.reason == reason
    assert value_of(body, b"none", b"model") is None


DISPOSITION = b'Content-Disposition: form-data; name="model"'


@pytest.mark.parametrize(
    "head",
    [
        b'X-First: ;name="other"\r\nContent-Disposition: form-data',
        DISPOSITION + b"; name=other",
        DISPOSITION + b"\r\n" + DISPOSITION.replace(b"model", b"other"),
        b"Content-Disposition: form-data;\r\n name=model",
        b'Content-Disposition: form-data; name="mod\\el"',
        b"Content-Disposition: form-data; name*=utf-8''model",
        b"Content-Type: text/plain",
    ],
)
def test_a_part_whose_name_readers_could_differ_on_is_no_field(head: bytes) -> None:
    with pytest.raises(Unwritable) as caught:
        with_fields(b"--XxX\r\n" + head + b"\r\n\r\nllama\r\n" + END, TYPE, [(b"model", b"ft")])
    assert caught.value.reason == NOT_JSON


def test_a_name_is_that_of_the_disposition_alone() -> None:
    body = b'--XxX\r\nX-First: ;name="other"\r\ncontent-disposition: form-data; NAME=model\r\n\r\nllama\r\n' + END
    assert with_fields(body, TYPE, [(b"model", b"ft")]) == body.replace(b"llama", b"ft")
