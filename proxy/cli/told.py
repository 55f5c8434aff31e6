"""What happened, on the command line: an explanation of a route, and its releases, at 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import typer

from proxy.release.telling import clock

COLUMNS = 80
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
    head = f"{told['route']} at {clock(told['at'])}, counts of this {told['facts_scope']}"
    return "\n".join((head, "", *(_paragraph(name, said) for name, said in rows if said)))


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
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return textwrap.wrap(clean, COLUMNS, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False) or [
        ""
    ]
