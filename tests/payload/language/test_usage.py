"""Tokens as each server counts them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.observation import NO_USAGE, Usage
from proxy.payload.language.usage import MAX_TOKENS, merged, usage_of

CHAT = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}
COUNTED: list[tuple[dict[str, Any], Usage | None]] = [
    ({"usage": CHAT}, Usage(9, 5)),
    (
        {
            "usage": CHAT
            | {"prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 3}}
        },
        Usage(9, 5, 3, 4),
    ),
    (
        {"usage": {"input_tokens": 9, "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 2}}},
        Usage(9, 5, 2),
    ),
    (
        {
            "usage": {
                "input_tokens": 3,
                "cache_read_input_tokens": 2,
                "cache_creation_input_tokens": 1,
                "output_tokens": 5,
            }
        },
        Usage(6, 5, None, 2),
    ),
    ({"message": {"usage": {"input_tokens": 3, "output_tokens": 1}}}, Usage(3, 1)),
    ({"response": {"usage": {"input_tokens": 3, "output_tokens": 1}}}, Usage(3, 1)),
    ({"prompt_eval_count": 3, "eval_count": 7}, Usage(3, 7)),
    ({"tokens_evaluated": 3, "tokens_predicted": 7}, Usage(3, 7)),
    ({"details": {"generated_tokens": 7}}, Usage(None, 7)),
    ({"usage": {"total_tokens": 12}}, Usage(12)),
    ({"meta": {"tokens": {"input_tokens": 12}}}, Usage(12)),
    ({"usage": None}, None),
    ({"usage": {"prompt_tokens": -1, "completion_tokens": True}}, NO_USAGE),
    ({"usage": {"completion_tokens": 10**30}}, NO_USAGE),
    ({"usage": {"prompt_tokens": 9.0, "completion_tokens": "5"}}, Usage(9, 5)),
    ({"usage": {"prompt_tokens": 9, "completion_tokens": 5.5}}, NO_USAGE),
    ({"usage": {"prompt_tokens": 9, "completion_tokens": "many"}}, NO_USAGE),
    ({"usage": {"prompt_tokens": 9, "completion_tokens": None}}, Usage(9)),
    ({"usage": CHAT | {"prompt_tokens_details": {"cached_tokens": 10}}}, NO_USAGE),
    ({"usage": CHAT | {"total_tokens": 34, "completion_tokens_details": {"reasoning_tokens": 20}}}, Usage(9, 25, 20)),
    ({"usage": CHAT | {"completion_tokens_details": {"reasoning_tokens": 20}}}, NO_USAGE),
    ({"usage": CHAT | {"cache_read_input_tokens": 4, "cache_creation_input_tokens": 2}}, Usage(9, 5, None, 4)),
    ({"usage": {"inputTokens": 3, "outputTokens": 5, "cacheReadInputTokens": 2}}, Usage(5, 5, None, 2)),
    (
        {
            "usageMetadata": {
                "promptTokenCount": 9,
                "candidatesTokenCount": 5,
                "thoughtsTokenCount": 20,
                "cachedContentTokenCount": 4,
                "toolUsePromptTokenCount": 1,
                "totalTokenCount": 35,
            }
        },
        Usage(10, 25, 20, 4),
    ),
    ({"usage": {"billed_units": {"input_tokens": 4}, "tokens": {"input_tokens": 9, "output_tokens": 5}}}, Usage(9, 5)),
    ({"meta": {"billed_units": {"input_tokens": 4}}}, Usage(4)),
    ({"details": {"generated_tokens": 7, "input_length": 2}}, Usage(2, 7)),
    ({"usage": {"type": "duration", "seconds": 3}}, None),
]


@pytest.mark.parametrize(("document", "usage"), COUNTED)
def test_tokens(document: dict[str, Any], usage: Usage | None) -> None:
    assert usage_of(document) == usage


def test_the_later_of_two_chunks_counts() -> None:
    assert merged(Usage(3, 1, None, 2), Usage(None, 7)) == Usage(3, 7, None, 2)
    assert merged(None, Usage(1)) == merged(Usage(1), None) == Usage(1)


NUMBERS = st.one_of(
    st.integers(-5, 10**12),
    st.floats(),
    st.text(max_size=6),
    st.booleans(),
    st.none(),
    st.lists(st.integers(), max_size=1),
)


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_what_is_read_can_be_true(prompt: Any, completion: Any, total: Any, cached: Any, reasoning: Any) -> None:
    usage = usage_of(
        {
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": completion,
                "total_tokens": total,
                "prompt_tokens_details": {"cached_tokens": cached},
                "completion_tokens_details": {"reasoning_tokens": reasoning},
            }
        }
    )
    for count in () if usage is None else (usage.input, usage.output, usage.reasoning, usage.cached):
        assert count is None or (type(count) is int and 0 <= count <= MAX_TOKENS)
    if usage is not None and usage.input is not None and prompt is not None:
        assert usage.input == float(prompt) and (usage.cached or 0) <= usage.input


@given(st.integers(0, MAX_TOKENS), st.sampled_from([int, float, str]))
def test_a_count_is_read_in_each_form(count: int, form: type) -> None:
    assert usage_of({"usage": {"prompt_tokens": form(count), "completion_tokens": 1}}) == Usage(count, 1)
