"""A distribution as a picture: bars as high as their shares, in their places."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cli.report.plot import BOTTOM, HEIGHT, LEFT, TOP, WIDTH, bins, plot
from proxy.contracts.replay import Distribution

SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def rectangles(each: Distribution) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(plot(each)).iter("rect"))


@given(shares=SHARES, other=st.booleans())
def test_bars_stay_in_the_picture_and_keep_their_proportions(shares: list[float], other: bool) -> None:
    arms = {"candidate": tuple(shares)} | ({"recorded": tuple(reversed(shares))} if other else {})
    found = rectangles(Distribution("x", "input", "category", (), tuple(map(str, range(len(shares)))), arms))
    assert len(found) == len(shares) * len(arms)
    most = max(shares) or 1.0
    heights = [float(bar.get("height", "")) for bar in found if bar.get("class") == "candidate"]
    assert heights == [pytest.approx(share / most * (HEIGHT - BOTTOM - TOP), abs=0.06) for share in shares]
    for bar in found:
        left, width = float(bar.get("x", "")), float(bar.get("width", ""))
        assert left >= LEFT and left + width <= WIDTH + 0.1


@pytest.mark.parametrize(
    ("edges", "names"),
    [((), ["all"]), ((0.5,), ["< 0.5", "≥ 0.5"]), ((0.1, 0.9), ["< 0.1", "0.1 … 0.9", "≥ 0.9"])],
)
def test_bins_have_names(edges: tuple[float, ...], names: list[str]) -> None:
    assert bins(Distribution("x", "input", "number", edges, (), {})) == names


def test_it_says_what_it_is_to_who_cannot_see_it() -> None:
    root = ElementTree.fromstring(plot(Distribution("<x>", "input", "number", (0.5,), (), {"candidate": (0.2, 0.8)})))
    assert root.get("aria-label") == "Shares of <x> by 2 bins, of candidate; the numbers are in the table below."
