"""Runs of like events: what is read in one go is what each event says, and where it ends."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from proxy.payload.language.runs import run_behind
from proxy.payload.sse import events


def line(text: str, escaped: bool = False) -> bytes:
    return f"data: {json.dumps({'choices': [{'delta': {'content': text}}]}, ensure_ascii=escaped)}\n\n".encode()


@given(st.lists(st.text(max_size=5), min_size=2, max_size=20), st.booleans())
def test_texts_and_ends(texts: list[str], escaped: bool) -> None:
    lines = [line(text, escaped) for text in ["said first", *texts]]
    stream = b"".join(lines)
    first = next(events(stream))
    found, ends = run_behind(stream, first, "said first")
    assert found == texts[: len(found)] and len(ends) == len(found)
    assert ends == [event.end for event in events(stream)][1 : len(found) + 1]


def test_another_event_ends_a_run() -> None:
    stream = line("a b") + line("c") + line("d") + b"data: {}\n\n" + line("e")
    assert run_behind(stream, next(events(stream)), "a b")[0] == ["c"]


def test_a_text_that_stands_there_twice_makes_no_run() -> None:
    stream = line("content") * 3
    assert run_behind(stream, next(events(stream)), "content") == ([], [])
