"""What happened, on the command line: an explanation of a route, and its releases, at 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain
from typing import Any
from unicodedata import combining, east_asian_width

import typer

from proxy.release.telling import clock

COLUMNS = 80
WHOSE = {"fleet": "the whole fleet", "sidecar": "this sidecar"}
_LABEL = 9


def time_of(text: str) -> float:
    """Unix seconds of a time as people write it: Unix seconds, or ISO 8601 (UTC unless it says else)."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        why = f"{text!r}: Unix seconds, or a time such as 2026-11-29T03:04:05Z"
        raise typer.BadParameter(why, param_hint="--at") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def explanation(told: Mapping[str, Any]) -> str:
    """An explanation as lines of at most `COLUMNS`."""
    rows = [("what", told["what"]), ("when", told["when"]), ("to whom", told["to_whom"]), ("why", told["why"])]
    rows += [("over?", told["is_it_over"]), ("done", told["done"]), ("now", " ".join(told["now"]))]
    if told["release"]:
        rows.append(("story", f"penumbra audit export {told['release']} --page release.html"))
    whose = (told.get("touched") or {}).get("scope", told["facts_scope"])
    head = f"{told['route']} at {clock(told['at'])}, counts of {WHOSE.get(whose, whose)}"
    rows += [("limits", said) for said in _limits(told.get("verdicts", ()))]
    return "\n".join(
        (
            *_wrapped(told["summary"], ""),
            "",
            *_wrapped(head, ""),
            "",
            *(_paragraph(name, said) for name, said in rows if said),
        )
    )


def _limits(verdicts: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Each limit in words."""
    for words in (each["words"] for each in verdicts):
        yield f"{words['says']} On {words['on']}. {words['changes']}"


def releases(answer: Mapping[str, Any]) -> str:
    """The releases of a route, newest first."""
    if not answer["releases"]:
        return f"{answer['route']} has had no release."
    lines = [_release(each) for each in answer["releases"]]
    more = ["There are older ones: penumbra audit show ROUTE@NUMBER"] if answer["truncated"] else []
    return "\n".join((*lines, *more))


def _release(each: Mapping[str, Any]) -> str:
    ended = clock(each["ended"]) if each["ended"] is not None else "under way"
    head = f"{each['id']} {each['phase'].replace('_', ' ')} {clock(each['began'])} to {ended}"
    return "\n".join((*_wrapped(head, ""), *_wrapped(each["sentence"], "  ")))


def _paragraph(name: str, said: str) -> str:
    lines = _wrapped(said, " " * _LABEL)
    return f"{name:<{_LABEL}}{lines[0][_LABEL:]}" + "".join(f"\n{line}" for line in lines[1:])


def _wrapped(text: str, indent: str) -> list[str]:
    """Lines of at most `COLUMNS`. What is not printable (escapes, marks of direction) is a space."""
    words = "".join(c if c.isprintable() else " " for c in text).split()
    lines, room = [""], COLUMNS - len(indent)
    for piece in chain.from_iterable(_pieces(word, room) for word in words):
        if lines[-1] and columns(lines[-1]) + 1 + columns(piece) > room:
            lines.append("")
        lines[-1] += f" {piece}" if lines[-1] else piece
    return [indent + line for line in lines]


def _pieces(word: str, room: int) -> Iterator[str]:
    """A word in parts that have room in a line."""
    piece, used = "", 0
    for c in word:
        if used + columns(c) > room:
            yield piece
            piece, used = "", 0
        piece, used = piece + c, used + columns(c)
    yield piece


def columns(text: str) -> int:
    """How wide a text is on a terminal: wide characters take two columns, those that combine none."""
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)
