"""Messages that are like one before: read in one step, they say what the slow way says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.datatypes import LETTERS
from proxy.contracts.observation import Tensor
from proxy.contracts.settings import DEFAULT_ANALYSIS
from proxy.payload.grpc import inference
from proxy.payload.grpc.inference import read_inputs, read_outputs
from proxy.payload.grpc.usual import MAX_AROUND, MAX_FORMS, MAX_LENGTHS, MessageForms, form_of
from proxy.payload.oip_binary import TYPES
from proxy.payload.reading import Body
from tests.payload.grpc.test_inference import VALUES
from tests.support.oip_messages import CONTENTS, framed, message, tensor


def forms() -> MessageForms:
    return MessageForms(inference.OUTPUTS, inference.RAW_OUTPUTS)


def answer(*tensors: Any, raw: tuple[bytes, ...] = (), **more: Any) -> bytes:
    given_: dict[str, Any] = {"model_name": "m", "model_version": "1", "id": "a" * 36} | more
    made = message("ModelInferResponse", outputs=tensors, raw_output_contents=raw, **given_)
    return framed(made.SerializeToString())


def slowly(data: bytes) -> tuple[tuple[Tensor, ...], str]:
    body = Body(data, b"", DEFAULT_ANALYSIS)
    tensors = read_outputs(data[5:], body)
    return tensors, body.identity


def learnt(*messages: bytes) -> MessageForms:
    made = forms()
    for each in messages:
        assert made.read(each) is made.read(each) is None
    return made


def plain(found: tuple[tuple[Tensor, ...], str] | None) -> Any:
    """With NaN as it compares."""
    return repr(found)


@given(st.sampled_from(sorted(LETTERS)), st.booleans(), st.integers(1, 3), st.integers(1, 40), st.data())
def test_what_is_read_in_one_step_is_what_the_slow_way_says(
    datatype: str, raw: bool, rows: int, width: int, data: st.DataObject
) -> None:
    def made() -> bytes:
        count = rows * width
        if raw or datatype not in CONTENTS:
            size = {"FP16": 2}.get(datatype) or TYPES[datatype].itemsize
            return answer(
                tensor("y", datatype, [rows, width]),
                raw=(data.draw(st.binary(min_size=count * size, max_size=count * size)),),
            )
        values = data.draw(st.lists(VALUES[datatype], min_size=count, max_size=count))
        return answer(tensor("y", datatype, [rows, width], values), id=data.draw(st.text("ab", min_size=3, max_size=3)))

    known, first = forms(), made()
    known.read(first)
    known.read(first)
    for _ in range(3):
        other = made()
        found = known.read(other)
        assert found is None or plain(found) == plain(slowly(other))
    assert plain(known.read(first)) == plain(slowly(first))


def test_several_outputs_are_met_by_their_places() -> None:
    outputs = [tensor("a", "INT64", [1, 1], [3]), tensor("b", "FP32", [1, 2], [0.25, 0.75])]
    other = [tensor("a", "INT64", [1, 1], [7]), tensor("b", "FP32", [1, 2], [0.5, 0.5])]
    known = learnt(answer(*outputs))
    assert known.read(answer(*other, id="b" * 36)) == slowly(answer(*other))


@pytest.mark.parametrize(
    "other",
    [
        answer(tensor("z", "FP64", [1, 2], [0.1, 0.9])),
        answer(tensor("y", "FP64", [2, 1], [0.1, 0.9])),
        answer(tensor("y", "INT64", [1, 2], [0, 0]), id="a" * 49),
        answer(tensor("y", "FP64", [1, 2], [0.1, 0.9]), model_version="2"),
        answer(tensor("y", "FP64", [1, 2], [0.1, 0.9]), model_name="n"),
    ],
    ids=["name", "shape", "type", "version", "model"],
)
def test_another_form_is_not_taken_for_one_of_its_length(other: bytes) -> None:
    first = answer(tensor("y", "FP64", [1, 2], [0.1, 0.9]))
    assert len(first) == len(other)
    known = learnt(first)
    assert known.read(other) is None
    assert known.read(first) == slowly(first)


def test_numbers_of_other_lengths_at_the_same_place_are_read_the_slow_way() -> None:
    first, other = (answer(tensor("y", "INT64", [1, 2], values)) for values in ([1, 300], [300, 1]))
    known = learnt(first)
    assert known.read(other) == slowly(other)
    fewer = first.replace(b"\x01\xac\x02", b"\xac\x82\x01")  # one number of three bytes
    assert fewer != first and known.read(fewer) is None


@pytest.mark.parametrize(
    "other",
    [
        answer(tensor("y", "BYTES", [1, 1], [b"label"])),
        answer(tensor("y", "FP64", [2], [0.1, 0.9])),
        answer(tensor("y", "FP64", [1, 2, 1], [0.1, 0.9])),
        answer(tensor("y", "BF16", [1, 1]), raw=(b"ab",)),
        answer(tensor("y", "FP64", [1, 2], [0.1])),
        answer(tensor("y", "FP64", [1, 1], [0.1]), raw=(b"8 bytes!",)),
        answer(tensor("y" * MAX_AROUND, "FP64", [1, 1], [0.1])),
        answer(),
        framed(b"", b""),
        b"\0\0\0\0\5hello",
    ],
    ids=["strings", "one dimension", "three", "bf16", "shape", "both", "long", "none", "two", "nonsense"],
)
def test_what_has_no_form_never_gets_one(other: bytes) -> None:
    known = forms()
    assert [known.read(other) for _ in range(9)] == [None] * 9


def test_what_is_kept_is_bounded() -> None:
    known, named = forms(), [answer(tensor(f"{at:02}", "FP64", [1, 1], [0.5])) for at in range(40)]
    for each in named:
        known.read(each)
    assert len(known._known[len(named[0])]) <= MAX_FORMS
    for size in range(1, MAX_LENGTHS + 50):
        known.read(bytes(size))
    assert len(known._misses) <= MAX_LENGTHS + 1


def test_messages_that_are_never_alike_cost_no_forms() -> None:
    known = forms()
    for size in range(1, 100):
        known.read(answer(tensor("y" * size, "FP64", [1, 1], [0.5])))
    assert not known._known


def test_a_requests_form_says_which_model_it_asks() -> None:
    def asked(value: float) -> bytes:
        inputs = [tensor("x", "FP64", [1, 1], [value])]
        return framed(message("ModelInferRequest", model_name="iris", inputs=inputs).SerializeToString())

    form = form_of(asked(0.5), inference.INPUTS, inference.RAW)
    assert form is not None and form.said == "iris"
    body = Body(b"", b"", DEFAULT_ANALYSIS)
    assert form.read(asked(0.25)) == read_inputs(asked(0.25)[5:], body)
