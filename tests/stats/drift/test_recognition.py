"""Identifiers and times are known by what they are; features are not taken for them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from proxy.contracts.observation import Tensor
from proxy.contracts.settings import Analysis, Guard
from proxy.stats.board import Board
from proxy.stats.drift.layout import Signature
from proxy.stats.drift.profile import MAX_FEATURES
from proxy.stats.drift.recognition import LOOKED_AT, MAX_KNOWN, Recognised, Recognition, kind_of
from tests.support.observed import observation

RNG = random.Random(1)


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("ts", lambda at: 1.7e9 + at, "timestamp"),
        ("when", lambda at: 1_700_000_000_000 + at * 250, "timestamp"),
        ("signup_time", lambda _: RNG.uniform(1.1e9, 1.7e9), "timestamp"),
        ("at", lambda at: f"2026-11-{1 + at % 28:02d}T10:00:00Z", "timestamp"),
        ("day", lambda at: f"2026-11-{1 + at % 28:02d}", "timestamp"),
        ("id", lambda at: f"req-{at}", "identifier"),
        ("row", lambda at: at, "identifier"),
        ("userId", lambda _: RNG.randrange(10**9), "identifier"),
        ("user_id", lambda at: None if at % 50 == 0 else f"u{at}", "identifier"),
        ("amount", lambda _: RNG.lognormvariate(3, 1), None),
        ("cents", lambda _: RNG.randrange(10**6), None),
        ("population", lambda _: RNG.randrange(10**6, 10**10), None),
        ("paid", lambda at: at % 2, None),
        ("kind", lambda at: f"k{at % 40}", None),
        ("valid", lambda _: RNG.random(), None),
        ("constant", lambda _: 1.5e9, None),
        ("gone", lambda _: None, None),
    ],
)
def test_kinds(name: str, value: Callable[[int], Any], kind: str | None) -> None:
    assert kind_of(name, [value(at) for at in range(LOOKED_AT)]) == kind


def test_a_route_proposes_what_it_does_not_ignore_yet() -> None:
    def proposed(*ignore: str) -> list[Recognised]:
        board = Board()
        board.watch("r", (), "v1", Guard(), "json", 0.0, Analysis(ignore=ignore))
        for at in range(600):
            inputs = (
                Tensor("", 1, 2, "number", [1.7e9 + at, float(at % 13)], ("ts", "x")),
                Tensor("", 1, 1, "category", [f"req-{at}"], ("id",)),
            )
            outputs = (Tensor("", 1, 1, "category", [f"trace/{at}"], ("a/trace",)),)
            leg = observation((0, "a"), at, "", "r", "v1", "primary", 1.0, 200, "", 0.0, 0.0, 0.0, 0, inputs, outputs)
            board.on_observations([leg], at / 100)
        board.on_time(20.0)
        return board.proposed("r")

    assert [(each.kind, each.pattern) for each in proposed()] == [
        ("timestamp", "/request/ts"),
        ("identifier", "/request/id"),
        ("identifier", "/response/a~1trace"),
    ]
    assert not proposed("/request/ts", "id", proposed()[-1].pattern)


def test_columns_are_bounded_and_looked_at_once() -> None:
    recognition = Recognition()
    block = ("x", (), 3 * MAX_FEATURES, "number")
    table = np.arange(LOOKED_AT * 3 * MAX_FEATURES, dtype=np.float64).reshape(LOOKED_AT, -1)
    recognition.update("input", (block,), [table])  # type: ignore[arg-type]
    assert len(recognition.found) == 2 * MAX_FEATURES
    assert recognition.knows("input", [(block,)])  # type: ignore[list-item]
    assert not recognition.knows("prediction", [(block,)])  # type: ignore[list-item]


def test_layouts_without_end_are_not_all_remembered() -> None:
    recognition, rows = Recognition(), [[1.0]] * LOOKED_AT
    for at in range(3 * MAX_KNOWN):
        signature: Signature = ((f"x{at}", (), 1, "number"),)
        if not recognition.knows("input", [signature]):
            recognition.update("input", signature, [rows])
    assert len(recognition._known) == MAX_KNOWN
    assert recognition.knows("input", [(("new", (), 1, "number"),)])
