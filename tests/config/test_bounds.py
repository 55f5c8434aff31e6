"""Bounds and times of a route: parts of a body lie within the whole, whatever is said of either."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.bounds import CLIENT, PARTS_OF_A_BODY, PATIENT, read_client, read_limits, read_timeouts
from proxy.config.section import Section
from proxy.config.tree import Tree
from proxy.contracts.client_bounds import ClientBounds
from proxy.contracts.settings import Problem
from proxy.contracts.table import Limits, Protocol, Timeouts

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


@pytest.mark.parametrize("protocol", get_args(Protocol))
def test_the_times_of_a_route_fit_its_protocol_unless_it_says_its_own(protocol: Protocol) -> None:
    usual = read_timeouts(Section({}, "routes.r", []), protocol)
    patient = protocol in ("openai", "auto")
    assert (usual.response, usual.idle) == ((600.0, 600.0) if patient else (30.0, 60.0))
    assert patient == (protocol in PATIENT)
    own = read_timeouts(Section({"timeouts": {"response": "5s"}}, "routes.r", []), protocol)
    assert (own.response, own.idle, own.connect) == (5.0, usual.idle, Timeouts().connect)


def test_every_bound_of_clients_can_be_said() -> None:
    assert CLIENT.keys() == set(ClientBounds.__struct_fields__)
    problems: list[Problem] = []
    assert read_client(Section({}, "", problems)) == ClientBounds() and problems == []


@pytest.mark.parametrize(
    ("client", "path"),
    [
        ({"head": "8KiB"}, "client.target"),
        ({"target": "100"}, "client.target"),
        ({"head": "2MiB"}, "client.head"),
        ({"fields": "7"}, "client.fields"),
        ({"keep_alive": "0s"}, "client.keep_alive"),
        ({"keepalive": "75s"}, "client.keepalive"),
    ],
)
def test_bounds_of_clients_that_make_no_sense_are_refused(client: dict[str, str], path: str) -> None:
    problems: list[Problem] = []
    tree: dict[str, Tree] = {"client": dict(client)}
    read_client(Section(tree, "", problems))
    assert [problem.path for problem in problems] == [path]
