"""Tokens of an answer, as its server counts them.

| who | input | output |
|---|---|---|
| chat completions, completions, embeddings | `usage.prompt_tokens` | `usage.completion_tokens` |
| Responses, transcriptions, images | `usage.input_tokens` | `usage.output_tokens` |
| Anthropic's Messages | the same and what its cache read and wrote | `usage.output_tokens` |
| ranks | `usage.total_tokens`, `meta.tokens`, `usage.tokens` | |
| Ollama | `prompt_eval_count` | `eval_count` |
| llama.cpp, TGI | `tokens_evaluated` | `tokens_predicted`, `details.generated_tokens` |

Reasoning is a part of the output, and what a cache had a part of the input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.contracts.observation import Usage

HOLDERS = ("usage", "details", "timings")
"""Fields of an answer, or of what a chunk begins or ends, in which it counts its tokens."""
WITHIN = ("response", "message", "meta", "delta")
"""Fields of a chunk, or of an answer, that hold the answer which it begins or ends, or what is told about it."""
INPUT = ("prompt_tokens", "input_tokens", "inputTokens", "prompt_eval_count", "tokens_evaluated")
OUTPUT = (
    *("completion_tokens", "output_tokens", "outputTokens", "eval_count", "tokens_predicted"),
    "generated_tokens",
)
TOTAL, CACHED, REASONING = ("total_tokens",), ("cached_tokens",), ("reasoning_tokens",)
HIT = ("prompt_cache_hit_tokens",)
"""Tokens of a prompt that a cache had, as DeepSeek counts them: a part of its `prompt_tokens`."""
READ, WRITTEN = ("cache_read_input_tokens",), ("cache_creation_input_tokens",)
"""Tokens of a prompt that Anthropic counts beside its `input_tokens`."""
FLAT = frozenset(("prompt_eval_count", "eval_count", "tokens_evaluated", "tokens_predicted", "tokens"))
"""Counts that stand among the fields of the answer itself."""
INPUT_DETAILS = ("prompt_tokens_details", "input_tokens_details")
OUTPUT_DETAILS = ("completion_tokens_details", "output_tokens_details")

MAX_TOKENS = 10**9
"""Tokens of one answer that are believed: no model takes or writes as many."""


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
    nested = counts.get("tokens")
    if isinstance(nested, dict):
        counts = nested
    given, output = _first(counts, INPUT), _first(counts, OUTPUT)
    if given is None and output is None:
        given = _first(counts, TOTAL)
        return None if given is None else Usage(input=given)
    cached = _detail(counts, INPUT_DETAILS, CACHED)
    cached = _first(counts, HIT) if cached is None else cached
    read, written = _first(counts, READ), _first(counts, WRITTEN)
    if given is not None:
        given += (read or 0) + (written or 0)
    return Usage(given, output, _detail(counts, OUTPUT_DETAILS, REASONING), read if cached is None else cached)


def _detail(counts: Mapping[str, Any], holders: Sequence[str], names: Sequence[str]) -> int | None:
    for holder in holders:
        if isinstance(found := counts.get(holder), dict):
            return _first(found, names)
    return None


def _first(counts: Mapping[str, Any], names: Sequence[str]) -> int | None:
    for name in names:
        count = counts.get(name)
        if type(count) is int and 0 <= count <= MAX_TOKENS:
            return count
    return None
