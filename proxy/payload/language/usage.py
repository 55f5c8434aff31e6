"""Tokens of an answer, as its server counts them.

| who | input | output |
|---|---|---|
| chat completions, completions, embeddings | `usage.prompt_tokens` | `usage.completion_tokens` |
| Responses, transcriptions, images | `usage.input_tokens` | `usage.output_tokens` |
| Anthropic's Messages, Bedrock | the same and what its cache read and wrote | `usage.output_tokens` |
| Gemini | `promptTokenCount`, `toolUsePromptTokenCount` | `candidatesTokenCount`, `thoughtsTokenCount` |
| Cohere | `usage.tokens`, `meta.tokens`, `meta.billed_units` | likewise |
| ranks | `usage.total_tokens` | |
| Ollama | `prompt_eval_count` | `eval_count` |
| llama.cpp, TGI | `tokens_evaluated`, `details.input_length` | `tokens_predicted`, `details.generated_tokens` |

Rules:

1. A count is a whole number, also one that stands there as `12.0` or `"12"`.
2. Reasoning is a part of the output, and what a cache had a part of the input. Who counts reasoning beside the output
   (`total_tokens` tells) has it added.
3. What can be no count (negative, broken, more than `MAX_TOKENS`, a part that is larger than its whole) makes all of
   them worth nothing (`NO_USAGE`): half of a usage would be a wrong one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.contracts.observation import NO_USAGE, Usage

HOLDERS = ("usage", "details", "timings", "usageMetadata", "usage_metadata")
"""Fields of an answer, or of what a chunk begins or ends, in which it counts its tokens."""
WITHIN = ("response", "message", "meta", "delta", "metadata")
"""Fields of a chunk, or of an answer, that hold the answer which it begins or ends, or what is told about it."""
NESTED = ("tokens", "billed_units")
"""Fields of a usage that hold the counts themselves."""
APART = ("input_tokens", "inputTokens")
"""Counts of a prompt that leave out what a cache read and wrote, where that is told (Anthropic, Bedrock)."""
INPUT = (
    *("prompt_tokens", *APART, "prompt_eval_count", "tokens_evaluated", "promptTokenCount", "input_length"),
    *("prompt_n", "prompt_token_count"),
)
OUTPUT = (
    *("completion_tokens", "output_tokens", "outputTokens", "eval_count", "tokens_predicted"),
    *("generated_tokens", "candidatesTokenCount", "candidates_token_count", "predicted_n"),
)
TOTAL = ("total_tokens", "totalTokens", "totalTokenCount")
CACHED, REASONING = ("cached_tokens",), ("reasoning_tokens",)
HIT = ("prompt_cache_hit_tokens", "cachedContentTokenCount", "cached_content_token_count")
"""Tokens of a prompt that a cache had, as DeepSeek and Gemini count them: a part of the prompt."""
READ = ("cache_read_input_tokens", "cacheReadInputTokens")
WRITTEN = ("cache_creation_input_tokens", "cacheWriteInputTokens")
THOUGHTS = ("thoughtsTokenCount", "thoughts_token_count")
"""Tokens of reasoning that Gemini counts beside its candidates."""
TOOLS = ("toolUsePromptTokenCount", "tool_use_prompt_token_count")
"""Tokens of what tools answered, which Gemini counts beside the prompt."""
FLAT = frozenset(("prompt_eval_count", "eval_count", "tokens_evaluated", "tokens_predicted", *NESTED))
"""Counts that stand among the fields of the answer itself."""
INPUT_DETAILS = ("prompt_tokens_details", "input_tokens_details")
OUTPUT_DETAILS = ("completion_tokens_details", "output_tokens_details")

MAX_TOKENS = 10**9
"""Tokens of one answer that are believed: no model takes or writes as many."""
MAX_DIGITS = 20
"""Characters of a count that stands in a text."""


def usage_of(document: Mapping[str, Any]) -> Usage | None:
    """The tokens that an answer, or a chunk of one, tells of; None: it tells of none."""
    found = _told(document)
    for name in WITHIN:
        if found is None and isinstance(part := document.get(name), dict):
            found = _told(part)
    return found


def _told(part: Mapping[str, Any]) -> Usage | None:
    for name in HOLDERS:
        if isinstance(counts := part.get(name), dict) and (found := _counted(counts)) is not None:
            return found
    return None if FLAT.isdisjoint(part) else _counted(part)


def merged(before: Usage | None, after: Usage | None) -> Usage | None:
    """What two chunks of one stream tell, the later one first."""
    if before is None or after is None:
        return after or before
    pairs = zip(_values(before), _values(after), strict=True)
    return Usage(*[old if new is None else new for old, new in pairs])


def _values(usage: Usage) -> tuple[int | None, ...]:
    return usage.input, usage.output, usage.reasoning, usage.cached


def _counted(counts: Mapping[str, Any]) -> Usage | None:
    counts = next((counts[name] for name in NESTED if isinstance(counts.get(name), dict)), counts)
    try:
        return _told_by(counts)
    except ValueError:
        return NO_USAGE


def _told_by(counts: Mapping[str, Any]) -> Usage | None:
    """The usage that counts tell; None: they tell of none. Raises ValueError where they can be none."""
    given, output = _first(counts, INPUT), _first(counts, OUTPUT)
    total, thoughts = _first(counts, TOTAL), _first(counts, THOUGHTS)
    if given is None and output is None and thoughts is None:
        return None if total is None else Usage(input=total)
    cached = _detail(counts, INPUT_DETAILS, CACHED)
    cached = _first(counts, HIT) if cached is None else cached
    read, written, tools = _first(counts, READ), _first(counts, WRITTEN), _first(counts, TOOLS)
    if given is not None:
        apart = not any(counts.get(name) is not None for name in INPUT if name not in APART)
        given += (tools or 0) + ((read or 0) + (written or 0) if apart else 0)
    reasoning = _detail(counts, OUTPUT_DETAILS, REASONING)
    if thoughts is not None or _is_beside(given, output, reasoning, total):
        reasoning = reasoning if thoughts is None else thoughts
        output = (output or 0) + (reasoning or 0)
    usage = Usage(given, output, reasoning, read if cached is None else cached)
    if _exceeds(usage.cached, given) or _exceeds(reasoning, output):
        raise ValueError("a part that is larger than its whole")
    return usage


def _is_beside(given: int | None, output: int | None, reasoning: int | None, total: int | None) -> bool:
    """Whether the output leaves out the reasoning, as the total of all tells."""
    if not reasoning or given is None or output is None or total is None:
        return False
    return total == given + output + reasoning


def _exceeds(part: int | None, whole: int | None) -> bool:
    return part is not None and whole is not None and part > whole


def _detail(counts: Mapping[str, Any], holders: Sequence[str], names: Sequence[str]) -> int | None:
    for holder in holders:
        if isinstance(found := counts.get(holder), dict):
            return _first(found, names)
    return None


def _first(counts: Mapping[str, Any], names: Sequence[str]) -> int | None:
    """The first count that is told. Raises ValueError if it can be none."""
    for name in names:
        if (count := counts.get(name)) is not None:
            return count if type(count) is int and 0 <= count <= MAX_TOKENS else _count(count)
    return None


def _count(value: Any) -> int:
    """Rule 1. Raises ValueError."""
    if isinstance(value, str) and value.isascii() and value.strip().isdecimal() and len(value) <= MAX_DIGITS:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_TOKENS:
        raise ValueError("no count")
    if value != int(value):
        raise ValueError("a broken count")
    return int(value)
