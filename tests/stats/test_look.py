"""Looks and taps: one look holds nothing of another, and what counts for a fleet hears all that a board counts."""

from __future__ import annotations

import inspect

from proxy.contracts.record import Tick
from proxy.control.fleet.counting import Counting
from proxy.stats.agreement.comparer import PairResult
from proxy.stats.look import Look, RouteLook, Tap


def test_looks_share_nothing() -> None:
    one, other = (Look(Tick(0, "fleet", n, 0)) for n in (1, 2))
    one.routes["r"] = RouteLook()
    one.routes["r"].pairs.append(PairResult("r", "v2", 1, 1))
    one.routes["r"].lost["v2"] = 3
    assert other.routes == {}
    assert RouteLook() == RouteLook([], [], [], [], [], {}, {})


def test_a_tap_takes_what_a_look_gives() -> None:
    """Each kind of a look, but what no record shows, has a call of its own."""
    calls = {name.removeprefix("on_") for name, _ in inspect.getmembers(Tap, inspect.isfunction) if name[:3] == "on_"}
    assert calls == {*RouteLook.__struct_fields__} - {"lost"}


def test_a_sidecars_counts_are_a_tap() -> None:
    tap: Tap = Counting()
    for name, call in inspect.getmembers(Tap, inspect.isfunction):
        if name.startswith("on_"):
            assert (
                inspect.signature(getattr(Counting, name)).parameters.keys()
                == inspect.signature(call).parameters.keys()
            )
    tap.on_pairs([])
    assert isinstance(tap, Counting)
    assert tap.cells == {}
