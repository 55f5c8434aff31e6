"""Server-sent events: what an event is, whatever ends its lines."""

from __future__ import annotations

import json

import orjson
from hypothesis import given
from hypothesis import strategies as st

from proxy.payload.sse import events


@given(st.lists(st.text(max_size=5), max_size=8), st.sampled_from(["\n", "\r\n", "\r"]))
def test_events_are_what_was_sent_whatever_ends_lines(texts: list[str], end: str) -> None:
    sent = "".join(f"event: x{end}data: {json.dumps(text)}{end}{end}" for text in texts)
    assert [orjson.loads(event.data) for event in events(sent.encode() + b"data: cut")] == texts
