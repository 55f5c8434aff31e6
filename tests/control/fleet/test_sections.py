"""Digests: the same for the same rules, another for others, and blind to where servers stand."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.config.load import load
from proxy.contracts.table import Share
from proxy.control.fleet.bodies import MemberRow
from proxy.control.fleet.sections import digest_of, digests_of, in_minority
from tests.control.houses import section, settings


def test_a_digest_is_of_one_section() -> None:
    both = settings(section("a"), section("b"))
    other = settings(section("a"), section("b", noise=5.0))
    assert digests_of(both)["a"] == digests_of(other)["a"]
    assert digests_of(both)["b"] != digests_of(other)["b"]
    assert digest_of(both) != digest_of(other)


def test_everything_that_is_judged_by_is_in_it() -> None:
    found = [
        section(),
        section(primary="v3"),
        section(split=(Share("v2", 11.0),)),
        section(shadows=()),
        section(noise=1.0),
        section(guard=None),
    ]
    assert len({digest_of(settings(each)) for each in found}) == len(found)


def test_addresses_of_versions_and_the_order_of_routes_are_not() -> None:
    here = settings(section("a"), section("b"))
    versions = {name: replace(version, host="10.0.0.9", port=9) for name, version in here.versions.items()}
    there = replace(here, versions=versions, routes=here.routes[::-1])
    assert digest_of(there) == digest_of(here)
    assert digests_of(there) == digests_of(here)


def test_a_file_with_other_addresses_has_the_same_digest(tmp_path: Path) -> None:
    found = []
    for percent, address in (
        (10, "http://127.0.0.1:1"),
        (10, "http://other.example:8080"),
        (20, "http://127.0.0.1:1"),
    ):
        (tmp_path / "p.yaml").write_text(
            f"listen: 127.0.0.1:0\nversions: {{v1: {{url: '{address}'}}, v2: {{url: '{address}'}}}}\n"
            "routes: {r: {match: {path: /}, protocol: json, primary: v1, "
            f"canary: {{version: v2, percent: {percent}}}}}}}\n"
        )
        found.append(digests_of(load(tmp_path / "p.yaml")))
    assert found[0] == found[1] != found[2]


digests = st.lists(st.sampled_from("abc"), max_size=9)


@given(digests)
def test_the_minority_is_who_stands_against_more_than_half_that_agree(members: list[str]) -> None:
    rows = [MemberRow(str(at), 0.0, settings=digest) for at, digest in enumerate(members)]
    for own in "abc":
        against = [d for d in "abc" if d != own and 2 * members.count(d) > len(members)]
        assert in_minority(own, rows) == bool(against)


@given(digests.filter(bool))
def test_somebody_may_always_judge(members: list[str]) -> None:
    rows = [MemberRow(str(at), 0.0, settings=digest) for at, digest in enumerate(members)]
    assert any(not in_minority(own, rows) for own in members)
