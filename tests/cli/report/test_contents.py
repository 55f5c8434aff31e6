"""What a report says, in what words, and what of it is the same each time."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from proxy.cli.report.contents import MAX_CELL, ReportTable, figure, headline, sections, summary, value
from proxy.contracts.replay import settled
from tests.support.replays import failed


def titled(title: str, **changes: Any) -> ReportTable:
    (found,) = [section for section in sections(replace(failed(), **changes)) if section.title == title]
    return found


def facts_of(section: ReportTable) -> dict[str, str]:
    return {name: text for name, text in section.rows}  # noqa: C416


def test_the_headline_and_its_reason() -> None:
    assert headline(failed()) == "Replay of cancer-v3 on route cancer: failed"
    assert summary(failed()) == (
        "disagreement: 0.214 > limit 0.05 (n=112, lost=1). 113 requests were judged against cancer-v1 at "
        "http://127.0.0.1:8081/, 6 could not be replayed; it ended with the decision."
    )
    open_ = replace(failed(), verdict="undecided", needed=1200, ending="interrupted", beside="")
    assert "the recorded answers of cancer-v1" in summary(open_)
    assert "about 1,200 more are needed; it was interrupted" in summary(open_)


def test_every_line_of_the_scorecard_has_its_figures() -> None:
    scorecard = titled("Scorecard")
    assert [row[:2] for row in scorecard.rows] == [
        ("error rate", "pass"),
        ("disagreement", "fail"),
        ("quality", "undecided"),
    ]
    assert scorecard.rows[1][2:] == (
        "0.214", "max 0.05", "0.01", "112", "1", "disagreement: 0.214, limit 0.05 (n=112, lost=1)",
    )  # fmt: skip


def test_what_is_timed_is_apart_and_the_rest_is_the_same_each_time() -> None:
    whole, same = sections(failed()), sections(settled(failed()))
    assert [section for section in whole if not section.timed] == same
    assert [section.title for section in whole if section.timed] == [
        "Times, on the machine of the replay",
        "Latency",
        "The run",
    ]


def test_the_worst_come_with_what_was_asked_and_both_answers() -> None:
    worst = titled("Worst disagreements")
    assert len(worst.rows) == 5 and worst.foreign
    assert worst.rows[1][:3] == ("request-1, row 1", "argmax: malignant, benign", "0.8")
    assert worst.rows[1][4:] == ("probability: 0.93", "probability: 0.83")
    assert worst.note.endswith("cancer-v1 differs from itself in 1 of 40.")


def test_what_is_rare_is_shown_apart() -> None:
    rare = replace(failed().agreement, pairs=3, disagreements=2)
    shown = titled("Disagreements on rare requests, no evidence", rare=rare)
    assert shown.note.startswith("2 of 3 pairs disagree")


def test_where_it_comes_from() -> None:
    facts = facts_of(titled("What this is about"))
    assert facts["commit"] == "4f2a91c" and facts["SHA-256 of the capture"] == "ab" * 32
    assert facts["it answered as"] == "model_name=cancer, model_version=3"
    assert facts["captured"] == "2026-09-21 14:13:20 UTC to 2026-09-21 15:13:20 UTC"
    assert (
        "not sealed"
        in facts_of(titled("What this is about", capture=replace(failed().capture, sealed=False)))["capture"]
    )


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (None, "–"),
        (float("nan"), "undefined"),
        (float("inf"), "infinite"),
        (0.21412, "0.2141"),
        (0.0, "0"),
        (12e9, "1.2e+10"),
    ],
)
def test_numbers_that_are_none_say_which(number: float | None, shown: str) -> None:
    assert figure(number) == shown


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        (None, ""),
        ("two\nlines", "two lines"),
        ({"a": 0.1 + 0.2, "b": "x", "c": [1, 2], "d": None}, "a: 0.3, b: x, c: [1, 2], d: null"),
        (["a"], '["a"]'),
        ("y" * 1000, "y" * (MAX_CELL - 1) + "…"),
    ],
)
def test_values_are_one_line(found: Any, shown: str) -> None:
    assert value(found) == shown
