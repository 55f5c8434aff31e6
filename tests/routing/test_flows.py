"""What a change of a split moves is what the split itself says, point by point."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.table import Match, Route, Share
from proxy.routing.flows import flows
from proxy.routing.split import Split

POINTS = 1000
SPLITS = st.dictionaries(st.sampled_from(["v2", "v3", "v4"]), st.integers(0, 25), max_size=3)


def route(primary: str = "v1", baseline: int = 0, /, **percents: int) -> Route:
    shares = tuple(Share(version, float(percent)) for version, percent in percents.items())
    beside = Share("b", float(baseline)) if baseline else None
    return Route("r", Match("/"), "oip", primary, split=shares, baseline=beside)


def test_what_goes_where() -> None:
    assert flows(route(), route()) == {}
    assert flows(route(v2=12), route()) == {("v2", "v1"): 12.0}
    assert flows(route(v2=12), route(v2=30)) == {("v1", "v2"): 18.0}
    assert flows(route(v2=12), route("v2")) == {("v1", "v2"): 88.0}
    assert flows(route(v2=10), route(v3=10)) == {("v2", "v3"): 10.0}


def test_one_who_takes_the_place_of_another_meets_its_users() -> None:
    assert flows(route(v2=10, v3=20), route(v3=20)) == {("v2", "v3"): 10.0, ("v1", "v3"): 10.0, ("v3", "v1"): 20.0}


@given(SPLITS, SPLITS, st.integers(0, 25), st.sampled_from(["v1", "v5"]))
def test_it_is_counted_key_by_key(one: dict[str, int], other: dict[str, int], baseline: int, primary: str) -> None:
    before, after = route("v1", baseline, **one), route(primary, **other)
    was, new, counted = Split(before), Split(after), dict[tuple[str, str], int]()
    for point in ((n + 0.5) / POINTS for n in range(POINTS)):
        pair = was.versions[was.choose(point)], new.versions[new.choose(point)]
        if pair[0] != pair[1]:
            counted[pair] = counted.get(pair, 0) + 1
    found = flows(before, after)
    assert counted.keys() == found.keys()
    assert all(abs(100.0 * counted[pair] / POINTS - percent) < 0.3 for pair, percent in found.items())
