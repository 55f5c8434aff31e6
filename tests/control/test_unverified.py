"""Versions that anybody may stand in for are warned of on the routes that they serve."""

from __future__ import annotations

import pytest

from proxy.config.load import parse
from proxy.contracts.tls_roles import sections
from proxy.control import unverified
from proxy.control.unverified import Unverified, by_route

FILE = """
listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0}
versions:
  a: {url: https://127.0.0.1:1}
  b: {url: https://127.0.0.1:2, tls: {insecure_skip_verify: true}}
routes:
  r: {match: {path: /r}, protocol: json, primary: a, shadows: [{version: b}]}
  s: {match: {path: /s}, protocol: json, primary: a}
"""


def test_a_route_is_warned_of_those_that_it_names() -> None:
    settings = parse(FILE, {})
    (warning,) = Unverified().of(settings, "r")
    assert warning.startswith("b is not verified")
    assert Unverified().of(settings, "s") == Unverified().of(settings, "gone") == []


ASKED = """
fleet: {redis: "rediss://h", name: f, tls: {insecure_skip_verify: true}}
notify: [{url: "https://h/", tls: {}}, {url: "https://h/2", tls: {insecure_skip_verify: true}}]
tracing: {endpoint: "https://h/", tls: {insecure_skip_verify: true}}
"""


def test_all_routes_are_warned_of_what_is_called_for_all_and_one_of_its_judge() -> None:
    judge = "protocol: openai, analysis: {judge: {url: 'https://j/', tls: {insecure_skip_verify: true}}}"
    settings = parse(FILE.replace("/s}, protocol: json", f"/s}}, {judge}") + ASKED, {})
    for_all = ["fleet", "notify[1]", "tracing"]
    assert [each.split()[0] for each in by_route(settings)["s"]] == [*for_all, "routes.s.analysis.judge"]
    assert [each.split()[0] for each in by_route(settings)["r"]] == ["b", *for_all]


def test_they_are_looked_for_once_for_all_routes_and_anew_with_other_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    monkeypatch.setattr(unverified, "sections", lambda settings: looked.append(settings) or sections(settings))
    first, second, own = parse(FILE, {}), parse(FILE.replace("true", "false"), {}), Unverified()
    assert [len(own.of(first, route)) for route in ("r", "s", "r")] == [1, 0, 1]
    assert [len(own.of(second, route)) for route in ("r", "s")] == [0, 0]
    assert looked == [first, second]
