"""Kinds of warnings are stable names, and each says what it is."""

from __future__ import annotations

import re

from proxy.contracts.notices import KINDS, SEVERITIES, Notice, notices, texts


def test_kinds_are_names_that_stand_in_links() -> None:
    for name, kind in KINDS.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
        assert kind.title[0].isupper() and not kind.title.endswith(".") and kind.severity in SEVERITIES


def test_what_says_nothing_is_no_notice() -> None:
    found = notices("loop", "", "it came back", "")
    assert found == [Notice("loop", "it came back")] and texts(found) == ["it came back"]
    assert found[0].runbook == "/runbook#loop"
