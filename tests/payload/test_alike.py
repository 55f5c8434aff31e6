"""Records that are read in one go say what `decode` says of each, whatever stands among them."""

from __future__ import annotations

import random
from array import array
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from loadtests.oip_messages import by_grpc, field, varint
from proxy.contracts.identity import Identity
from proxy.contracts.observation import Observation
from proxy.contracts.record import Record
from proxy.contracts.settings import Analysis
from proxy.contracts.table import Protocol
from proxy.payload.alike import MIN_ALIKE, read_alike
from proxy.payload.decode import decode
from tests.support.records import record

SOURCE = (0, "a")
PROTOCOL = Identity()


def tensor(name: str, row: list[Any], datatype: str = "FP64", shape: Any = None) -> dict[str, Any]:
    return {"name": name, "shape": shape or [1, len(row)], "datatype": datatype, "data": row}


def body(side: str, *tensors: dict[str, Any], **more: Any) -> bytes:
    return orjson.dumps({side: list(tensors), **more})


def legs(number: int, protocol: Protocol = "oip") -> tuple[Record, Record]:
    """A request with its answer, and the answer of a copy."""
    rng = random.Random(number)
    asked = body("inputs", tensor("x", [rng.random() for _ in range(5)]), id=str(number))
    first, second = (
        body("outputs", tensor("y", [rng.random()]), model_name="m", model_version=version) for version in ("1", "2")
    )
    if protocol == "grpc":
        asked, first, second = (by_grpc(each, raw=False) for each in (asked, first, second))
    facts = {"exchange": number, "request_id": f"id-{number}"}
    live = record(
        **facts, copies=1, path="/v2/models/m/infer", request_fields=b"a: b\r\n", request=asked, response=first
    )
    return live, record(**facts, version="w", role="shadow", response=second)


def read(records: list[Record], protocol: Protocol = "oip", identity: Identity = PROTOCOL) -> list[Observation]:
    """What records say, in their order, as control reads them."""
    alike, odd = read_alike(records, SOURCE, lambda route: (protocol, identity))
    analysis = Analysis(identity=identity)
    seen = {at: decode(records[at], protocol, SOURCE, analysis) for at in odd}
    for together, places in alike:
        seen |= dict(zip(places, together, strict=True))
    assert sorted(seen) == list(range(len(records)))
    assert seen == dict(enumerate(decode(each, protocol, SOURCE, analysis) for each in records))
    return [seen[at] for at in range(len(records))]


def taken(records: list[Record], protocol: Protocol = "oip", identity: Identity = PROTOCOL) -> int:
    """How many of them were read in one go; all of them say what each says by itself."""
    read(records, protocol, identity)
    return sum(len(places) for _, places in read_alike(records, SOURCE, lambda route: (protocol, identity))[0])


USUAL = [leg for number in range(20) for leg in legs(number)]
CALLS = [leg for number in range(20) for leg in legs(number, "grpc")]
Y = tensor("y", [0.5])


@pytest.mark.parametrize("source", ["protocol", "none", "header"])
def test_the_usual_ones_are_read_in_one_go(source: Any) -> None:
    assert taken(USUAL, identity=Identity(source)) == len(USUAL)
    for protocol in ("oip", "grpc"):
        read(CALLS, protocol)  # the forms of such messages are learnt
        assert taken(CALLS, protocol, Identity(source)) == len(CALLS)


def test_an_identity_of_ones_own_is_read_one_by_one() -> None:
    assert not taken(USUAL, identity=Identity("json", "/model_name"))


@pytest.mark.parametrize("protocol", ["json", "openai", "opaque"])
def test_other_protocols_are_read_one_by_one(protocol: Protocol) -> None:
    assert read_alike(USUAL, SOURCE, lambda route: (protocol, Identity())) == ([], list(range(len(USUAL))))
    assert read_alike(USUAL, SOURCE, lambda route: None) == ([], list(range(len(USUAL))))


def test_a_few_are_read_one_by_one() -> None:
    assert not taken(USUAL[: 2 * (MIN_ALIKE - 1)])


ODD: dict[str, dict[str, Any]] = {
    "a failure": {"status": 0, "failure": "connect", "response": None},
    "another status": {"status": 503},
    "no content": {"status": 204, "response": b""},
    "no inference": {"inference": False},
    "nothing kept": {"response": None},
    "not JSON": {"response": b"{"},
    "no text": {"response": b'{"outputs": [{"name": "\xff"}]}'},
    "deep": {"response": b"[" * 5000},
    "an error": {"response": body("outputs", Y, error="no")},
    "no predictions": {"response": body("outputs")},
    "two tensors": {"response": body("outputs", Y, tensor("z", [1.0]))},
    "two rows": {"response": body("outputs", tensor("y", [0.5, 0.6], shape=[2, 1]))},
    "a vector": {"response": body("outputs", tensor("y", [0.5, 0.6], shape=[2]))},
    "one value": {"response": body("outputs", tensor("y", [0.5], shape=[1]))},
    "another name": {"response": body("outputs", tensor("z", [0.5]))},
    "a long name": {"response": body("outputs", tensor("y" * 999, [0.5]))},
    "another type": {"response": body("outputs", tensor("y", [0.5], "FP32"))},
    "a null": {"response": body("outputs", tensor("y", [None]))},
    "a text": {"response": body("outputs", tensor("y", ["a"], "BYTES"))},
    "another shape": {"response": body("outputs", tensor("y", [0.5], shape=[1, 2]))},
    "another model": {"response": body("outputs", Y, model_name="other")},
    "a long answer": {"response": body("outputs", Y, parameters={"note": "x" * 9000})},
    "a long id": {"request_id": "i" * 999},
    "no id": {"request_id": ""},
    "a call": {"response": b"\0\0\0\0\1\0"},
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("at", [0, 7])
def test_odd_ones_are_read_by_themselves_and_the_others_in_one_go(name: str, at: int) -> None:
    records = USUAL.copy()
    for place in (2 * at, 2 * at + 1):
        records[place] = replace(records[place], **ODD[name])
    assert taken(records) == len(USUAL) - 2


def test_two_models_of_a_route_are_read_in_two_goes() -> None:
    other = [replace(leg, response=body("outputs", tensor("z", [0.1, 0.2]))) for leg in USUAL[20:]]
    assert taken(USUAL[:20] + other) == len(USUAL)
    alternating = [leg for pair in zip(USUAL[:20], other, strict=True) for leg in pair]
    assert taken(alternating) == len(USUAL)


REQUESTS: dict[str, dict[str, Any]] = {
    "not kept": {"request": None},
    "nothing": {"request": b""},
    "not JSON": {"request": b"{"},
    "two tensors": {"request": body("inputs", tensor("a", [1.0]), tensor("b", [2.0]))},
    "none": {"request": body("inputs")},
    "another name": {"request": body("inputs", tensor("z", [1.0] * 5))},
    "more features": {"request": body("inputs", tensor("x", [1.0] * 6))},
    "no features": {"request": body("inputs", tensor("x", [], shape=[1, 0]))},
    "a null": {"request": body("inputs", tensor("x", [None] * 5))},
    "long": {"request": body("inputs", tensor("x", [1.0] * 5), note="x" * 9000)},
    "another path": {"path": "/v2/models/other/infer"},
    "other copies": {"copies": 2},
}


@pytest.mark.parametrize("name", REQUESTS)
def test_odd_requests_are_read_by_themselves(name: str) -> None:
    records = USUAL.copy()
    records[14] = replace(records[14], **REQUESTS[name])
    assert taken(records) == len(USUAL) - 1


def answered(values: list[Any], datatype: str) -> list[Record]:
    given = [body("outputs", tensor("y", [value], datatype)) for value in values]
    return [replace(leg, response=each) for (leg, _), each in zip(map(legs, range(len(given))), given, strict=True)]


@pytest.mark.parametrize(
    ("datatype", "values", "all_of_them"),
    [
        ("INT64", list(range(20)), True),
        ("BOOL", [0, 1] * 10, True),
        ("INT64", [*range(19), 2**53], False),
        ("INT32", [*range(19), 0.5], False),
        ("FP64", [*range(19), 1e308], True),
        ("BF16", [float(at) for at in range(20)], True),
        ("BYTES", list(range(20)), False),
    ],
)
def test_values_are_what_they_were(datatype: str, values: list[Any], all_of_them: bool) -> None:
    assert taken(answered(values, datatype)) == (len(values) if all_of_them else 0)


def test_vectors_of_one_value_are_rows() -> None:
    records = [replace(leg, response=body("outputs", tensor("y", [0.5], shape=[1]))) for leg in USUAL]
    assert taken(records) == len(USUAL)
    read(records)
    for rows in ("one", "many"):
        analysis = Analysis(rows=rows)  # type: ignore[arg-type]
        alike, _ = read_alike(records, SOURCE, lambda route: ("oip", PROTOCOL))
        seen = [decode(records[at], "oip", SOURCE, analysis) for legs, places in alike for at in places]
        assert seen == [leg for legs, _ in alike for leg in legs]


@pytest.mark.parametrize("protocol", ["oip", "grpc"])
def test_wide_rows_stay_packed(protocol: Protocol) -> None:
    """Embeddings as tensors: many numbers of one answer, which `decode` keeps in one piece."""
    wide = [body("outputs", tensor("embedding", [number + 0.5] * 600, "FP32")) for number in range(20)]
    if protocol == "grpc":
        named = [body("outputs", *orjson.loads(each)["outputs"], model_name="m", model_version="1") for each in wide]
        wide = [by_grpc(each, raw=True) for each in named]
    records = [
        replace(leg, response=each)
        for leg, each in zip(CALLS[::2] if protocol == "grpc" else USUAL[::2], wide, strict=True)
    ]
    for _ in range(2):  # the forms of messages are learnt
        seen = read(records, protocol)
    assert type(seen[0].outputs[0].data) is array and taken(records, protocol) == len(records)


def test_whole_numbers_of_calls_stay_such() -> None:
    label = field(1, b"y") + field(2, b"INT64") + field(3, b"\1\1") + field(5, field(3, varint(7)))
    message = field(1, b"m") + field(2, b"1") + field(5, label)
    framed = b"\0" + len(message).to_bytes(4, "big") + message
    whole = [replace(leg, response=framed) for leg in CALLS]
    seen = read(whole, "grpc")
    assert seen[0].outputs[0].data == [7] and not taken(whole, "grpc")


@given(st.lists(st.sampled_from([*ODD.values(), *REQUESTS.values(), {}, {}, {}]), min_size=40, max_size=40))
def test_any_mixture_says_what_each_says(changes: list[dict[str, Any]]) -> None:
    read([replace(each, **change) for each, change in zip(USUAL, changes, strict=True)])
