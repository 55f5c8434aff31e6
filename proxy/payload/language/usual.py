"""Chat completions as nearly all are: one choice with a text, and a usage without details. Read in one typed step.

What such an answer says is what `answers.read_document` says of it, at a third of the cost: a parser that knows the
fields asks no table which of them are there. Any other field, or a value of another type, and the answer is left to the
other reader.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct

from proxy.contracts.identity import identity_of
from proxy.contracts.observation import Tensor, Text, Usage
from proxy.payload.language.answers import RESPONSE
from proxy.payload.language.said import parted
from proxy.payload.language.usage import MAX_TOKENS
from proxy.payload.reading import Body, Content


class _Message(Struct, gc=False, forbid_unknown_fields=True):
    content: str
    role: Any = None
    refusal: None = None
    annotations: Any = None


class _Choice(Struct, gc=False, forbid_unknown_fields=True):
    message: _Message
    index: Any = None
    finish_reason: str | None = None
    logprobs: Any = None


class _Counts(Struct, gc=False, forbid_unknown_fields=True):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class _Completion(Struct, gc=False, forbid_unknown_fields=True):
    choices: tuple[_Choice]
    usage: _Counts
    object: Literal["chat.completion"] = "chat.completion"
    id: Any = None
    created: Any = None
    model: str | None = None
    system_fingerprint: str | None = None
    service_tier: Any = None


_completion = msgspec.json.Decoder(_Completion).decode
NOT_USUAL = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""Errors of answers of another form."""


def usual_completion(body: Body) -> Content | None:
    """What a chat completion of the usual form says, and in `body` who gave it; None for any other answer."""
    source = body.analysis.identity.source
    if source == "json":
        return None
    try:
        answer = _completion(body.data)
    except NOT_USUAL:
        return None
    choice, counts = answer.choices[0], answer.usage
    given, taken, finish = counts.prompt_tokens, counts.completion_tokens, choice.finish_reason or ""
    if not choice.message.content or finish == "error":
        return None
    if min(given, taken, counts.total_tokens) < 0 or max(given, taken, counts.total_tokens) > MAX_TOKENS:
        return None
    if source == "protocol":
        body.identity = identity_of({"model": answer.model, "system_fingerprint": answer.system_fingerprint})
    reasoning, text = parted(choice.message.content)
    features = Tensor("", 1, len(RESPONSE), "number", [len(text), taken], RESPONSE)
    return Content((features,), Text(text, finish, (), reasoning), Usage(given, taken))
