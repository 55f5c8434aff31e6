"""The target of a request, rewritten: a prefix of its path, the model that its path names, parameters of its query.

1. Prefixes and what names a model are compared as routes compare them: decoded but for slashes, on segment boundaries,
   a verb of a protocol ending a segment. What is not replaced stays as the client wrote it.
2. `{name}` in a prefix stands for a part of one segment, at least one character; there is one in a segment at most, so
   that a path is read in one pass.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from proxy.routing.inference import VERBS

MODEL_SPACES: Final = (b"/v2/models/", b"/v1/models/", b"/openai/deployments/", b"/v1beta/models/")
"""What a path holds before the name of a model: Open Inference Protocol, KServe V1 and TensorFlow Serving, Azure
OpenAI, Gemini."""

_PART = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_UNIT: Final = rb"(?:[^/%]|%[0-9A-Fa-f]{2})"
_BOUNDARY: Final = rb"(?=/|\Z|%b)" % b"|".join([rb"(?::|%%3[Aa])%b(?:/|\Z)" % verb[1:] for verb in VERBS])


def literal(text: str) -> bytes:
    """A pattern for a text whose characters, but for slashes, may be percent-encoded."""
    made = b""
    for byte in unquote_to_bytes(text.replace("%2F", "%252F").replace("%2f", "%252F")):
        one = bytes([byte])
        if one == b"/":
            made += b"/"
            continue
        code = b"".join([b"[%b%b]" % (digit.upper(), digit) if digit.isalpha() else digit for digit in _hex(byte)])
        made += b"(?:%b|%%%b)" % (re.escape(one), code)
    return made


def _hex(byte: int) -> list[bytes]:
    return [digit.encode() for digit in f"{byte:02x}"]


_END: Final = rb"(?=/|\Z|(?::|%3[Aa])[A-Za-z]+\Z)"
_MODEL = re.compile(
    rb"(?:%b)([^/]+?)(?:%b([^/]*?)%b)?%b"
    % (b"|".join([literal(space.decode()) for space in MODEL_SPACES]), literal("/versions/"), _END, _END)
)
"""A name may have a colon in it (`llama3:8b`): a verb is letters, and the last of a path."""


class PathRule:
    """A prefix and what stands in its place."""

    __slots__ = ("_names", "_pattern", "_to")

    def __init__(self, source: str, to: str) -> None:
        names: list[str] = []
        pattern = b""
        at = 0
        source = source.rstrip("/")
        for part in _PART.finditer(source):
            pattern += literal(source[at : part.start()]) + rb"(%b+?)" % _UNIT
            names.append(part.group(1))
            at = part.end()
        self._pattern = re.compile(pattern + literal(source[at:]) + _BOUNDARY)
        self._names = names
        self._to: list[str] = _PART.split(to.rstrip("/"))

    def applied(self, path: bytes) -> bytes | None:
        """The path with the prefix replaced; None where it does not begin with it."""
        match = self._pattern.match(path)
        if match is None:
            return None
        made: list[bytes] = []
        for index, part in enumerate(self._to):
            made.append(match.group(1 + self._names.index(part)) if index % 2 else part.encode())
        return (b"".join(made) + path[match.end() :]) or b"/"


def faults_of(source: str, to: str) -> str:
    """What is wrong with a path rule ("": nothing)."""
    names = [str(name) for name in _PART.findall(source)]
    rest = _PART.sub("", source) + _PART.sub("", to)
    if "{" in rest or "}" in rest:
        return "named parts as {name}, of letters, digits and _"
    if any(len(_PART.findall(segment)) > 1 for segment in source.split("/")):
        return "one named part in a segment"
    if len(set(names)) < len(names):
        return "each named part once in `from`"
    unknown = [str(name) for name in _PART.findall(to) if name not in names]
    return f"named parts of `from` only, and {unknown[0]} is none" if unknown else ""


def named_in(path: bytes) -> tuple[bytes, bytes]:
    """The model, and its version, that a path names, decoded; empty: none."""
    match = _MODEL.search(path)
    if match is None:
        return b"", b""
    return unquote_to_bytes(match.group(1)), unquote_to_bytes(match.group(2) or b"")


def with_model(path: bytes, model: str, version: str) -> bytes | None:
    """The path with another model, or another version of it ("": as it is); None where it names no model."""
    match = _MODEL.search(path)
    if match is None:
        return None
    start, stop = match.span(1)
    named = quote(model, safe="").encode() if model else match.group(1)
    tail = path[match.end() :]
    kept = path[stop : match.end()]
    if version:
        kept = b"/versions/" + quote(version, safe="").encode()
    return path[:start] + named + kept + tail


def with_query(
    target: bytes, wanted: list[tuple[bytes, bytes]], unwanted: frozenset[bytes], secret: frozenset[bytes] = frozenset()
) -> bytes:
    """The target whose query has each wanted parameter once, where it stood or at the end, and no unwanted one, nor one
    that is `secret`, in whatever case. Names are compared decoded."""
    path, _, query = target.partition(b"?")
    values = dict(wanted)
    kept: list[bytes] = []
    done: set[bytes] = set()
    given = query.split(b"&") if query else []
    for each in given:
        name = unquote_to_bytes(each.partition(b"=")[0].replace(b"+", b" "))
        if name in unwanted or name in done or name.lower() in secret:
            continue
        if name in values:
            done.add(name)
            kept.append(_parameter(name, values[name]))
        else:
            kept.append(each)
    kept += [_parameter(name, value) for name, value in wanted if name not in done]
    if kept == given:
        return target
    return path + b"?" + b"&".join(kept) if kept else path


def _parameter(name: bytes, value: bytes) -> bytes:
    return quote(name, safe="").encode() + b"=" + quote(value, safe="").encode()
