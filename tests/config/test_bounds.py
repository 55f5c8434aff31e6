"""Bounds and times of a route: parts of a body lie within the whole, whatever is said of either."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.config.bounds import PARTS_OF_A_BODY, read_limits
from proxy.config.section import Section
from proxy.contracts.settings import Problem
from proxy.contracts.table import Limits

BYTES = st.integers(1, 1 << 30)


@given(BYTES, st.dictionaries(st.sampled_from(sorted(PARTS_OF_A_BODY)), BYTES))
def test_what_is_larger_than_the_whole_is_refused_where_it_was_said_and_less_where_it_was_not(
    body: int, parts: dict[str, int]
) -> None:
    problems: list[Problem] = []
    tree = {"limits": {"body": f"{body}B", **{name: f"{size}B" for name, size in parts.items()}}}
    limits = read_limits(Section(tree, "routes.r", problems))  # type: ignore[arg-type]
    assert {problem.path for problem in problems} == {
        f"routes.r.limits.{name}" for name, size in parts.items() if size > body
    }
    for name in PARTS_OF_A_BODY:
        assert getattr(limits, name) == min(parts.get(name, getattr(Limits(), name)), body)
