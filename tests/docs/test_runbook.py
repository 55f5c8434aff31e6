"""Everything that can be wrong has its section in the runbook, and no section is about what there is not."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from docs.generate.runbook import SOURCE, Section, inline, rendered, sections
from proxy.contracts.failure import FAILURES
from proxy.contracts.metrics import METRICS
from proxy.contracts.notices import KINDS
from proxy.contracts.operation import HookEvent
from proxy.control.api.problems import TITLES

FOUND = sections(SOURCE.read_text(encoding="utf-8"))
BY_ANCHOR = {section.anchor: section for section in FOUND}

WANTED = {
    "Warnings": {kind: row.title for kind, row in KINDS.items()},
    "Messages": {f"event-{event}": "" for event in (*get_args(HookEvent), "test")},
    "Breaches": {f"breach-{name.replace('_', '-')}": metric.title for name, metric in METRICS.items()},
    "Problems of the admin API": {f"problem-{kind}": title for kind, (_, title) in TITLES.items()},
    "Failures that clients see": {f"failure-{name.replace('_', '-')}": row.title for name, row in FAILURES.items()},
}


@pytest.mark.parametrize("chapter", WANTED)
def test_each_kind_has_its_section_and_no_other_is_there(chapter: str) -> None:
    assert [section.anchor for section in FOUND if section.chapter == chapter] == list(WANTED[chapter])
    for anchor, title in WANTED[chapter].items():
        assert not title or BY_ANCHOR[anchor].paragraphs[0].startswith(f"**{title}.** ")


@pytest.mark.parametrize("section", FOUND, ids=lambda section: section.anchor)
def test_each_section_says_what_it_means_how_to_confirm_it_what_to_do_and_when_it_is_over(section: Section) -> None:
    _, confirm, do, over = section.paragraphs
    assert confirm.startswith("**Confirm.** ") and do.startswith("**What to do.** ") and over.startswith("**Over.** ")


def test_severities_are_those_of_the_table() -> None:
    for kind, row in KINDS.items():
        assert f"`{kind}`, {row.severity}." in BY_ANCHOR[kind].paragraphs[0]


def test_links_within_it_lead_to_sections() -> None:
    text = SOURCE.read_text(encoding="utf-8")
    assert set(re.findall(r"\]\(#([a-z-]+)\)", text)) <= BY_ANCHOR.keys()


def test_a_source_becomes_a_page_without_markup_of_its_own() -> None:
    made = rendered("# A\n\nb `<c>` **d**\nand & [e](#f) [g](h.md)\n\n## I\n\n### f\n\nk\n")
    assert "<h1>A</h1>" in made and "<p>b <code>&lt;c&gt;</code> <b>d</b> and &amp; " in made
    assert '<a href="#f">e</a> g</p>' in made and '<section id="f">\n<h3>f</h3>\n<p>k</p>\n</section>' in made
    assert made.count("<section") == made.count("</section>") == 1


@pytest.mark.parametrize("text", ["- a list", "| a | table |", "```", "> quoted"])
def test_what_it_has_no_form_for_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no form"):
        inline(text)
    with pytest.raises(ValueError, match="level 4"):
        rendered("#### deep")
    with pytest.raises(ValueError, match="no anchor"):
        sections("### Not One")
