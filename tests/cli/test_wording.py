"""Phrases of the command line."""

from __future__ import annotations

import pytest

from proxy.cli.wording import counted


@pytest.mark.parametrize(("number", "text"), [(0, "0 acts"), (1, "1 act"), (2, "2 acts"), (12_345, "12,345 acts")])
def test_a_number_with_its_noun(number: int, text: str) -> None:
    assert counted(number, "act") == text
