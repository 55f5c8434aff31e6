"""Open Inference Protocol V2, JSON: bodies as MLServer and Triton write them, and bodies nobody should write."""

from typing import Any, get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.bounds import MAX_NAME
from proxy.contracts.identity import MAX_IDENTITY
from proxy.contracts.observation import UnreadReason
from proxy.contracts.record import Record
from proxy.payload.decode import decode
from proxy.payload.oip import known_identity
from tests.support.records import record as made

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["inputs", "outputs", "name", "shape", "datatype", "data", "x"]), inner, max_size=5
        )
    ),
    max_leaves=20,
)


def record(request: bytes | None = None, response: bytes | None = None, status: int = 200, failure: str = "") -> Record:
    return made(status=status, failure=failure, request=request, response=response)


def request(*tensors: dict[str, Any]) -> bytes:
    return orjson.dumps({"inputs": list(tensors)})


def tensor(shape: Any, data: Any, datatype: str = "FP32", name: str = "x") -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def test_a_request_and_its_answer() -> None:
    answer = {"model_name": "m", "outputs": [tensor([2, 1], [0, 1], "INT64", "predict")]}
    seen = decode(record(request(tensor([2, 3], [1, 2, 3, 4, 5, 6])), orjson.dumps(answer)), "oip", (0, "a"))
    (features,), (predicted,) = seen.inputs, seen.outputs
    assert (features.rows, features.width, list(features.data)) == (2, 3, [1, 2, 3, 4, 5, 6])
    assert (predicted.name, predicted.rows, predicted.integer) == ("predict", 2, True)
    assert (seen.unreadable_request, seen.unreadable_response) == ("", "")


@pytest.mark.parametrize("data", [[[1, 2], [3, 4]], [1, 2, 3, 4]])
def test_nested_and_flat_data_are_the_same(data: list[int | list[int]]) -> None:
    (features,) = decode(record(request(tensor([2, 2], data))), "oip", (0, "a")).inputs
    assert list(features.data) == [1, 2, 3, 4]


def test_bytes_are_categories() -> None:
    (features,) = decode(record(request(tensor([2], ["a", "b"], "BYTES"))), "oip", (0, "a")).inputs
    assert (features.kind, features.rows, features.width) == ("category", 2, 1)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"not json", "json"),
        (b"\xff\xfe", "json"),
        (b"[1, 2]", "schema"),
        (b'{"instances": [1]}', "schema"),
        (request(tensor([2, 2], [1, 2, 3])), "shape"),
        (request(tensor([2, 2], [[1, 2], 3])), "shape"),
        (request(tensor([-1], [])), "schema"),
        (request(tensor("x", [])), "schema"),
        (request(tensor([1], [1], "FP7")), "schema"),
        (request(tensor([1], {"a": 1})), "schema"),
        (request(tensor([2], [1, "x"])), "values"),
        (request(tensor([1], [{}])), "values"),
        (request(tensor([1], [1], "BYTES")), "values"),
        (request(*[tensor([1], [1])] * 300), "too_many_tensors"),
        (request(tensor([300_000], [0] * 300_000)), "too_many_values"),
        (request(tensor([1], [[[[[[[[[[1]]]]]]]]]])), "schema"),
    ],
)
def test_what_cannot_be_read_has_a_reason(body: bytes, reason: str) -> None:
    seen = decode(record(body), "oip", (0, "a"))
    assert (seen.inputs, seen.unreadable_request) == ((), reason)
    assert reason in get_args(UnreadReason)


def test_null_is_a_missing_number() -> None:
    (features,) = decode(record(request(tensor([3], [1, None, 2]))), "oip", (0, "a")).inputs
    assert [x if x == x else "missing" for x in features.data] == [1, "missing", 2]


@given(st.binary(max_size=200) | JSON.map(orjson.dumps))
def test_no_body_raises_and_every_reason_is_known(body: bytes) -> None:
    seen = decode(record(body, body), "oip", (0, "a"))
    assert {seen.unreadable_request, seen.unreadable_response} <= {*get_args(UnreadReason), ""} - {"internal"}


NESTED = 5_000


@pytest.mark.parametrize(
    "body",
    [
        b'{"x":' + b"[" * NESTED + b"]" * NESTED + b',"inputs":[]}',
        b'{"inputs":[{"name":"\xff","shape":[1,1],"datatype":"FP32","data":[1]}]}',
        b'{"inputs":[{"name":"a","shape":[0,-5],"datatype":"FP32","data":[]}]}',
    ],
)
def test_what_a_typed_reader_chokes_on_costs_one_observation(body: bytes) -> None:
    assert decode(record(body), "oip", (0, "a")).unreadable_request in get_args(UnreadReason)
    answer = record(None, body.replace(b"inputs", b"outputs"))
    assert decode(answer, "oip", (0, "a")).unreadable_response in get_args(UnreadReason)


def test_labels_that_no_float_can_tell_apart_stay_whole() -> None:
    answers = [orjson.dumps({"outputs": [tensor([1, 1], [2**53 + more], "INT64")]}) for more in (0, 1)]
    first, second = (decode(record(None, answer), "oip", (0, "a")).outputs[0].data for answer in answers)
    assert first != second


@pytest.mark.parametrize("shape", [[1, 1], [1]], ids=["usual", "other"])
def test_names_of_tensors_are_bounded_and_stay_apart(shape: list[int]) -> None:
    outputs = [tensor(shape, [1.0], name="n" * 200_000 + end) for end in "ab"]
    seen = decode(record(response=orjson.dumps({"outputs": outputs})), "oip", (0, "a"))
    names = {each.name for each in seen.outputs}
    assert len(names) == 2 and all(len(name) <= MAX_NAME for name in names)


def test_long_names_of_models_are_not_remembered() -> None:
    answer = {"model_name": "m" * 100_000, "outputs": [tensor([1, 1], [1.0])]}
    before = known_identity.cache_info().currsize
    seen = decode(record(response=orjson.dumps(answer)), "oip", (0, "a"))
    assert len(seen.identity) <= MAX_IDENTITY and known_identity.cache_info().currsize == before
