"""Bodies that are alike but for their numbers and ids: what is parsed of all together is what each says by itself."""

from __future__ import annotations

from array import array
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.payload.json_forms import OTHER_ID, OTHER_NUMBER, JsonForm, form_of
from proxy.payload.oip import NOT_USUAL, typed_answer, typed_request

ID = "9a0c-1"


def asked(row: list[Any], **more: Any) -> bytes:
    tensor = {"name": "x", "shape": [1, len(row)], "datatype": "FP64", "data": row}
    return orjson.dumps({**more, "inputs": [tensor]})


def formed(body: bytes) -> JsonForm:
    form = form_of(body, typed_request)
    assert form is not None
    return form


def numbers_in(form: JsonForm, *bodies: bytes) -> list[list[float]] | None:
    rows = form.rows(form.numbers(bodies))
    return None if rows is None else [array("d", row).tolist() for row in rows]


def test_numbers_and_ids_are_what_differs() -> None:
    form = formed(asked([1.0, 2.0], id=ID))
    assert (form.before, form.tail, form.width) == (b'{"id":"', b"]}]}", 2)
    assert numbers_in(form, asked([0.5, -3e-7], id=""), asked([4, 5], id="UUID_1.2:3")) == [[0.5, -3e-7], [4.0, 5.0]]


@pytest.mark.parametrize(
    ("body", "before"),
    [
        (asked([1.0]), None),
        (asked([1.0], id=ID, parameters={"id": "other"}), b'{"id":"'),
        (asked([1.0], parameters={"id": "other"}), None),
        (asked([1.0], parameters={"id": "other"}, id=ID), None),
        (asked([1.0], id=7), None),
        (asked([1.0], id='a"b'), None),
        (asked([1.0], outputs=[{"name": "predict"}]), None),
        (
            b'{"id" : "a", "inputs" : [ {"data": [1, 2.5], "name": "x", "shape": [1, 2], "datatype": "FP64"} ] }',
            b'{"id" : "',
        ),
        (b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[1]}],"id":"behind"}', None),
    ],
)
def test_a_form_is_what_was_tried_out(body: bytes, before: bytes | None) -> None:
    form = formed(body)
    assert form.before == before
    assert numbers_in(form, body) == [typed_request(body).tensors[0].data]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"inputs":[]}',
        asked([]),
        asked([[1.0]]),
        orjson.dumps({"inputs": [orjson.loads(asked([1.0]))["inputs"][0]] * 2}),
        b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[1],"data":[2]}]}',
        b'{"id":"a","inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[1]}],"id":"b"}'.replace(b'"b"', b"7"),
    ],
)
def test_what_has_no_one_place_for_numbers_has_no_form_with_it(body: bytes) -> None:
    form = form_of(body, typed_request)
    assert form is None or form.before is None


def test_a_body_that_holds_what_forms_are_tried_out_with_has_none_with_an_id() -> None:
    assert formed(asked([OTHER_NUMBER], id=OTHER_ID.decode())).before is None


@pytest.mark.parametrize(
    "numbers",
    [
        *(b"", b"1,2,3", b"1", b"1,", b",1", b"1],[2", b"1,2],[3,4", b'1,"2"', b"1,null", b"1,[2]", b"1,NaN", b"1,{}"),
        *(b"1,2]}],", b"1,\xff", b"1 2", b"1,2//", b"1,1" + b"0" * 400),
    ],
)
@pytest.mark.parametrize("width", [1, 2])
def test_what_is_no_row_of_numbers_spoils_the_batch(numbers: bytes, width: int) -> None:
    form = formed(asked([1.0] * width))
    good = [b",".join([b"1"] * width)] * 3
    if width == 1 and numbers == b"1":
        return
    for at in range(3):
        assert form.rows([*good[:at], numbers, *good[at:]]) is None


def test_an_odd_id_spoils_the_batch() -> None:
    form, good = formed(asked([1.0], id=ID)), asked([2.0], id="b")
    assert form.numbers([good, asked([3.0], id="é"), good]) == [b""] * 3
    smuggled = asked([3.0], id='x","inputs":[{"name":"x","shape":[1,1],"datatype":"FP64","data":[4.0]}]}')
    assert form.numbers([good, smuggled])[1] == b""


ROWS = st.lists(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3), min_size=1, max_size=20
)


@given(ROWS, st.text(max_size=8))
def test_whatever_is_of_a_form_reads_as_by_itself(rows: list[list[float]], id_: str) -> None:
    form = formed(asked([1.0, 2.0, 3.0], id=ID))
    bodies = [asked(row, id=id_ if at % 2 else str(at)) for at, row in enumerate(rows)]
    found = form.numbers(bodies)
    if all(found):
        assert numbers_in(form, *bodies) == [typed_request(body).tensors[0].data for body in bodies]


@given(st.binary(max_size=60))
def test_whatever_stands_between_is_read_as_by_itself_or_not_at_all(middle: bytes) -> None:
    form = formed(asked([1.0, 2.0]))
    body = form.head + middle + form.tail
    found = numbers_in(form, body)
    if found is not None:
        try:
            assert found == [typed_request(body).tensors[0].data]
        except NOT_USUAL:
            assert found == [list(map(float, msgspec.json.decode(body)["inputs"][0]["data"]))]


def test_answers_have_forms() -> None:
    body = orjson.dumps({"model_name": "m", "id": ID, "outputs": orjson.loads(asked([0.5]))["inputs"]})
    form = form_of(body, typed_answer)
    assert form is not None and form.before == b'{"model_name":"m","id":"' and numbers_in(form, body) == [[0.5]]
