"""Versions that anybody may stand in for are warned of on the routes that they serve."""

from __future__ import annotations

from proxy.config.load import parse
from proxy.control.unverified import unverified

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
    (warning,) = unverified(settings, "r")
    assert warning.startswith("b is not verified")
    assert unverified(settings, "s") == unverified(settings, "gone") == []
