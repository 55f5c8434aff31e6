"""The report as a page: whole, harmless, and with what the report has."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from msgspec.structs import replace

from proxy.cli.report.page import page
from proxy.contracts.replay import ReplayReport, settled
from tests.support.replays import failed

HOSTILE = "</style><script>alert(1)</script>\"'&"
VOID = ("meta", "line", "rect")


class Page(HTMLParser):
    """Tags that are open, and those that were seen; fails where one closes another."""

    def __init__(self, report: ReplayReport) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.feed(page(report))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        assert not any(name.startswith("on") or name in ("href", "src") for name, _ in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def test_whatever_the_report_says_is_text() -> None:
    hostile = replace(
        failed(), candidate=HOSTILE, sentence=HOSTILE, notes=(HOSTILE,), finding=HOSTILE,
        distributions=tuple(replace(each, feature=HOSTILE) for each in failed().distributions),
    )  # fmt: skip
    for report in (failed(), hostile):
        found = Page(report)
        assert found.open == [] and "script" not in found.seen


def test_it_has_a_picture_and_the_numbers_of_each_distribution() -> None:
    found, text = Page(failed()), page(failed())
    assert found.seen.count("svg") == found.seen.count("figure") == 2
    assert "malignant &lt;b&gt;" in text and "70.0%" in text
    legend = text.partition('<p class="legend">')[2].partition("</p>")[0]
    assert re.findall(r'<span class="(\w+)">', legend) == ["reference", "recorded", "candidate"]


def test_a_report_without_distributions_has_no_pictures() -> None:
    assert "svg" not in Page(replace(failed(), distributions=())).seen


def test_the_same_run_gives_the_same_bytes() -> None:
    assert page(settled(failed())) == page(replace(failed(), run=None)) != page(failed())
