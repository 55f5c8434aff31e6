"""The requests of a release as parts of a page: every figure that is kept, and no more."""

from __future__ import annotations

from html import unescape
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.story import ArmAnswer, FailedRequest, Moment, MomentLine, StoryFacts, Touched
from proxy.control.stories.requests_page import parts
from proxy.control.stories.told import facts_told

HOSTILE = "<script>alert(1)</script>\"'&"


def facts(value: float | str | None = 0.5) -> dict[str, Any]:
    made = StoryFacts("r", ("v2",), 100.0, requests=9)
    made.touched = [Touched("v2", "canary", {"good": 1, "failed": 3})]
    answer, other = ArmAnswer("v2", "canary", "503", "failed", 0.1), ArmAnswer("v1", "rescue", "200", "good", 0.2)
    made.failed = [FailedRequest(HOSTILE, 1.0, answer, other, True, HOSTILE), FailedRequest("id-2", 2.0, answer)]
    made.disagreements = {"v2": [{"request_id": "d-1", "kind": HOSTILE, "detail": {"a": HOSTILE}}]}
    made.moments = [
        Moment(3.0, "ramping", 1, 9, [MomentLine("error_rate", "max", "v2", "r", "pass", value, 1.0, 9, 0.1)])
    ]
    return facts_told(made)


def test_everything_is_told_as_text() -> None:
    text = "".join(parts(facts(), " on r"))
    assert "<script" not in text
    for said in (
        HOSTILE,
        "2 of 3 are kept",
        "v1 (rescue): 200, good, 200 ms",
        "v2 (canary): 503, failed, 100 ms",
        "nobody else was asked, as far as is recorded",
        "3 went wrong there",
        "d-1",
    ):
        assert said in unescape(text)


def test_nothing_is_told_of_nothing() -> None:
    (touched,) = filter(None, parts(facts_told(None)))
    assert "not known" in touched.lower()


@given(st.one_of(st.none(), st.sampled_from(["inf", "-inf", "nan", 0.0]), st.floats(allow_nan=False)))
def test_a_figure_that_is_none_is_called_so(value: float | str | None) -> None:
    words = "".join(parts(facts(value))).replace(",", " ").replace("<", " ").split()
    assert not {"inf", "-inf", "nan", "None", "undefined"} & set(words)
