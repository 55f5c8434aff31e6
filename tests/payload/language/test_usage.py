"""Tokens as each server counts them."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.contracts.observation import Usage
from proxy.payload.language.usage import merged, usage_of

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
    ({"usage": {"prompt_tokens": -1, "completion_tokens": True}}, None),
    ({"usage": {"completion_tokens": 10**30}}, None),
    ({"usage": {"type": "duration", "seconds": 3}}, None),
]


@pytest.mark.parametrize(("document", "usage"), COUNTED)
def test_tokens(document: dict[str, Any], usage: Usage | None) -> None:
    assert usage_of(document) == usage


def test_the_later_of_two_chunks_counts() -> None:
    assert merged(Usage(3, 1, None, 2), Usage(None, 7)) == Usage(3, 7, None, 2)
    assert merged(None, Usage(1)) == merged(Usage(1), None) == Usage(1)
