"""What one choice says: text, reasoning, refusals, calls of tools, and what says nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.payload.language.said import ChoiceReader, canonical, refuse_failed, refuse_silence
from proxy.payload.reading import Unreadable

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def said(message: dict[str, Any]) -> Any:
    choice = ChoiceReader()
    choice.add(message)
    return choice.answer()


def test_each_kind_of_saying_stands_apart() -> None:
    parts = [
        {"type": "thinking", "thinking": "hm", "signature": "x"},
        {"type": "text", "text": "It is "},
        {"type": "text", "text": "sunny."},
        {"type": "tool_use", "id": "1", "name": "weather", "input": {"city": "Ulm"}},
    ]
    text = said({"role": "assistant", "content": parts})
    assert (text.text, text.reasoning, text.tools) == ("It is sunny.", "hm", (("weather", '{"city":"Ulm"}'),))
    assert said({"content": None, "refusal": "no"}).refusal == "no"
    assert said({"content": "a", "reasoning_content": "b", "reasoning": "b"}).reasoning == "b"
    assert said({"audio": {"id": "a", "transcript": "hello"}}).text == "hello"
    assert said({"function_call": {"name": "f", "arguments": "{}"}}).tools == (("f", "{}"),)


def test_thinking_in_the_text_is_reasoning() -> None:
    text = said({"content": "<think>\nlet me see</think>\n\n42"})
    assert (text.text, text.reasoning) == ("42", "\nlet me see")
    assert said({"content": "a <think>"}).text == "a <think>"


def test_a_text_up_to_the_end_of_a_thought_is_reasoning_wherever_that_began() -> None:
    text = said({"content": "let me see</think>\n\n42"})
    assert (text.text, text.reasoning) == ("42", "let me see")
    assert said({"content": "42 </think>", "reasoning": "hm"}).text == "42 </think>"


def called(*calls: dict[str, Any]) -> Any:
    """The calls that pieces add up to, each in a message of its own."""
    choice = ChoiceReader()
    for call in calls:
        choice.add({"tool_calls": [call]})
    return choice.answer().tools


def piece(name: str | None, arguments: str, **more: Any) -> dict[str, Any]:
    return {"function": {"name": name, "arguments": arguments}, **more}


def test_calls_are_told_apart_by_index_and_id_and_without_both_by_name() -> None:
    two = (("f", '{"a":1}'), ("g", '{"b":2}'))
    assert called(piece("f", '{"a":1}'), piece("g", '{"b":2}')) == two
    assert called(piece("f", '{"a":1}', index=0, id="x"), piece("g", '{"b":2}', index=0, id="y")) == two
    mixed = [piece("f", '{"a"', index=0, id="x"), piece("g", '{"b"', index=1, id="y")]
    assert called(*mixed, piece(None, ":1}", index=0), piece(None, ":2}", index=1)) == two
    assert called(piece("f", '{"a"', index=0, id="x"), piece("f", ":1}", index=0, id="x")) == two[:1]
    assert called(piece("f", '{"a"', index=0, id="x"), piece(None, ":1}", index=0, id="other")) == two[:1]
    assert called(piece("f", '{"a"'), piece(None, ":1}")) == two[:1]


@given(JSON, st.integers(0, 3))
def test_arguments_are_the_same_in_whatever_form_json_is_written(value: Any, indent: int) -> None:
    assert canonical(json.dumps(value, indent=indent)) == canonical(json.dumps(value, ensure_ascii=False))


def test_forms_of_arguments() -> None:
    assert canonical('{"b":2,"a": 1.0}') == canonical('{"a":1,"b":2}') == '{"a":1,"b":2}'
    assert (canonical(""), canonical("{"), canonical("1e400")) == ("{}", "{", "1e400")
    assert canonical("[" * 2000 + "]" * 2000).startswith("[[")


def test_what_says_nothing() -> None:
    silent: list[dict[str, Any]] = [{}, {"role": "assistant", "content": ""}, {"content": [], "tool_calls": []}]
    for message in silent:
        assert not ChoiceReader().add(message)
    for finish in ("", "stop", "length", "end_turn", "tool_calls"):
        with pytest.raises(Unreadable, match="empty_body"):
            refuse_silence(False, finish)
    refuse_silence(False, "content_filter")
    refuse_silence(True, "")


def test_a_call_that_is_none_is_no_answer() -> None:
    with pytest.raises(Unreadable, match="schema"):
        ChoiceReader().add({"tool_calls": ["f"]})


def test_choices_that_are_errors() -> None:
    refuse_failed([None, {"error": None}, {"error": ""}], "error_in_body")
    with pytest.raises(Unreadable, match="error_in_body"):
        refuse_failed([{"error": {"code": 500}}], "error_in_body")
