"""The runbook as the status page serves it, made from docs/runbook.md.

The source has chapters (`##`), sections whose heading is their anchor (`###`), and paragraphs with code, bold words and
links; anything else in it is an error, so that nothing is shown that was not meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path

from msgspec import Struct

SOURCE = Path(__file__).resolve().parents[1] / "runbook.md"

ANCHOR = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|\[([^]]+)\]\(([^)\s]+)\)")

HEAD = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Penumbra: runbook</title>
<link rel="icon" href="page/icon.svg">
<link rel="stylesheet" href="page/page.css">
</head>
<body>
<main class="runbook">
<p><a href="./">To the status page</a></p>
"""
TAIL = "</main>\n</body>\n</html>\n"


class Section(Struct, frozen=True):
    """A section of the source."""

    anchor: str
    chapter: str
    paragraphs: tuple[str, ...]


def blocks(text: str) -> Iterator[str]:
    """Headings and paragraphs of a source, each on one line."""
    for block in text.strip().split("\n\n"):
        yield " ".join(block.split())


def sections(text: str) -> list[Section]:
    """The sections of a source, in their order. Raises ValueError where an anchor is none."""
    found: list[tuple[str, str, list[str]]] = []
    chapter = ""
    for block in blocks(text):
        if block.startswith("### "):
            anchor = block.removeprefix("### ")
            if not ANCHOR.fullmatch(anchor):
                raise ValueError(f"{anchor} is no anchor")
            found.append((anchor, chapter, []))
        elif block.startswith("## "):
            chapter = block.removeprefix("## ")
        elif found and found[-1][1] == chapter:
            found[-1][2].append(block)
    return [Section(anchor, chapter, tuple(paragraphs)) for anchor, chapter, paragraphs in found]


def page() -> str:
    """The page."""
    return rendered(SOURCE.read_text(encoding="utf-8"))


def rendered(text: str) -> str:
    """A source as a page. Raises ValueError on what it has no form for."""
    made, open_ = [], False
    for block in blocks(text):
        heading = re.match(r"(#+) ", block)
        if heading is None:
            made.append(f"<p>{inline(block)}</p>")
            continue
        words = block[heading.end() :]
        if open_:
            made.append("</section>")
        open_ = heading[1] == "###"
        made.append(f'<section id="{words}">\n<h3>{escape(words)}</h3>' if open_ else _heading(heading[1], words))
    return HEAD + "\n".join([*made, "</section>"] if open_ else made) + "\n" + TAIL


def _heading(marks: str, words: str) -> str:
    if len(marks) > 2:
        raise ValueError(f"a heading of level {len(marks)}: {words}")
    return f"<h{len(marks)}>{escape(words)}</h{len(marks)}>"


def inline(text: str) -> str:
    """A paragraph as HTML. Links of the page stay on it; those to other documents are their words alone: the page is
    served without them."""
    if text.startswith(("- ", "|", "```", "> ", "1. ")):
        raise ValueError(f"no form for {text[:40]}")
    made, at = [], 0
    for match in INLINE.finditer(text):
        made.append(escape(text[at : match.start()], quote=False))
        made.append(_marked(match))
        at = match.end()
    return "".join([*made, escape(text[at:], quote=False)])


def _marked(match: re.Match[str]) -> str:
    code, bold, words, link = match.groups()
    if code is not None:
        return f"<code>{escape(code, quote=False)}</code>"
    if bold is not None:
        return f"<b>{escape(bold, quote=False)}</b>"
    return f'<a href="{escape(link)}">{escape(words)}</a>' if link.startswith("#") else escape(words, quote=False)
