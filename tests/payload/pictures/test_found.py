"""Pictures are found in requests of every protocol, and measured; what is none stays what it was."""

from __future__ import annotations

import base64
import gzip
import math
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.observation import Observation, Tensor
from proxy.contracts.table import Protocol
from proxy.payload.decode import decode
from proxy.payload.pictures.found import MAX_LIT, MAX_PICTURES, MEASURED, in_place_of_texts, of_asked, unpacked
from tests.payload.painted import HEADS, bmp, jpeg, png
from tests.support.records import record

PNG = png([b"\x80" * 30] * 5, 10)
MEASURES = [10, 5, 2.0, len(PNG), 3, 8, 128 / 255]
PACKED = base64.b64encode(PNG).decode()
URL = f"data:image/png;base64,{PACKED}"
PICTURES = {"png": PNG, "jpeg": jpeg([[0] * 9]), "bmp": bmp([b"\1\2\3" * 5] * 5, 5), **HEADS}


def asked(protocol: Protocol, body: Any, fields: bytes = b"", path: str = "/") -> Observation:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    seen = decode(record(path=path, request=data, request_fields=fields, response=b"[1]"), protocol, (0, "a"))
    assert seen.unreadable_request == ""
    return seen


def measured(seen: Observation, name: str) -> list[list[float]]:
    columns = tuple([name + each for each in MEASURED])
    (tensor,) = [each for each in seen.inputs if each.columns == columns]
    (formats,) = [each for each in seen.inputs if each.columns == (f"{name}:format",)]
    assert formats.rows == tensor.rows == seen.inputs[0].rows
    return [list(tensor.data[at : at + len(MEASURED)]) for at in range(0, len(tensor.data), len(MEASURED))]


@pytest.mark.parametrize("protocol", ["json", "mlflow", "kserve-v1", "openai", "oip"])
def test_a_body_that_is_a_picture(protocol: Protocol) -> None:
    for fields in (b"Content-Type: image/png\r\n", b"Content-Type: application/octet-stream\r\n", b""):
        assert measured(asked(protocol, PNG, fields), "image") == [pytest.approx(MEASURES)]
    packed = gzip.compress(PNG)
    seen = asked(protocol, packed, b"Content-Type: image/png\r\nContent-Encoding: gzip\r\n")
    assert measured(seen, "image") == [pytest.approx(MEASURES)]


@pytest.mark.parametrize("protocol", ["json", "openai"])
def test_files_of_a_form(protocol: Protocol) -> None:
    head = b'--XxX\r\nContent-Disposition: form-data; name="%s"; filename="a.png"\r\n\r\n%s\r\n'
    data = head % (b"image[]", PNG) + head % (b"image[]", PNG) + head % (b"mask", b"no picture") + b"--XxX--\r\n"
    seen = asked(protocol, data, b"Content-Type: multipart/form-data; boundary=XxX\r\n")
    assert measured(seen, "image") == [pytest.approx(MEASURES)]
    assert seen.inputs[0].columns[-1] == "file_bytes" and seen.inputs[0].data[-1] == 2 * len(PNG) + 10


ASKED = {
    "chat": {
        "messages": [{"content": [{"type": "image_url", "image_url": {"url": URL}}, {"type": "text", "text": "?"}]}]
    },
    "responses": {"model": "m", "input": [{"role": "user", "content": [{"type": "input_image", "image_url": URL}]}]},
    "messages": {
        "messages": [
            {"content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PACKED}}]}
        ]
    },
    "gemini": {"contents": [{"parts": [{"text": "?"}, {"inlineData": {"mimeType": "image/png", "data": PACKED}}]}]},
    "ollama": {"model": "m", "prompt": "?", "images": [PACKED]},
}


@pytest.mark.parametrize("form", ASKED)
def test_what_language_models_are_asked(form: str) -> None:
    seen = asked("openai", ASKED[form])
    assert measured(seen, "prompt") == [pytest.approx(MEASURES)]
    assert seen.inputs[0].columns[0] == "prompt_chars"


@pytest.mark.parametrize(
    ("protocol", "body", "name"),
    [
        ("kserve-v1", {"instances": [{"b64": PACKED}, {"b64": PACKED}]}, "b64"),
        ("kserve-v1", {"instances": [{"image": {"b64": PACKED}}, {"image": {"b64": PACKED}}]}, "image"),
        ("kserve-v1", {"inputs": {"image": [{"b64": PACKED}, {"b64": PACKED}]}}, "image"),
        ("kserve-v1", {"instances": [PACKED, URL]}, "instances"),
        ("mlflow", {"dataframe_split": {"columns": ["id", "photo"], "data": [[1, PACKED], [2, PACKED]]}}, "photo"),
        ("json", [{"age": 1, "photo": URL}, {"age": 2, "photo": PACKED}], "photo"),
        ("oip", {"inputs": [{"name": "x", "datatype": "BYTES", "shape": [2, 1], "data": [PACKED, PACKED]}]}, "x"),
    ],
)
def test_rows_with_a_picture_each(protocol: Protocol, body: Any, name: str) -> None:
    seen = asked(protocol, body)
    assert measured(seen, name) == [pytest.approx(MEASURES)] * 2
    assert not any(tensor.texts for tensor in seen.inputs)


@pytest.mark.parametrize("name", PICTURES)
def test_raw_strings_of_oip(name: str) -> None:
    picture = PICTURES[name] + bytes(range(256))
    tensor = {"name": "x", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 4 + len(picture)}}
    head = orjson.dumps({"inputs": [tensor]})
    fields = b"Inference-Header-Content-Length: %d\r\n" % len(head)
    seen = asked("oip", head + len(picture).to_bytes(4, "little") + picture, fields)
    assert measured(seen, "x")[0][3] == len(picture)
    assert seen.inputs[-1].data == [name.split()[0]]


def test_a_picture_that_is_longer_than_what_is_kept_of_a_text() -> None:
    large = PNG + bytes(120_000)
    seen = asked("kserve-v1", {"instances": [{"b64": base64.b64encode(large).decode()}]})
    assert measured(seen, "b64") == [pytest.approx([*MEASURES[:3], len(large), *MEASURES[4:]])]


def test_texts_that_are_none_stay() -> None:
    for text in ("What is in this image?", "Quite a text. " * 9, "BM begins this one. " * 9, "/9j is no path" * 9):
        (tensor,) = asked("openai", {"messages": [{"content": text}], "n": "image"}).inputs
        assert tensor.columns[0] == "prompt_chars"
        seen = asked("kserve-v1", {"instances": [{"text": text * 9}]})
        assert [name for name, _ in seen.inputs[0].texts] == ["text"]


def test_a_picture_behind_a_url_is_not_fetched() -> None:
    parts = [{"type": "image_url", "image_url": {"url": "https://a/b.png"}}, {"type": "text", "text": "?"}]
    (tensor,) = asked("openai", {"messages": [{"content": parts}]}).inputs
    assert tensor.columns[0] == "prompt_chars"


def test_bounds() -> None:
    (numbers, formats) = of_asked([PACKED] * 1000, "prompt")
    assert (numbers.rows, numbers.data[0], list(formats.data)) == (1, 10, ["png"])
    seen = asked("kserve-v1", {"instances": [{"b64": PACKED}] * 100})
    rows = measured(seen, "b64")
    assert sum(not math.isnan(row[-1]) for row in rows) == MAX_LIT
    assert sum(not math.isnan(row[0]) for row in rows) == MAX_PICTURES


def test_a_polyglot_is_what_it_begins_with() -> None:
    page = b"\x89PNG\r\n\x1a\n" + PNG[8:] + b"<html><script>alert(1)</script>" + b'{"instances": [[1]]}'
    assert measured(asked("json", page, b"Content-Type: application/json\r\n"), "image")[0][0] == 10
    frames = HEADS["gif"] + (b"\x21\xf9\4\0\0\0\0\0" + b"\x2c" + bytes(9) + b"\2\2\x44\1\0") * 10_000
    assert measured(asked("json", frames), "image")[0][:2] == [640, 480]


def test_a_large_picture_is_read_as_any() -> None:
    """The bytes of a picture are no JSON, which is weighed."""
    assert measured(asked("json", PNG + b'{"[,:' * 300_000), "image")[0][0] == 10


@given(st.sampled_from(sorted(PICTURES)), st.integers(0, 400), st.binary(max_size=9))
def test_any_cut_and_garbage_never_raises(name: str, at: int, garbage: bytes) -> None:
    data = PICTURES[name][:at] + garbage
    packed = base64.b64encode(data).decode()
    of_asked({"a": [packed, f"data:image/x;base64,{packed}", packed[:-1], data.decode("latin-1")]}, "prompt")
    column = Tensor("x", 1, 1, "category", [packed])
    assert len(in_place_of_texts((column,))) in (1, 2)
    for protocol in ("json", "openai", "kserve-v1"):
        seen = decode(record(request=data, request_fields=b"", response=b"[1]"), protocol, (0, "a"))
        assert seen.unreadable_request != "internal"


@given(st.binary(max_size=60), st.integers(0, 90), st.booleans())
def test_base64_that_is_cut_off_in_either_alphabet(data: bytes, end: int, safe: bool) -> None:
    packed = (base64.urlsafe_b64encode if safe else base64.b64encode)(data).decode()
    assert data.startswith(unpacked(packed[:end]))
    assert unpacked(packed.rstrip("=")) == data
