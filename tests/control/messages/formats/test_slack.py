"""Block Kit: blocks within their bounds, and nothing of others is markup."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.control.messages.formats.slack import MAX_FIELD, MAX_HEADER, MAX_SECTION, escaped, slack
from tests.control.messages.notes import AROUND, EVIL, MESSAGE, RESOLVED, body


def test_it_says_what_and_where_with_buttons() -> None:
    blocks = body(slack(MESSAGE, AROUND))["blocks"]
    assert [block["type"] for block in blocks] == ["header", "section", "section", "actions"]
    assert blocks[1]["text"]["text"] == "errors: ratio 4.1 &gt; limit 1.5 (n=812, lost=0)"
    assert [button["url"] for button in blocks[3]["elements"]] == [MESSAGE.link, MESSAGE.runbook]
    assert body(slack(RESOLVED, AROUND))["blocks"][0]["text"]["text"].startswith("🟢")


def test_there_are_no_buttons_without_links_and_bounds_hold() -> None:
    blocks = body(slack(replace(MESSAGE, base="", title=EVIL, text=EVIL, routes=("r" * 100,) * 99), AROUND))["blocks"]
    header, section, fields = blocks
    assert len(header["text"]["text"]) <= MAX_HEADER and len(section["text"]["text"]) <= MAX_SECTION
    assert all(len(field["text"]) <= MAX_FIELD for field in fields["fields"])
    assert "<" not in section["text"]["text"]


@given(st.text(max_size=60), st.integers(1, 40))
def test_no_entity_is_cut_and_none_is_markup(text: str, most: int) -> None:
    made = escaped(text, most)
    assert 0 < len(made) <= most or text[:1] in "&<>"
    assert "<" not in made and ">" not in made
    assert all(part.startswith(("amp;", "lt;", "gt;")) for part in made.split("&")[1:])
