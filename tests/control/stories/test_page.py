"""The page of a story: whole, harmless, and with everything that the story has."""

from __future__ import annotations

from html.parser import HTMLParser

from msgspec.structs import replace

from proxy.control.stories.page import page
from proxy.release.story_export import exported
from tests.release.test_story_export import CHANGES, chain

HOSTILE = "<script>alert(1)</script>\"'&"


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_whatever_the_audit_says_is_text() -> None:
    changes = tuple(
        replace(
            change, who=HOSTILE, why=HOSTILE, examples=(HOSTILE,), evidence=[{"outcome": HOSTILE, "sentence": HOSTILE}]
        )
        for change in CHANGES
    )
    tags = Tags()
    tags.feed(page(exported(chain(changes), "cancer")))
    assert tags.open == [] and "script" not in tags.seen


def test_it_tells_the_chain_from_commit_to_endpoint() -> None:
    text = page(exported(chain(), "cancer"))
    for each in (
        "4f2a91c",
        "127.0.0.1:2",
        "alice",
        "rolled_back",
        "a-1",
        "error_rate ratio 3",
        "500 requests",
        chain()[4].hash,
    ):
        assert each in text
