"""What one choice of an answer says, whole or in pieces: text, and apart from it reasoning, a refusal, calls of tools.

Rules:

1. Something is said by a text, reasoning, a refusal, a call of a tool, sound or a picture. A role, an empty piece and
   the frame around a message say nothing.
2. An answer none of whose choices says anything is an empty body, whatever finish reason stands there, unless the
   reason explains it (`SILENT`).
3. Servers have reasoning in fields of its own, in parts of the content, or in a text that begins with `<think>`.
4. Calls of tools are told apart by index and id. Where servers send them whole and without either (Ollama, Gemini's
   route), another name begins another call.
5. Arguments of tools are JSON: keys in order, no spaces, 1.0 is 1; no arguments at all are {}. What is no JSON stays as
   it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import orjson

from proxy.contracts.bounds import CUT
from proxy.contracts.observation import Text
from proxy.payload.errors import says
from proxy.payload.reading import Unreadable

REASONING = (
    *("reasoning_content", "reasoning", "thinking", "reasoning_text"),
    *("reasoning_details", "thinking_blocks", "tool_plan"),
)
"""Fields of a message that hold reasoning. Some servers write it twice: the first one counts."""
THINKING = frozenset(REASONING)
THOUGHTS = frozenset(("thinking", "reasoning", "thought", "reasoning_text", "summary_text"))
"""Types of the parts of a content that are reasoning."""
CALLS = frozenset(("tool_use", "server_tool_use", "mcp_tool_use", "function_call", "custom_tool_call", "tool-call"))
"""Types of the parts of a content that call a tool."""
SHOWN = ("audio", "images", "image", "video")
"""Fields of a message by which a model says something without words."""
MUTE = frozenset(("tool_calls", "function_call", *SHOWN))
"""Fields of a message that say something without a text."""
SILENT = frozenset(
    (
        *("content_filter", "refusal", "safety", "abort", "cancelled", "pause_turn"),
        *("recitation", "blocklist", "prohibited_content", "spii", "image_safety", "error_toxic"),
    )
)
"""Finish reasons for which a model says nothing, and has answered all the same."""

MAX_ARGUED = 64 * 1024
"""Characters of the arguments of all calls of an answer that are read as JSON: inside a string of a body nobody has
weighed them (`cost`)."""

THINK, THOUGHT = "<think>", "</think>"
EXACT = 2.0**53
"""From here on a float does not tell which whole number it was."""


class ChoiceReader:
    """One choice; `add` each message, or each piece of one.

    - `put`: where it notes each list that a text was added to, so that a reader of streams knows what a chunk did
    """

    __slots__ = ("_calls", "_ids", "_put", "_rests", "_shown", "finish", "reasoning", "refusal", "text")

    def __init__(self, put: list[list[str]] | None = None) -> None:
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.refusal: list[str] = []
        self.finish = ""
        self._calls: dict[Any, tuple[list[str], list[str]]] = {}
        self._ids: dict[Any, tuple[Any, Any]] = {}
        """The call that pieces with a key are of, and its id."""
        self._put = [] if put is None else put
        self._shown = False
        self._rests: dict[int, Any] = {}
        """Hashes of what is said behind what is kept, by the list that it is kept in."""

    def add(self, message: Mapping[str, Any]) -> bool:
        """Takes in a message, or a piece of one; whether it says something (rule 1)."""
        said = self.content(message.get("content"))
        said = self.say(self.text, message.get("text")) or said
        said = self._think(message) or said
        said = self.say(self.refusal, message.get("refusal")) or said
        if MUTE.isdisjoint(message):
            return said
        calls = message.get("tool_calls")
        calls = [calls] if isinstance(calls, dict) else calls
        for place, call in enumerate(calls if isinstance(calls, list) else ()):
            said = self._tool(place, call) or said
        function = message.get("function_call")
        if isinstance(function, dict) and function:
            said = self.call("", function.get("name"), function.get("arguments"))
        shown = [self.show(message.get(name)) for name in SHOWN]
        return any(shown) or said

    def stop(self, reason: Any) -> None:
        """Notes why the model stopped, if `reason` says so."""
        if isinstance(reason, str) and reason:
            self.finish = reason

    def say(self, where: list[str], text: Any) -> bool:
        """Adds a piece to one of the texts, if it is one."""
        if not isinstance(text, str) or not text:
            return False
        where.append(text)
        self._put.append(where)
        return True

    def show(self, what: Any) -> bool:
        """Takes in a picture or a sound, with the words that are spoken in it."""
        if not what:
            return False
        self._shown = True
        if isinstance(what, dict):
            self.say(self.text, what.get("transcript"))
        return True

    def content(self, content: Any) -> bool:
        """Takes in content, which may come in parts."""
        if isinstance(content, str):
            return self.say(self.text, content)
        parts = [content] if isinstance(content, dict) else content if isinstance(content, list) else ()
        said = [self.part(part, place) for place, part in enumerate(parts) if isinstance(part, dict)]
        return any(said)

    def part(self, part: Mapping[str, Any], place: Any = 0) -> bool:
        """Takes in one part of a content, or an item of OpenAI's Responses."""
        kind = part.get("type")
        if kind in CALLS:
            return self.call(place, part.get("name"), part.get("input") or part.get("arguments"))
        if kind in THOUGHTS:
            return self._think_part(part)
        if "refusal" in part:
            return self.say(self.refusal, part["refusal"])
        if "text" in part:
            return self.say(self.text, part["text"])
        if "content" in part:
            return self.content(part["content"])
        return self.show(any(value for name, value in part.items() if name != "type"))

    def call(self, key: Any, name: Any, arguments: Any) -> bool:
        """Takes in a call of a tool, or a piece of the one that has this key."""
        names, pieces = self._calls.setdefault(key, ([], []))
        if isinstance(arguments, dict | list):
            arguments = orjson.dumps(arguments).decode() if arguments else ""
        named, argued = self.say(names, name), self.say(pieces, arguments)
        return named or argued

    def argued(self) -> int:
        """Characters of the arguments of its calls."""
        return sum([len(piece) for _, pieces in self._calls.values() for piece in pieces])

    def answer(
        self,
        first: float | None = None,
        gaps: tuple[float, ...] = (),
        others: tuple[Text, ...] = (),
        tidy: Callable[[str], str] | None = None,
    ) -> Text:
        """What was said, with the time of its first token, and further choices. `tidy`: what makes the same arguments
        the same text."""
        tidy = tidy or tidied([self])
        text, reasoning = self._joined(self.text), self._joined(self.reasoning)
        if not reasoning:
            reasoning, text = parted(text)
        calls = sorted(self._calls.items(), key=_place)
        tools = tuple([("".join(names), tidy(self._joined(pieces))) for _, (names, pieces) in calls])
        return Text(text, self.finish, tools, reasoning, self._joined(self.refusal), others, first, gaps)

    @property
    def size(self) -> int:
        """Characters that are kept, once they are put together."""
        return sum([len(piece) for pieces in self._texts() for piece in pieces])

    def compact(self, most: int) -> None:
        """Puts together what came in pieces, and keeps of each text `most` characters, and a hash of all behind."""
        for pieces in self._texts():
            if len(pieces) > 1:
                whole = "".join(pieces)
                pieces[:] = [whole[:most]]
                if len(whole) > most:
                    rest = self._rests.setdefault(id(pieces), sha256())
                    rest.update(whole[most:].encode(errors="surrogatepass"))

    def _joined(self, pieces: list[str]) -> str:
        rest = self._rests.get(id(pieces))
        return "".join(pieces) + (CUT + rest.hexdigest() if rest else "")

    def _texts(self) -> list[list[str]]:
        return [self.text, self.reasoning, self.refusal, *(each for call in self._calls.values() for each in call)]

    @property
    def said(self) -> bool:
        """Whether anything was said (rule 1)."""
        return bool(self.text or self.reasoning or self.refusal or self._calls or self._shown)

    def _think(self, message: Mapping[str, Any]) -> bool:
        if THINKING.isdisjoint(message):
            return False
        thought = next((message[name] for name in REASONING if message.get(name)), None)
        if isinstance(thought, str):
            return self.say(self.reasoning, thought)
        said = [self._think_part(part) for part in thought or () if isinstance(part, dict)]
        return any(said)

    def _think_part(self, part: Mapping[str, Any]) -> bool:
        said = False
        for name in ("thinking", "text", "summary", "content"):
            found = part.get(name)
            pieces = found if isinstance(found, list) else [{"text": found}]
            for piece in pieces:
                said = (isinstance(piece, dict) and self.say(self.reasoning, piece.get("text"))) or said
        return said or any(self.show(part.get(name)) for name in ("data", "encrypted_content", "signature"))

    def _tool(self, place: int, call: Any) -> bool:
        if not isinstance(call, dict):
            raise Unreadable("schema")
        index, function = call.get("index"), call.get("function") or call.get("custom")
        function = function if isinstance(function, dict) else {}
        arguments = function.get("arguments") or function.get("input")
        name = function.get("name")
        key, begun = self._key(index if type(index) is int else place, call.get("id"), name, type(index) is int)
        return self.call(key, name if begun else None, arguments) or bool(call)

    def _key(self, base: int, mark: Any, name: Any, indexed: bool) -> tuple[Any, bool]:
        """Which call a piece is of (rule 4), and whether its name is one that was not said yet."""
        key, before = self._ids.get(base, (base, None))
        if base not in self._ids:
            self._ids[base] = base, mark
        elif name and (mark != before if mark and before else not indexed):
            key = base, len(self._calls)
            self._ids[base] = key, mark
        elif name and mark and mark == before:
            return key, self._calls[key][0][-1:] != [name]
        return key, True


def _place(call: tuple[Any, Any]) -> tuple[int, int]:
    key = call[0]
    return key if isinstance(key, tuple) else (key, 0) if type(key) is int else (-1, 0)


def parted(text: str) -> tuple[str, str]:
    """Reasoning at the beginning of a text, and what stands behind it. The tag that opens it may stand in the prompt.

    >>> parted("<think>hm</think> Yes"), parted("hm</think> Yes"), parted("Yes")
    (('hm', 'Yes'), ('hm', 'Yes'), ('', 'Yes'))
    """
    before, closed, behind = text.partition(THOUGHT)
    opened = before.lstrip().startswith(THINK)
    if not opened and (not closed or THINK in before):
        return "", text
    return before.lstrip().removeprefix(THINK), behind.lstrip()


def tidied(choices: Sequence[ChoiceReader]) -> Callable[[str], str]:
    """What makes the arguments in these choices comparable: as they are, where all together are too long to be read."""
    return canonical if sum([choice.argued() for choice in choices]) <= MAX_ARGUED else str.strip


def answer_of(choices: Sequence[ChoiceReader], first: float | None = None, gaps: tuple[float, ...] = ()) -> Text:
    """The choices of one answer as one text: the first, and the others in it."""
    tidy = tidied(choices)
    return choices[0].answer(first, gaps, tuple([choice.answer(tidy=tidy) for choice in choices[1:]]), tidy)


def canonical(arguments: str) -> str:
    """Arguments of a tool in the one form that the same ones have (rule 5).

    >>> canonical('{"b": 1.0, "a": []}'), canonical(""), canonical("now")
    ('{"a":[],"b":1}', '{}', 'now')
    """
    if not arguments.strip():
        return "{}"
    try:
        return orjson.dumps(_plain(orjson.loads(arguments)), option=orjson.OPT_SORT_KEYS).decode()
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, RecursionError):
        return arguments.strip()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        return int(value)
    return value


def refuse_failed(choices: list[Any], reason: Any) -> None:
    """Raises Unreadable with `reason` if one of the choices is an error."""
    for choice in choices:
        if isinstance(choice, dict) and (says(choice.get("error")) or choice.get("finish_reason") == "error"):
            raise Unreadable(reason)


def refuse_silence(said: bool, finish: str) -> None:
    """Raises Unreadable, `empty_body`, for an answer that says nothing (rule 2)."""
    if not said and finish.lower() not in SILENT:
        raise Unreadable("empty_body")
