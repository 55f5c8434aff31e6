"""What the chunks of a stream add up to, in the forms of OpenAI and its kin, Anthropic, Gemini, TGI, Ollama, llama.cpp.

Rules:

1. A token is a chunk that says something (`said`, rule 1).
2. Choices are told apart by their index, and calls of tools by theirs, in whatever order their pieces come.
3. An error in a chunk, or in one of its choices, fails the stream.
4. Where the last event of OpenAI's Responses repeats the answer, the whole counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.contracts.observation import Text, Usage
from proxy.payload.errors import is_error, is_told
from proxy.payload.language.gemini import MARKS, take_candidates
from proxy.payload.language.said import ChoiceReader, answer_of, refuse_failed, refuse_silence
from proxy.payload.language.usage import merged, usage_of
from proxy.payload.reading import Unreadable, fields_of

FAILED_TYPES = frozenset(("response.failed", "response.error"))
ENDED_TYPES = frozenset(("response.completed", "response.incomplete", "message_stop", "message-end", "stream-end"))

MAX_CHOICES = 128
"""Choices of one answer: as many as OpenAI's API gives."""

DELTAS = {
    "response.output_text.delta": "text",
    "response.audio.transcript.delta": "text",
    "response.output_audio_transcript.delta": "text",
    "transcript.text.delta": "text",
    "response.refusal.delta": "refusal",
    "response.reasoning.delta": "reasoning",
    "response.reasoning_text.delta": "reasoning",
    "response.reasoning_summary_text.delta": "reasoning",
}
"""Types of events whose `delta` is a piece of a text."""
ARGUMENTS = frozenset(
    (
        *("response.function_call_arguments.delta", "response.custom_tool_call_input.delta"),
        *("response.mcp_call_arguments.delta", "response.code_interpreter_call_code.delta"),
    )
)
ARGUED = ("arguments", "input", "code", "action", "queries", "operation")
"""Fields of an item of OpenAI's Responses that say what a tool is called with."""
SHOWN = ("b64_json", "partial_image_b64", "audio")
"""Fields of typed events that hold a picture or a sound."""


class Spoken:
    """The answer of one stream; `add` each chunk."""

    __slots__ = ("choices", "ended", "put", "said", "usage")

    def __init__(self) -> None:
        self.choices: dict[int, ChoiceReader] = {}
        self.usage: Usage | None = None
        self.said = False
        """Whether a chunk said something."""
        self.ended = False
        self.put: list[list[str]] = []
        """The lists that the last chunk added a text to."""

    @property
    def finish(self) -> str:
        """Why the first choice ended, or "": nobody said."""
        return next((choice.finish for choice in self.choices.values() if choice.finish), "")

    @property
    def size(self) -> int:
        """Characters that were said, as far as they are kept."""
        return sum(choice.size for choice in self.choices.values())

    def compact(self, most: int) -> None:
        """Puts together what came in pieces, and keeps of each text `most` characters."""
        for choice in self.choices.values():
            choice.compact(most)

    def add(self, document: Any) -> bool:
        """Takes in a chunk; whether it says something. Raises Unreadable."""
        chunk = fields_of(document)
        if is_error(chunk, ("choices", "type", *MARKS)) or is_told(chunk) or chunk.get("type") in FAILED_TYPES:
            raise Unreadable("error_in_stream")
        self.put.clear()
        self.usage = merged(self.usage, usage_of(chunk))
        said = self._takes(chunk)
        self.said = self.said or said
        return said

    def text(self, first: float | None, gaps: tuple[float, ...]) -> Text:
        """The whole answer, with the time of its first token and the gaps behind it. Raises Unreadable."""
        refuse_silence(self.said, self.finish)
        choices = [self.choices[index] for index in sorted(self.choices)] or [ChoiceReader()]
        return answer_of(choices, first, gaps)

    def choice(self, index: Any = 0) -> ChoiceReader:
        """The choice of this index. Raises Unreadable."""
        index = index if type(index) is int else 0
        if index not in self.choices:
            if len(self.choices) >= MAX_CHOICES:
                raise Unreadable("too_many_values")
            self.choices[index] = ChoiceReader(self.put)
        return self.choices[index]

    def _takes(self, chunk: dict[str, Any]) -> bool:
        """Takes in what a chunk says; whether it says a part of the answer."""
        choices = chunk.get("choices")
        if isinstance(choices, list) and choices:
            refuse_failed(choices, "error_in_stream")
            said = [self._choose(fields_of(choice), place) for place, choice in enumerate(choices)]
            return any(said)
        kind = chunk.get("type")
        if isinstance(kind, str):
            return self._typed(kind, chunk)
        if not MARKS.isdisjoint(chunk):
            return take_candidates(chunk, self.choice)
        if isinstance(choices, list):
            return False
        return self._generated(chunk)

    def _choose(self, choice: dict[str, Any], place: int) -> bool:
        index, delta = choice.get("index"), choice.get("delta")
        mine = self.choice(place if index is None else index)
        mine.stop(choice.get("finish_reason"))
        if isinstance(delta, dict):
            return mine.add(delta)
        message = choice.get("message")
        return mine.add(message) if isinstance(message, dict) else mine.say(mine.text, choice.get("text"))

    def _typed(self, kind: str, chunk: dict[str, Any]) -> bool:
        """OpenAI's Responses and transcripts, Anthropic's Messages, Cohere's chat: events with a type."""
        self.ended = self.ended or kind in ENDED_TYPES
        mine, delta = self.choice(), chunk.get("delta")
        if kind in DELTAS:
            return mine.say(getattr(mine, DELTAS[kind]), delta)
        if kind in ARGUMENTS:
            return mine.call(chunk.get("output_index"), None, delta)
        if kind == "response.output_item.added":
            return self._begun(chunk.get("item"), chunk.get("output_index"))
        if isinstance(response := chunk.get("response"), dict):
            return self._responded(kind, response)
        if isinstance(block := chunk.get("content_block"), dict):
            return mine.part(_without_input(block), chunk.get("index"))
        if any(mine.show(chunk.get(name)) for name in SHOWN):
            return True
        if isinstance(delta, dict):
            return self._delta(mine, delta, chunk.get("index"))
        if not self.said and isinstance(chunk.get("text"), str):
            return mine.say(mine.text, chunk["text"])
        return isinstance(delta, str) and mine.show(delta)

    def _delta(self, mine: ChoiceReader, delta: dict[str, Any], index: Any) -> bool:
        mine.stop(delta.get("stop_reason") or delta.get("finish_reason"))
        if isinstance(delta.get("partial_json"), str):
            return mine.call(index, None, delta["partial_json"])
        if isinstance(message := delta.get("message"), dict):
            return mine.add(message)
        return mine.add(delta)

    def _begun(self, item: Any, index: Any) -> bool:
        """An item of OpenAI's Responses that begins: of a call of a tool its name."""
        if not isinstance(item, dict) or not str(item.get("type")).endswith("_call"):
            return False
        return self.choice().call(index, item.get("name") or item.get("type"), None)

    def _responded(self, kind: str, response: dict[str, Any]) -> bool:
        if kind not in ENDED_TYPES:
            return False
        whole = ChoiceReader(self.put)
        said = take_response(whole, response)
        if said:
            self.choices[0] = whole
        self.choice().stop(finish_of(response))
        return said and not self.said

    def _generated(self, chunk: dict[str, Any]) -> bool:
        """TGI (`token`, `generated_text`), Ollama (`message` or `response`, `done`), llama.cpp (`content`, `stop`),
        Triton (`text_output`)."""
        token, message, whole = (chunk.get(name) for name in ("token", "message", "generated_text"))
        self.ended = self.ended or True in (chunk.get("done"), chunk.get("stop")) or isinstance(whole, str)
        mine = self.choice(chunk.get("index") if "content" in chunk else 0)
        details = chunk.get("details")
        mine.stop(chunk.get("done_reason") or chunk.get("stop_type"))
        mine.stop(details.get("finish_reason") if isinstance(details, dict) else None)
        if isinstance(message, dict):
            return mine.add(message)
        if isinstance(token, dict) and token.get("special") is not True:
            return mine.say(mine.text, token.get("text"))
        said = [mine.say(mine.reasoning, chunk.get("thinking"))]
        said += [mine.say(mine.text, chunk.get(name)) for name in GENERATED]
        return any(said) or (not mine.text and mine.say(mine.text, whole))


GENERATED = ("response", "content", "text_output")


def finish_of(response: Mapping[str, Any]) -> Any:
    """Why an answer of OpenAI's Responses ended: the reason why it is incomplete, or its status."""
    details = response.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    return reason or response.get("status")


def take_response(choice: ChoiceReader, response: Mapping[str, Any]) -> bool:
    """Takes in the items of an answer of OpenAI's Responses; whether they say something."""
    output, said = response.get("output"), False
    for place, item in enumerate(output if isinstance(output, list) else ()):
        if not isinstance(item, dict):
            continue
        kind = str(item.get("type"))
        if kind.endswith("_call"):
            arguments = next((item[name] for name in ARGUED if item.get(name)), None)
            said = choice.call(place, item.get("name") or kind, arguments) or said
        else:
            said = choice.part(item, place) or said
    return said


def _without_input(block: dict[str, Any]) -> dict[str, Any]:
    """A block as it begins: the input of a tool comes in pieces behind it."""
    return {**block, "input": None} if "input" in block else block
