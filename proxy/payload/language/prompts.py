"""Requests to language models and their kin: how much is asked, of which model, and the parameters that change answers
most."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from proxy.contracts.observation import Tensor
from proxy.payload.language.said import ChoiceReader
from proxy.payload.pictures.found import of_asked
from proxy.payload.reading import Unreadable, checked

REQUEST = ("prompt_chars", "messages", "max_tokens", "temperature")
"""The features of a request."""

LIMITS = (
    *("max_completion_tokens", "max_tokens", "max_output_tokens", "max_new_tokens", "n_predict", "num_predict"),
    "maxOutputTokens",
)
PARAMETERS = ("parameters", "options", "sampling_params", "generationConfig", "generation_config")
"""Fields that servers keep parameters in, beside the request itself: TGI, Ollama, SGLang, Gemini."""
BEFORE = ("system", "instructions", "systemInstruction", "system_instruction", "query", "text_1")
"""Fields whose text stands before what is asked."""
ASKED = (
    "messages",
    "prompt",
    "text_input",
    "input",
    "inputs",
    "documents",
    "texts",
    "text_2",
    "text",
    "queries",
    "content",
    "contents",
    "requests",
    "tokens",
)
"""Fields in which it is asked; the first that is there counts."""

PICTURED = b"image"
"""What stands in each request with a picture: a kind of part, a media type, a name."""
PICTURES = (*ASKED, "images", "image", "image_data", "multi_modal_data")
"""Fields that may hold pictures: Ollama's and llama.cpp's stand beside the text."""

MAX_PROMPT = 4096
"""Characters of what is asked that say in which words and in which script it is."""

MAX_NESTING = 4
"""Lists and parts within each other in which texts are looked for."""


def read(fields: Mapping[str, Any], data: bytes) -> tuple[Tensor, ...]:
    """The features of a request, and of the pictures in it; `data`: the request as it came. Raises Unreadable."""
    asked = features(fields)
    if PICTURED not in data:  # nearly all; else a look at every value
        return (asked,)
    return (asked, *of_asked([fields[name] for name in PICTURES if name in fields], "prompt"))


def features(fields: Mapping[str, Any]) -> Tensor:
    """The features of a request. Raises Unreadable."""
    texts = texts_of(fields)
    known = [text for text in texts if text is not None]
    chars = sum(map(len, known)) if known or not texts else None
    values = [chars, len(texts), _parameter(fields, LIMITS), _parameter(fields, ("temperature",))]
    asked = "\n".join(known)[:MAX_PROMPT]
    said = (("prompt", (asked,)),) if asked else ()
    return Tensor("", 1, len(REQUEST), "number", checked(values, "number"), REQUEST, texts=said)


def _parameter(fields: Mapping[str, Any], names: Iterable[str]) -> Any:
    for part in (fields, *[fields[each] for each in PARAMETERS if each in fields]):
        for name in names if isinstance(part, dict) else ():
            if part.get(name) is not None:
                return part[name]
    return None


def texts_of(fields: Mapping[str, Any]) -> list[str | None]:
    """The texts of a request; None for one that came as tokens. Raises Unreadable."""
    name = next((each for each in ASKED if fields.get(each) is not None), None)
    before = [text for each in BEFORE if each in fields for text in _texts(fields[each])]
    if name is None and not before:
        raise Unreadable("schema")
    return before + (_texts(fields[name]) if name else [])


def _texts(value: Any, nesting: int = MAX_NESTING) -> list[str | None]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [_message(value)]
    if not isinstance(value, list) or not nesting:
        raise Unreadable("schema")
    if value and all(type(token) is int for token in value):
        return [None]
    return [text for each in value for text in _texts(each, nesting - 1)]


def _message(message: Mapping[str, Any]) -> str:
    """The text of a message, a document, or a part of one."""
    for name in ("content", "text", "output", "arguments", "parts"):
        found = message.get(name)
        if isinstance(found, str):
            return found
        if isinstance(found, dict) and isinstance(found.get("parts"), list):
            found = found["parts"]
        if isinstance(found, list):
            read = ChoiceReader()
            read.content(found)
            return "".join(read.text)
    return ""
