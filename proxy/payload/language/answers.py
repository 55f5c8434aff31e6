"""Whole answers of language models and their kin: a table of the fields that tell them apart, and their readers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from proxy.contracts.observation import Tensor, Text, Usage
from proxy.payload.errors import refuse_errors
from proxy.payload.language import media, ranked
from proxy.payload.language.arrivals import Arrivals
from proxy.payload.language.gemini import CANDIDATES, FEEDBACK, MARKS, ends_of_members
from proxy.payload.language.said import ChoiceReader, answer_of, refuse_failed, refuse_silence
from proxy.payload.language.spoken import MAX_CHOICES, Spoken, finish_of, take_response
from proxy.payload.language.usage import usage_of
from proxy.payload.reading import Body, Content, Unreadable, checked, fields_of

RESPONSE = ("response_chars", "completion_tokens")
"""What is a prediction of each text, so that its drift is seen."""

PENDING = frozenset(("queued", "in_progress"))
"""States of a response that is answered later, elsewhere."""

Fields = Mapping[str, Any]


def said_by(fields: Fields, text: Text, usage: Usage | None = None) -> Content:
    """An answer of words, with its tokens."""
    usage = usage or usage_of(fields)
    values = [len(text.text), usage.output if usage else None]
    return Content((Tensor("", 1, len(RESPONSE), "number", checked(values, "number"), RESPONSE),), text, usage)


def _of_choices(fields: Fields) -> Content:
    choices = fields["choices"]
    if not isinstance(choices, list):
        raise Unreadable("schema")
    if not choices:
        raise Unreadable("empty_body")
    if len(choices) > MAX_CHOICES:
        raise Unreadable("too_many_values")
    refuse_failed(choices, "error_in_body")
    texts = [_of_choice(fields_of(choice)) for choice in _by_index(choices)]
    first = answer_of(texts)
    refuse_silence(any(text.said for text in texts), first.finish)
    return said_by(fields, first)


def _by_index(choices: list[Any]) -> list[Any]:
    if len(choices) > 1 and all(type(fields_of(choice).get("index")) is int for choice in choices):
        return sorted(choices, key=lambda choice: int(choice["index"]))
    return choices


def _of_choice(choice: Fields) -> ChoiceReader:
    read, message = ChoiceReader(), choice.get("message")
    read.add(message if isinstance(message, dict) else {"text": choice.get("text")})
    read.stop(choice.get("finish_reason") or choice.get("stop_reason"))
    return read


def _of_response(fields: Fields) -> Content:
    """OpenAI's Responses."""
    status = fields.get("status")
    if status == "failed":
        raise Unreadable("error_in_body")
    if status in PENDING:
        raise Unreadable("form")
    output, read = fields["output"], ChoiceReader()
    if not isinstance(output, list):
        raise Unreadable("form" if output else "empty_body")
    read.stop(finish_of(fields))
    refuse_silence(take_response(read, fields), read.finish)
    return said_by(fields, read.answer())


def _of_message(fields: Fields, message: Fields) -> Content:
    """Anthropic's Messages, Ollama's and Cohere's chat."""
    read = ChoiceReader()
    read.add(message)
    read.stop(fields.get("stop_reason") or fields.get("done_reason") or fields.get("finish_reason"))
    refuse_silence(read.said, read.finish)
    return said_by(fields, read.answer())


def _of_content(fields: Fields) -> Content:
    """A message that is the answer itself (Anthropic, Cohere), or a text (llama.cpp)."""
    content = fields["content"]
    if not isinstance(content, str | list):
        raise Unreadable("form" if content else "empty_body")
    return _of_message({"stop_reason": fields.get("stop_type"), **fields}, {"content": content})


def _of_inner(fields: Fields) -> Content:
    message = fields["message"]
    if not isinstance(message, dict):
        raise Unreadable("schema")
    return _of_message(fields, message)


def _of(name: str) -> Callable[[Fields], Content]:
    """A text that stands in a field."""

    def read(fields: Fields) -> Content:
        text = fields[name]
        if not isinstance(text, str):
            raise Unreadable("form" if text else "empty_body")
        details = fields.get("details")
        finish = details.get("finish_reason") if isinstance(details, dict) else fields.get("done_reason")
        choice = ChoiceReader()
        choice.say(choice.text, text)
        choice.say(choice.reasoning, fields.get("thinking"))
        choice.stop(finish)
        refuse_silence(choice.said, "")
        return said_by(fields, choice.answer())

    return read


def _of_texts(rows: list[Fields]) -> Content:
    """Generated texts, one for each prompt (TGI, pipelines of Hugging Face, llama.cpp); of a chat the last message."""
    if len(rows) > MAX_CHOICES:
        raise Unreadable("too_many_values")
    choices = [_of_generated(row) for row in rows]
    refuse_silence(any(choice.said for choice in choices), "")
    return said_by(rows[0] if len(rows) == 1 else {}, answer_of(choices))


def _of_generated(row: Fields) -> ChoiceReader:
    text = row["generated_text"] if "generated_text" in row else row["content"]
    if isinstance(text, list) and text and isinstance(text[-1], dict):
        text = text[-1].get("content")
    if not isinstance(text, str):
        raise Unreadable("form" if text else "empty_body")
    details, choice = row.get("details"), ChoiceReader()
    choice.say(choice.text, text)
    choice.stop(details.get("finish_reason") if isinstance(details, dict) else row.get("stop_type"))
    return choice


def _generated(rows: list[Any]) -> list[Fields]:
    """The rows of generated texts, in lists by prompt or not; none: they are something else."""
    flat = [each for row in rows for each in (row if isinstance(row, list) else (row,))]
    known = all(isinstance(each, dict) and ("generated_text" in each or each.keys() >= TEXT) for each in flat)
    return flat if known else []


TEXT = frozenset(("content", "stop"))
"""Fields of each of several texts of llama.cpp."""


def _of_chunks(chunks: Sequence[Any], body: Body | None = None) -> Content:
    """Gemini's answer, or all chunks of its stream in one array, that came with the pieces of `body`."""
    spoken, arrivals = Spoken(), Arrivals()
    ends = ends_of_members(body.data) if body and body.ends else []
    for number, chunk in enumerate(chunks):
        if spoken.add(chunk):
            arrivals.said(number, ends[number : number + 1])
    if body and ends:
        arrivals.came(body.chunks, body.ends)
    if not (spoken.finish or spoken.said):
        raise Unreadable("empty_body")
    if not spoken.finish:
        raise Unreadable("unfinished_stream")
    return said_by({}, spoken.text(arrivals.first, tuple(arrivals.gaps)), spoken.usage)


def _of_count(name: str) -> Callable[[Fields], Content]:
    """How many tokens a text has (Anthropic's `count_tokens`, Gemini's `countTokens`)."""
    return lambda fields: Content((Tensor(name, 1, 1, "number", checked([fields[name]], "number"), (), True),))


def _of_tokens(fields: Fields) -> Content:
    """The tokens of a text (vLLM's and llama.cpp's `tokenize`)."""
    found = fields["tokens"]
    if not isinstance(found, list) or not all(type(token) is int for token in found):
        raise Unreadable("form")
    return Content((Tensor("tokens", len(found), 1, "number", found, (), True),))


def _of_rows(name: str) -> Callable[[Fields], Content]:
    return lambda fields: _rows(fields[name], fields)


def _of_nested(fields: Fields) -> Content:
    """Embeddings by type of number, as Cohere has them, or as a list."""
    found = fields["embeddings"]
    if isinstance(found, dict):
        found = next((rows for rows in found.values() if rows), None)
    return _rows(found, fields)


FORMS: dict[str, Callable[[Fields], Content]] = {
    "choices": _of_choices,
    CANDIDATES: lambda fields: _of_chunks([fields]),
    FEEDBACK: lambda fields: _of_chunks([fields]),
    "output": _of_response,
    "generated_text": lambda fields: _of_texts([fields]),
    "content": _of_content,
    "message": _of_inner,
    "response": _of("response"),
    "embeddings": _of_nested,
    "embedding": lambda fields: _rows([fields["embedding"]], fields),
    "data": _of_rows("data"),
    "results": _of_rows("results"),
    "scores": _of_rows("scores"),
    "text": _of("text"),
    "segments": _of("segments"),
}
"""A field by which an answer is known to its reader, in the order in which they are looked for."""


ASIDE: dict[str, Callable[[Fields], Content]] = {
    "input_tokens": _of_count("input_tokens"),
    "totalTokens": _of_count("totalTokens"),
    "tokens": _of_tokens,
    "prompt": _of("prompt"),
}
"""Fields of answers about texts rather than by a model, where an answer has none of the others: other answers have some
of them beside what they say."""


def read_document(document: Any, body: Body | None = None) -> Content:
    """A whole answer, as JSON; `body`: with the times of its pieces. Raises Unreadable."""
    refuse_errors(document, FORMS)
    if isinstance(document, list):
        chunks = document and isinstance(document[0], dict) and not MARKS.isdisjoint(document[0])
        return _of_chunks(document, body) if chunks else _rows(document, {})
    fields = fields_of(document)
    if fields.get("status") == "failed":
        raise Unreadable("error_in_body")
    named = [name for name in FORMS if name in fields]
    if not named:
        return _aside(fields)
    # An empty field beside one that is not is no answer: `{"message": "", "choices": […]}`.
    name = next((name for name in named if fields[name]), named[0])
    return FORMS[name](fields)


def _aside(fields: Fields) -> Content:
    name = next((name for name in ASIDE if name in fields), None)
    if name is None:
        raise Unreadable("form" if "models" in fields else "schema")
    return ASIDE[name](fields)


def _rows(rows: Any, fields: Fields) -> Content:
    """Embeddings, ranks, classes, pictures, or generated texts."""
    if not rows:
        raise Unreadable("empty_body")
    if not isinstance(rows, list):
        raise Unreadable("form")
    first = rows[0]
    if texts := _generated(rows):
        return _of_texts(texts)
    read = media.pictures if isinstance(first, dict) and media.PICTURES & first.keys() else ranked.read_rows
    return Content(read(rows), None, usage_of(fields))
