"""The section `fleet`."""

from __future__ import annotations

import pytest

from proxy.config import fleet
from proxy.config.hints import hints
from proxy.contracts.fleet import Fleet
from proxy.contracts.settings import ConfigError
from tests.config.test_admin import loaded


def test_what_it_says() -> None:
    assert loaded().fleet is None
    plain = loaded(top="fleet: {redis: 'redis://cache', name: fraud}").fleet
    assert plain == Fleet("redis://cache", "fraud", 10.0, "primary", "")
    text = "fleet: {redis: 'redis+sentinel://a,b/main', name: f, lease: 3s, on_lost: hold, instance: pod-1}"
    assert loaded(top=text).fleet == Fleet("redis+sentinel://a,b/main", "f", 3.0, "hold", "pod-1")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("fleet: {name: f}", "fleet.redis"),
        ("fleet: {redis: 'redis://h'}", "fleet.name"),
        ("fleet: {redis: 'http://h', name: f}", "fleet.redis"),
        ("fleet: {redis: 'redis://h', name: f, on_lost: canary}", "fleet.on_lost"),
        ("fleet: {redis: 'redis://h', name: f, lease: 0s}", "fleet.lease"),
        ("fleet: {redis: 'redis://h', name: f, leas: 1s}", "fleet.leas"),
        ("fleet: {redis: 'redis://h', name: f, sentinel_password: x}", "fleet.sentinel_password"),
    ],
)
def test_mistakes_name_their_path(text: str, path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(top=text)
    assert path in {problem.path for problem in caught.value.problems}


def test_a_password_is_never_told() -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(top="fleet: {redis: 'redis://u:hunter2@h:x', name: f}")
    assert "hunter2" not in str(caught.value)


def test_it_needs_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"penumbra\[fleet\] is installed"):
        loaded(top="fleet: {redis: 'redis://h', name: f}")


@pytest.mark.parametrize(
    ("line", "more", "told"),
    [
        ("accuracy: {max_drop: 0.02}", "", True),
        ("input_drift: {max_psi: 0.2}", "", True),
        ("input_drift: {max_psi: 0.2}", ", analysis: {profile: pyproject.toml}", False),
        ("error_rate: {max_ratio: 1.5}", "", False),
    ],
)
def test_lines_without_evidence_in_a_fleet_are_told(line: str, more: str, told: bool) -> None:
    route = f"canary: {{version: b, percent: 5}}, scorecard: {{{line}}}{more}"
    place = f"routes.r.scorecard.{line.partition(':')[0]}: in a fleet"
    within = hints(loaded(route, "fleet: {redis: 'redis://h', name: f}"))
    assert any(hint.startswith(place) for hint in within) is told
    assert not any(hint.startswith(place) for hint in hints(loaded(route)))
