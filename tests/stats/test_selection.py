"""Names that a configuration means."""

from __future__ import annotations

import pytest

from proxy.contracts.bounds import MAX_NAME, shortened
from proxy.stats.selection import MAX_KNOWN, Selection


@pytest.mark.parametrize(
    ("pattern", "name", "asked", "answered"),
    [
        ("id", "id", True, True),
        ("id", "user_id", False, False),
        ("*id", "user_id", True, True),
        ("/request/id", "id", True, False),
        ("/response/id", "id", False, True),
        ("/id", "id", True, True),
        ("/request/meta/*", "meta.at", True, False),
        ("meta", "meta.at", True, True),
        ("x[2]", "x[2]", True, True),
        ("/request/x[2]", "x[2]", True, False),
        ("/request/prompt", "prompt:script", True, False),
        ("/request/x/2", "x[2]", True, False),
        ("/request/x/*", "x[12]", True, False),
        ("/request", "anything", True, False),
        ("/request/a~1b", "a/b", True, False),
        ("ID", "id", False, False),
    ],
)
def test_patterns(pattern: str, name: str, asked: bool, answered: bool) -> None:
    assert Selection([pattern], "request").has(name) is asked
    assert Selection([pattern], "response").has(name) is answered


def test_nothing_means_nothing_and_what_is_remembered_is_bounded() -> None:
    assert not Selection([], "request") and not Selection([], "request").has("a")
    selection = Selection(["a*"], "request")
    assert all(selection.has(f"a{at}") for at in range(MAX_KNOWN + 10))
    assert len(selection._known) == MAX_KNOWN


def test_a_long_name_means_what_it_is_shortened_to() -> None:
    name = "n" * 500
    assert Selection([f"/request/{name}"], "request").has(shortened(name, MAX_NAME))
    assert not Selection([f"/request/{name}"], "request").has(shortened(name + "x", MAX_NAME))
