"""The report as Markdown: nothing that others wrote is more than text, and it always has room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec.structs import replace

from proxy.cli.report.markdown import MAX_CHARACTERS, bars, code, escaped, markdown
from proxy.contracts.replay import Agreement, DifferentAnswers, settled
from tests.support.replays import failed

READER = MarkdownIt("commonmark", {"html": True}).enable("table")
TEXTS = st.text(st.sampled_from("a1 `|\\<>@#*_[]()!~$&\n\r\t-\x00\u2028"), max_size=30)


def cell(text: str) -> list[tuple[str, str]]:
    """The tokens of a table's one cell: type and content."""
    tokens = READER.parse(f"| x |\n| --- |\n| {text} |\n")
    inline = [token for token in tokens if token.type == "inline"]
    assert len(inline) == 2, tokens
    return [(token.type, token.content) for token in inline[1].children or ()]


def plain(text: str) -> str:
    return " ".join("".join(c if c.isprintable() or c.isspace() else "\ufffd" for c in text).split())


@given(text=TEXTS)
def test_what_others_wrote_is_a_span_of_code(text: str) -> None:
    made = cell(code(text))
    assert made == ([("code_inline", plain(text))] if plain(text) else [])


@given(text=TEXTS)
def test_what_we_wrote_is_text(text: str) -> None:
    made = cell(escaped(text))
    assert {kind for kind, _ in made} <= {"text", "text_special"}
    assert "".join(content for _, content in made) == plain(text)


def test_it_shows_the_verdict_the_scorecard_and_the_worst() -> None:
    text = markdown(failed())
    assert text.startswith("## ❌ Replay of cancer-v3 on route cancer: failed\n")
    assert "| disagreement | ❌ fail | 0.214 | max 0.05 |" in text
    assert "| `request-4, row 4` |" in text
    assert "| probability | prediction | 0.1 … 0.9 | ▆██▆ | ▆██▆ | █▂▂▂ |" in text
    html = [token.content for token in READER.parse(text) if token.type in ("html_block", "html_inline")]
    assert html and not any("script" in each for each in html)
    assert text.count("<details>") == text.count("</details>") > 3


def test_the_same_run_gives_the_same_bytes() -> None:
    assert markdown(settled(failed())) == markdown(settled(replace(failed(), run=None)))


def test_what_has_no_room_is_left_out_and_said() -> None:
    long = DifferentAnswers("id" * 200, "argmax", 0.1, {"request": "x" * 90_000})
    text = markdown(replace(failed(), agreement=Agreement(10, 5, worst=(long,) * 5), notes=("y" * MAX_CHARACTERS,)))
    assert len(text) < 65_536 and "1 sections were left out" in text


@pytest.mark.parametrize(("shares", "shown"), [((), ""), ((0.0, 0.0), "▁▁"), ((0.25, 0.5, 0.25), "▅█▅")])
def test_bars(shares: tuple[float, ...], shown: str) -> None:
    assert bars(shares) == shown
