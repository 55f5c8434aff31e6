"""Chat completions and embeddings as nearly all are: texts in turns, one choice with a text, a usage without details;
texts, and a vector of each, as numbers or in base64. Read in one typed step.

What such a request says is what `prompts.read` says of it, and such an answer what `answers.read_document` does, at a
third of the cost: a parser that knows the fields asks no table which of them are there. Any other field, or a value of
another type, and the body is left to the other reader.
"""

from __future__ import annotations

import re
from functools import lru_cache
from math import nan
from typing import Annotated, Any, Literal

import msgspec
import orjson
from msgspec import Struct

from proxy.contracts.identity import bounded, identity_of
from proxy.contracts.observation import Tensor, Text, Usage
from proxy.payload.language.answers import RESPONSE
from proxy.payload.language.prompts import MAX_PROMPT, PICTURED, REQUEST
from proxy.payload.language.ranked import read_rows
from proxy.payload.language.said import parted
from proxy.payload.language.usage import MAX_TOKENS, usage_of
from proxy.payload.reading import Body, Content, Unreadable


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


class _Turn(Struct, gc=False, forbid_unknown_fields=True):
    content: str
    role: Any = None
    name: Any = None


class _Asked(Struct, gc=False, forbid_unknown_fields=True):
    messages: list[_Turn] | None = None
    input: str | list[str] = []
    model: str = ""
    encoding_format: Any = None
    dimensions: Any = None
    max_completion_tokens: int | None = None
    max_tokens: int | None = None
    temperature: int | float | None = None
    stream: Any = None
    stream_options: Any = None
    top_p: Any = None
    n: Any = None
    stop: Any = None
    seed: Any = None
    user: Any = None
    presence_penalty: Any = None
    frequency_penalty: Any = None


class _Vector(Struct, gc=False, forbid_unknown_fields=True):
    object: Literal["embedding"]
    index: Any
    embedding: bytes


class _Embeddings(Struct, gc=False, forbid_unknown_fields=True):
    object: Literal["list"]
    data: Annotated[list[_Vector], msgspec.Meta(min_length=1)]
    model: str
    usage: dict[str, Any]
    id: Any = None
    created: Any = None


Embedded = tuple[list[dict[str, Any]], dict[str, Any], str]
"""Rows, usage and model of an answer of embeddings."""

MAX_PARAMETER = 1 << 53
"""A larger number is left to the other reader: parsers differ in what they make of it."""

MAX_CACHED_NAME = 256
"""Characters of a name that is remembered."""

_asked = msgspec.json.Decoder(_Asked).decode
_completion = msgspec.json.Decoder(_Completion).decode
_embeddings = msgspec.json.Decoder(_Embeddings).decode
NOT_USUAL = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""Errors of answers of another form."""


def usual_request(body: Body) -> Content | None:
    """The features of a request of the usual form, and in `body` the model that it names; None for any other."""
    if PICTURED in body.data:
        return None
    try:
        asked = _asked(body.data)
    except NOT_USUAL:
        return None
    limit = asked.max_tokens if asked.max_completion_tokens is None else asked.max_completion_tokens
    values = [nan if limit is None else limit, nan if asked.temperature is None else asked.temperature]
    if any(abs(value) > MAX_PARAMETER for value in values):
        return None
    if asked.messages is not None:
        texts = [turn.content for turn in asked.messages]
    elif asked.input:
        texts = [asked.input] if isinstance(asked.input, str) else asked.input
    else:
        return None  # nothing, or a field that is not there
    prompt = "\n".join(texts)[:MAX_PROMPT]
    body.asked = bounded(asked.model)
    features = [sum(map(len, texts)), len(texts), *values]
    said = (("prompt", (prompt,)),) if prompt else ()
    return Content((Tensor("", 1, len(REQUEST), "number", features, REQUEST, texts=said),))


LISTING = frozenset(("object", "data", "model", "usage", "id", "created"))
LISTED = frozenset(("object", "index", "embedding"))
COUNTED = frozenset(("prompt_tokens", "total_tokens"))
"""Fields of an answer of embeddings, of each of them, and of its usage."""

EMBEDDING = b'"embedding"'
PACKED = re.compile(rb'"embedding"\s*:\s*"')
MAX_AHEAD = 512
"""Bytes in which an answer of embeddings names the first one."""


def usual_embeddings(data: bytes) -> tuple[tuple[Tensor, ...], str, Usage | None] | None:
    """The vectors in an answer of embeddings of the usual form, who gave it, and its tokens; None for any other."""
    if not data.startswith(b"{") or data.find(EMBEDDING, 0, MAX_AHEAD) < 0:
        return None
    try:
        told = _of_packed(data) if PACKED.search(data, 0, MAX_AHEAD) else _of_numbers(data)
        if told is None:
            return None
        rows, counts, model = told
        tensors = read_rows(rows)
    except (*NOT_USUAL, orjson.JSONDecodeError, Unreadable):
        return None
    if counts.keys() == COUNTED and all(map(_is_count, counts.values())):
        return tensors, _identity(model, None), Usage(counts["prompt_tokens"])
    return tensors, _identity(model, None), usage_of({"usage": counts})


def _of_packed(data: bytes) -> Embedded:
    """Vectors in base64: a parser that knows where they are unpacks them four times as fast."""
    answer = _embeddings(data)
    rows = [{"index": row.index, "embedding": row.embedding} for row in answer.data]
    return rows, answer.usage, answer.model


def _of_numbers(data: bytes) -> Embedded | None:
    document = orjson.loads(data)
    if type(document) is not dict or document.get("object") != "list" or not LISTING.issuperset(document):
        return None
    rows, counts, model = document.get("data"), document.get("usage"), document.get("model")
    if type(model) is not str or type(counts) is not dict or type(rows) is not list:
        return None
    return (rows, counts, model) if rows and all(map(_is_listed, rows)) else None


def _is_listed(row: Any) -> bool:
    return type(row) is dict and row.get("object") == "embedding" and row.keys() == LISTED


def _is_count(count: Any) -> bool:
    return type(count) is int and 0 <= count <= MAX_TOKENS


def _identity(model: str | None, fingerprint: str | None) -> str:
    short = len(model or "") + len(fingerprint or "") <= MAX_CACHED_NAME
    return _known(model, fingerprint) if short else _said(model, fingerprint)


def _said(model: str | None, fingerprint: str | None) -> str:
    return identity_of({"model": model, "system_fingerprint": fingerprint})


_known = lru_cache(maxsize=256)(_said)


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
        body.identity = _identity(answer.model, answer.system_fingerprint)
    reasoning, text = parted(choice.message.content)
    features = Tensor("", 1, len(RESPONSE), "number", [len(text), taken], RESPONSE)
    return Content((features,), Text(text, finish, (), reasoning), Usage(given, taken))
