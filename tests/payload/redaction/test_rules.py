"""Rules of redaction from pointers."""

from __future__ import annotations

import pytest

from proxy.payload.redaction.rules import rule_of, rules_of


@pytest.mark.parametrize(
    ("pointer", "side", "parts", "named"),
    [
        ("/request", "request", (), False),
        ("/request/age", "request", ("age",), True),
        ("/request/a~1b", "request", ("a/b",), True),
        ("/primary/score", "answer", ("score",), True),
        ("/candidate/score", "answer", ("score",), True),
        ("/answer/choices/*/text", "answer", ("choices", "*", "text"), False),
        ("/request/*", "request", ("*",), False),
        ("/query/user", "query", ("user",), False),
        ("/header/x-user", "header", ("x-user",), False),
    ],
)
def test_where_they_lead(pointer: str, side: str, parts: tuple[str, ...], named: bool) -> None:
    rule = rule_of(pointer, "drop")
    assert (rule.side, rule.parts, bool(rule.names)) == (side, parts, named)


def test_a_feature_is_found_by_what_bodies_call_it() -> None:
    assert all(rule_of("/request/x[3]", "drop").matches(name) for name in ("x", "x[3]"))
    assert rule_of("/request/note.chars", "drop", shown=True).matches("note")
    assert rule_of("/primary/person.age", "drop", shown=True).matches("age")
    assert not rule_of("/request/age", "drop").matches(7)
    long = "n" * 500
    assert rule_of(f"/request/{long}", "drop").matches(long)


@pytest.mark.parametrize("pointer", ["/", "request/age", "/body/age"])
def test_others_lead_nowhere(pointer: str) -> None:
    with pytest.raises(ValueError, match=pointer):
        rule_of(pointer, "drop")


def test_examples_are_dropped_from() -> None:
    given, shown = rules_of({"/request/age": "hash"}, ["/request/name"])
    assert (given.action, given.shown, shown.action, shown.shown) == ("hash", False, "drop", True)
