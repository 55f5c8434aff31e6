"""A report as people see it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from proxy.cli.replay.show import progress, show_report
from tests.support import replays


def test_a_report_begins_with_the_verdict_and_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    show_report(replays.failed())
    shown = capsys.readouterr().out
    assert shown.startswith("fail: cancer-v3 on cancer: disagreement: 0.214 > limit 0.05")
    for part in (
        "latency_p99",
        "24 of 112 pairs disagree (21.43%)",
        "request-0: argmax, 0.9 apart",
        "note: refusal_rate",
    ):
        assert part in shown


def test_an_undecided_one_says_how_many_more(capsys: pytest.CaptureFixture[str]) -> None:
    show_report(replace(replays.failed(), verdict="undecided", needed=1200))
    assert "about 1,200 more requests would decide" in capsys.readouterr().out


def test_what_a_server_wrote_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    report = replays.failed()
    hostile = replace(report.agreement.worst[0], request_id="\x1b]0;owned\x07", detail={"candidate": "\x1b[2J\u202ex"})
    show_report(
        replace(report, agreement=replace(report.agreement, worst=(hostile,)), notes=("\x9b31m\n::stop-commands::x",))
    )
    shown = capsys.readouterr().out
    assert not set("\x1b\x07\u202e\x9b") & set(shown) and "\n::" not in shown


def test_no_bar_is_drawn_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(10, lambda: 5, lambda: 3) as drawn:
        drawn()
    assert capsys.readouterr() == ("", "")
