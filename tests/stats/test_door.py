"""What comes in is of bounded length, keeps its meaning, and is not touched where it is short."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.contracts.bounds import MAX_NAME, MAX_TEXT, MAX_VALUE
from proxy.contracts.observation import Observation, Tensor, Text
from proxy.contracts.record import MAX_REQUEST_ID
from proxy.stats.door import MAX_TOOLS, admitted
from tests.support.observed import observation

LONG = st.builds(lambda part, times: part * times, st.text(st.characters(codec=None), max_size=9), st.integers(1, 90))
"""Short and long ones, of any characters, lone surrogates among them."""


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    rows, width = draw(st.integers(0, 3)), draw(st.integers(1, 3))
    columns = tuple(draw(st.lists(LONG, min_size=width, max_size=width))) if draw(st.booleans()) else ()
    if draw(st.booleans()):
        return Tensor(draw(LONG), rows, width, "number", [0.5] * (rows * width), columns)
    values: Any = st.lists(st.none() | LONG, min_size=rows * width, max_size=rows * width)
    return Tensor(draw(LONG), rows, width, "category", draw(values), columns)


@st.composite
def legs(draw: st.DrawFn) -> Observation:
    inputs, outputs = (draw(st.lists(tensors(), max_size=3)) for _ in range(2))
    tools = tuple(draw(st.lists(st.tuples(LONG, LONG), max_size=3)))
    text = draw(st.none() | st.builds(Text, LONG, finish=LONG, tools=st.just(tools)))
    made = observation((0, "a"), 1, draw(LONG), "r", "v", "primary", 1.0, 200, "", 0, 0, 0, 0, inputs, outputs, text)
    return replace(made, identity=draw(LONG), asked=draw(LONG))


@given(legs())
def test_nothing_is_longer_than_its_bound(leg: Observation) -> None:
    short = admitted(leg)
    for tensor in (*short.inputs, *short.outputs):
        assert max(map(len, (tensor.name, *tensor.columns))) <= MAX_NAME
        if tensor.kind == "category":
            assert all(value is None or len(value) <= MAX_VALUE for value in tensor.data)
    assert len(short.request_id) <= MAX_REQUEST_ID
    assert max(len(short.identity), len(short.asked)) <= MAX_NAME
    if short.text is not None:
        said = (short.text, *short.text.others)
        assert max(len(text) for each in said for text in (each.text, each.reasoning, each.refusal)) <= MAX_TEXT
    assert admitted(short) is short


def test_reasoning_and_further_choices_are_bounded_too() -> None:
    long = "a" * (MAX_TEXT + 1)
    other = Text("b", reasoning=long, refusal=long)
    for text in (other, Text("a", others=(other,))):
        leg = admitted(observation((0, "a"), 1, "a", "r", "v", "primary", 1.0, 200, "", 0, 0, 0, text=text))
        assert leg.text is not None and long not in repr(leg.text) and admitted(leg) is leg


@given(legs())
def test_what_is_counted_is_as_before(leg: Observation) -> None:
    for before, after in zip((*leg.inputs, *leg.outputs), _tensors(leg), strict=True):
        shape = (before.rows, before.width, before.kind, len(before.columns), len(before.data))
        assert shape == (after.rows, after.width, after.kind, len(after.columns), len(after.data))
        assert len(set(before.data)) == len(set(after.data))
        assert len(set(before.columns)) == len(set(after.columns))


def _tensors(leg: Observation) -> tuple[Tensor, ...]:
    short = admitted(leg)
    return (*short.inputs, *short.outputs)


def test_texts_and_calls_that_differ_beyond_their_bound_differ_still() -> None:
    leg = observation((0, "a"), 1, "", "r", "v", "primary", 1.0, 200, "", 0, 0, 0)
    texts = [Text("a" * MAX_TEXT + end) for end in "xy"]
    calls = [Text("", tools=(("f", "{}"),) * MAX_TOOLS + (("f", end),)) for end in "xy"]
    for mine, other in (texts, calls):
        first, second = (admitted(replace(leg, text=each)).text for each in (mine, other))
        assert first is not None and second is not None and first != second
        assert len(first.text) <= MAX_TEXT and len(first.tools) <= MAX_TOOLS
