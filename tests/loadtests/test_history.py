"""What was measured stays by commit, and what has become slower by more than its noise is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests import bench as command
from loadtests.history import Entry, Figure, entry_of, figures_of, read, slower, with_entry, written
from loadtests.pace import loop_ms
from loadtests.results import Bench, CaseResult, Load, Sample, Spread, spread

ENTRY = Entry(
    "abc", "2026-01-02T03:04:05", "2 cores, test", 20.0, {"split / nginx": Figure(Spread(1.0, 0.9, 1.1), "x", 5)}
)


def run(*costs: float) -> Bench:
    """A run whose rounds cost so much, against a peer that costs 10."""
    load = Load(1000, 1.0, 0, 0, 0, 0, 0, 0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    ours, theirs = [Sample({"worker": each}, load) for each in costs], [Sample({"nginx": 10.0}, load) for _ in costs]
    return Bench({"git": "new", "cores": 2}, {"split": CaseResult({"penumbra": ours, "nginx": theirs})})


def test_an_entry_is_ratios_and_goals_and_is_read_again(tmp_path: Path) -> None:
    entry = entry_of(run(10.0, 12.0, 11.0))
    assert entry.figures["split / nginx"] == Figure(Spread(1.1, 1.0, 1.2), "x", 3)
    assert entry.figures["CPU: split only, against nginx"].value.median == 1.1
    path = tmp_path / "history.json"
    path.write_bytes(written([ENTRY, entry]))
    assert read(path) == [ENTRY, entry] and read(tmp_path / "none.json") == []


def test_the_same_run_is_one_entry_and_others_stay() -> None:
    other = Entry("def", "2026-01-03", "2 cores, test", 20.0, {})
    assert with_entry([ENTRY], other) == [ENTRY, other]
    assert with_entry([ENTRY, other], ENTRY) == [other, ENTRY]


VALUES = st.lists(st.floats(0.1, 10.0), min_size=1, max_size=5)


@given(VALUES, VALUES)
def test_slower_is_what_no_round_of_then_was_as_slow_as(now: list[float], then: list[float]) -> None:
    figures = [{"a": Figure(spread(each), "x", len(each))} for each in (now, then)]
    named = bool(slower(figures[0], figures[1]))
    assert named == (min(now) > max(then) and len(now) > 1 and len(then) > 1)
    assert slower(figures[0], {}) == []


def test_the_command_says_what_has_become_slower(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "read", lambda: [ENTRY])
    command.tell_slower(run(12.0, 13.0))
    assert "split / nginx: 1.25 x, was 1.00 x" in capsys.readouterr().out
    command.tell_slower(run(10.0, 11.0))
    assert "noise: nothing" in capsys.readouterr().out
    assert figures_of(run(10.0))["split / nginx"].rounds == 1


def test_the_loop_takes_its_time() -> None:
    assert loop_ms(1) > 0
