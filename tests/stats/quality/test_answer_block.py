"""Answers that wait for labels, packed: they say what they said, and go when nobody waits for them."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from proxy.contracts.observation import Observation, Tensor
from proxy.stats.quality.answer_block import AnswerBlock, blocks_of
from proxy.stats.quality.predictions import predictions_of


def answer(at: int, *outputs: Tensor) -> Observation:
    return Observation(
        exchange=at, request_id=str(at), route="r", version="v", role="primary", share=0.5, status=200,
        started=0.0, total=0.0, outputs=outputs,
    )  # fmt: skip


def blocks(answers: Sequence[Observation]) -> list[AnswerBlock]:
    return list(blocks_of(answers, 7.0))


numbers = some.one_of(
    some.integers(),
    some.booleans(),
    some.floats(),
    some.none(),
    some.just(10**400),
    some.sampled_from([2**53, 2**53 + 1]),
)
columns = some.lists(numbers, min_size=1, max_size=4)


@given(some.lists(some.tuples(columns, some.booleans(), some.booleans()), min_size=1, max_size=6))
def test_answers_predict_what_they_predicted(rows: list[tuple[list[Any], bool, bool]]) -> None:
    given = [
        (
            Tensor(
                "p", 1, len(data), "number", data, integer=integer, columns=tuple("abcd"[: len(data)]) if named else ()
            ),
        )
        for data, integer, named in rows
    ]
    read = {
        int(name): block.outputs(at)
        for block in blocks([answer(at, *outputs) for at, outputs in enumerate(given)])
        for at, name in enumerate(block.ids)
    }
    for at, outputs in enumerate(given):
        assert repr(predictions_of(read[at])) == repr(predictions_of(outputs))  # NaN is like itself


def test_alike_answers_are_packed_and_others_are_not() -> None:
    scores = [answer(at, Tensor("p", 2, 2, "number", [0.5, 0.5, 0.1, float(at)])) for at in range(3)]
    named = answer(3, Tensor("c", 1, 1, "category", ["cat"]))
    both = answer(4, Tensor("p", 1, 1, "number", [1.0]), Tensor("q", 1, 1, "number", [1.0]))
    packed, plain = blocks([*scores, named, both])
    assert (packed.ids, packed.rows, len(packed.packed), packed.since) == (["0", "1", "2"], [2, 2, 2], 3 * 4 * 8, 7.0)
    assert (plain.ids, plain.outputs(0)) == (["3", "4"], named.outputs)
    assert packed.outputs(2)[0].data == (0.5, 0.5, 0.1, 2.0)


@pytest.mark.parametrize("data", [[2**53 + 1], [10**400], [None], ["1"]])
def test_what_a_double_does_not_say_is_kept_as_it_is(data: list[Any]) -> None:
    (block,) = blocks([answer(1, Tensor("p", 1, 1, "number", data, integer=True))])
    assert block.outputs(0)[0].data == data and not block.packed


def test_texts_do_not_wait() -> None:
    long = Tensor("c", 1, 1, "category", ["cat"], texts=(("c", ("a long text",)),))
    (block,) = blocks([answer(1, long)])
    assert block.outputs(0)[0].texts == () and block.outputs(0)[0].data == ["cat"]


def test_an_answer_that_nobody_waits_for_goes_and_so_do_those_of_a_model_that_is_gone() -> None:
    (block,) = blocks([answer(at, Tensor("c", 1, 1, "category", ["cat"])) for at in range(2)])
    block.release(0)
    assert block.plain[0] == () and block.outputs(1)[0].data == ["cat"]
    block.forget()
    block.release(1)
    assert block.gone and not block.plain
