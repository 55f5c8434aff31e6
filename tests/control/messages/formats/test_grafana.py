"""Annotations: a moment, and a region once it is over."""

from __future__ import annotations

from msgspec.structs import replace

from proxy.control.messages.formats.grafana import grafana
from tests.control.messages.notes import AROUND, EVIL, MESSAGE, RESOLVED, body


def test_what_begins_is_a_moment_and_what_is_over_a_region_in_milliseconds() -> None:
    begun, over = body(grafana(MESSAGE, AROUND)), body(grafana(RESOLVED, AROUND))
    assert begun["time"] == 1700000000500 and "timeEnd" not in begun
    assert (over["time"], over["timeEnd"]) == (1700000000500, 1700000300000)
    assert begun["tags"] == ["penumbra", "rollback", "critical", "firing", "fraud", "features"]


def test_nothing_of_others_is_markup() -> None:
    text = body(grafana(replace(MESSAGE, text=EVIL), AROUND))["text"]
    assert "<script" not in text and "&lt;script&gt;" in text and text.count("<a href=") == 2
