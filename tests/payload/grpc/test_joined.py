"""The tensors of all messages of a stream as those of one answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.observation import Tensor
from proxy.payload.grpc.joined import JoinedTensors
from proxy.payload.language.stream import MAX_SAID
from proxy.payload.reading import MAX_TENSOR_VALUES, MAX_TENSORS, Unreadable


def numbers(data: list[Any], width: int, name: str = "y", integer: bool = False) -> Tensor:
    return Tensor(name, len(data) // width if width else 0, width, "number", data, integer=integer)


def strings(*data: str | None) -> Tensor:
    return Tensor("text", len(data), 1, "category", list(data))


def joined(*messages: tuple[Tensor, ...]) -> JoinedTensors:
    made = JoinedTensors()
    for tensors in messages:
        made.add(tensors)
    return made


@given(st.lists(st.lists(st.tuples(st.integers(), st.integers()), max_size=4), min_size=1, max_size=6))
def test_rows_of_all_messages_follow_each_other(rows: list[list[tuple[int, int]]]) -> None:
    found = joined(*[(numbers([value for row in each for value in row], 2),) for each in rows]).numbers()
    whole = [value for each in rows for row in each for value in row]
    assert found == (numbers(whole, 2),)


def test_outputs_are_met_by_name() -> None:
    one, two = (numbers([1.0], 1, "a"), numbers([2.0], 1, "b")), (numbers([4.0], 1, "b"), numbers([3.0], 1, "a"))
    assert joined(one, two).numbers() == (numbers([1.0, 3.0], 1, "a"), numbers([2.0, 4.0], 1, "b"))


def test_messages_of_different_widths_are_one_row() -> None:
    found = joined((numbers([1, 2], 2),), (numbers([3, 4, 5], 3),)).numbers()
    assert [(each.rows, each.width, each.data) for each in found] == [(1, 5, [1, 2, 3, 4, 5])]


def test_an_output_that_is_another_type_in_another_message_is_none() -> None:
    with pytest.raises(Unreadable, match="schema"):
        joined((numbers([1.0], 1),), (numbers([1], 1, integer=True),))


def test_strings_spell_a_text_and_leave_the_numbers_beside_them() -> None:
    found = joined((strings("Hello"), numbers([0.5], 1)), (strings(None, " "),), (strings("world"),))
    assert (found.spells, found.text(), found.numbers()) == (True, "Hello world", ())


def test_everything_is_bounded() -> None:
    half = MAX_TENSOR_VALUES // 2
    assert joined((numbers([0] * half, 1),), (numbers([0] * half, 1),)).size == 8 * 2 * half
    with pytest.raises(Unreadable, match="too_many_values"):
        joined((numbers([0] * half, 1),), (numbers([0] * half, 1),), (numbers([0], 1),))
    with pytest.raises(Unreadable, match="too_many_tensors"):
        joined(*[(numbers([0], 1, str(at)),) for at in range(MAX_TENSORS + 1)])
    text = joined((strings("a" * (MAX_SAID - 1)),), (strings("bc"),), (strings("d"),)).text()
    assert (len(text), text[-1]) == (MAX_SAID, "b")
