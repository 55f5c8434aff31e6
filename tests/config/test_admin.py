"""Tokens, webhooks, capture, and the strategies of a release, as a configuration says them."""

from __future__ import annotations

import pytest

from proxy.config import admin
from proxy.config.load import parse
from proxy.contracts.journal import AccessLog, Tracing
from proxy.contracts.operation import Capture, Hook, Token
from proxy.contracts.settings import ConfigError, Release, Settings, Stage

SMALL = """
listen: 127.0.0.1:8080
versions: {a: {url: "http://a"}, b: {url: "http://b"}, c: {url: "http://c"}}
routes: {r: {match: {path: /}, protocol: json, primary: a %s}}
%s
"""


def loaded(route: str = "", top: str = "") -> Settings:
    return parse(SMALL % (f", {route}" if route else "", top), {})


def release(text: str, sticky: bool = False) -> Release:
    found = loaded(f"release: {text}" + (', sticky: "header:x"' if sticky else "")).routes[0].release
    assert found is not None
    return found


def paths(route: str = "", top: str = "") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(route, top)
    return [problem.path for problem in caught.value.problems]


def test_names_of_the_api_are_kept_in_lower_case() -> None:
    assert loaded(top="admin: {hosts: [Penumbra.Example, penumbra]}").admin.hosts == ("penumbra.example", "penumbra")


def test_tokens_webhooks_and_capture() -> None:
    settings = loaded(
        top="""
admin: {tokens: [{name: ci, role: operate, token: s1}, {name: grafana, role: read, token: s2}]}
notify: [{url: "https://hooks.example/x?y=1", secret: abc, events: [rollback, promote]}, {url: "http://localhost:1/"}]
capture: {percent: 1, path: /tmp/records, max_bytes: 1MiB}
"""
    )
    assert settings.admin.tokens == (Token("ci", "s1", "operate"), Token("grafana", "s2", "read"))
    assert settings.notify[0] == Hook("https://hooks.example/x?y=1", "abc", ("rollback", "promote"))
    assert settings.notify[1].events == ()
    assert settings.capture == Capture(1.0, "/tmp/records", 1024 * 1024)


@pytest.mark.parametrize(
    ("top", "path"),
    [
        ("admin: {tokens: [{name: ci, role: root, token: s}]}", "admin.tokens[0].role"),
        ("admin: {tokens: [{name: ci, role: read}]}", "admin.tokens[0].token"),
        ('admin: {tokens: [{name: ci, role: read, token: ""}]}', "admin.tokens[0].token"),
        ("admin: {tokens: [{name: a, role: read, token: s}, {name: a, role: read, token: t}]}", "admin.tokens"),
        ("admin: {tokens: [{name: a, role: read, token: s}, {name: b, role: read, token: s}]}", "admin.tokens"),
        ('admin: {hosts: ["a:80"]}', "admin.hosts[0]"),
        ('admin: {hosts: ["u@a"]}', "admin.hosts[0]"),
        ('admin: {hosts: ["[::1]"]}', "admin.hosts[0]"),
        ('admin: {hosts: ["*"]}', "admin.hosts[0]"),
        (f"admin: {{hosts: [{', '.join(['a'] * (admin.MAX_HOSTS + 1))}]}}", "admin.hosts"),
        ("notify: [{}]", "notify[0].url"),
        ("notify: [{url: ftp://x/}]", "notify[0].url"),
        ("notify: [{url: http://u:p@x/}]", "notify[0].url"),
        ("notify: [{url: http://x/, events: [explosion]}]", "notify[0].events[0]"),
        ("capture: {percent: 1}", "capture.path"),
        ("capture: {percent: 101, path: x, max_bytes: 1MiB}", "capture.percent"),
        ("capture: {percent: 1, path: x, max_bytes: 1MiB, rotate: 2}", "capture.rotate"),
        ("capture: {percent: 1, path: x, max_bytes: 1MiB, headers: [x-tenant]}", "capture.headers"),
        ("capture: {percent: 1, path: x, max_bytes: 1MiB, bodies: true, headers: [Cookie]}", "capture.headers.cookie"),
        (
            "capture: {percent: 1, path: x, max_bytes: 1MiB, bodies: true, headers: [x_api_key]}",
            "capture.headers.x_api_key",
        ),
        ("access_log: {percent: 101}", "access_log.percent"),
        ("access_log: {errors: some}", "access_log.errors"),
        ("access_log: {path: /var/log/x}", "access_log.path"),
        ("access_log: on", "access_log"),
        ("tracing: {percent: 1}", "tracing.endpoint"),
        ("tracing: {endpoint: collector:4318}", "tracing.endpoint"),
        ("tracing: {endpoint: http://c/, percent: 101}", "tracing.percent"),
        ("tracing: {endpoint: http://c/, sampler: x}", "tracing.sampler"),
    ],
)
def test_mistakes(top: str, path: str) -> None:
    assert path in paths(top=top)


def test_access_log_and_tracing() -> None:
    assert (loaded().access_log, loaded().tracing) == (None, None)
    settings = loaded(top="access_log: {}\ntracing: {endpoint: http://127.0.0.1:4318/v1/traces}")
    assert settings.access_log == AccessLog(1.0, True)
    assert settings.tracing == Tracing("http://127.0.0.1:4318/v1/traces", 1.0)
    settings = loaded(top="access_log: {percent: 0.5, errors: false}\ntracing: {endpoint: https://c/x, percent: 100}")
    assert (settings.access_log, settings.tracing) == (AccessLog(0.5, False), Tracing("https://c/x", 100.0))


@pytest.mark.parametrize("module", ["opentelemetry.no_such_module", "no_such_package.module"])
def test_tracing_needs_the_extra(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setattr(admin, "OTEL_MODULES", (admin.OTEL_MODULES[0], module))
    assert loaded().tracing is None
    with pytest.raises(ConfigError) as caught:
        loaded(top="tracing: {endpoint: http://c/}")
    assert str(caught.value) == (
        "tracing: found tracing without OpenTelemetry; allowed: tracing where penumbra[otel] is installed"
    )


def test_strategies() -> None:
    test = release("{strategy: ab-test, arms: {b: 30, c: 20}, requests: 10, duration: 3d, promote_winner: true}", True)
    assert (test.candidate, test.arms, test.promote_winner) == ("b", {"b": 30.0, "c": 20.0}, True)
    assert test.stages == (Stage(canary=50.0, requests=10, duration=259_200.0),)
    half = release("{strategy: ab-test, candidate: c}", True)
    assert (half.candidate, half.arms) == ("c", {"c": 50.0})
    switch = release("{strategy: blue-green, candidate: b, stages: [{shadow: 100, requests: 5}]}")
    assert (switch.rollback_window, switch.stages) == (600.0, (Stage(shadow=100.0, requests=5),))
    assert (
        release("{strategy: big-bang, candidate: b, accept_risk: true, rollback_window: 1h}").rollback_window == 3600.0
    )


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("{strategy: ab-test, candidate: b}", "routes.r.sticky"),
        ("{strategy: ab-test, arms: {a: 10}}", "routes.r.release.arms"),
        ("{strategy: ab-test, arms: {b: 0}}", "routes.r.release.arms"),
        ("{strategy: ab-test, arms: {}}", "routes.r.release.arms"),
        ("{strategy: ab-test, arms: {b: 60, c: 60}}", "routes.r.release.arms"),
        ("{strategy: ab-test, arms: {nobody: 60}}", "routes.r.release.arms.nobody"),
        ("{strategy: ab-test, arms: {b: 5}, candidate: b}", "routes.r.release.candidate"),
        ("{strategy: ab-test, candidate: b, stages: []}", "routes.r.release.stages"),
        ("{strategy: blue-green, candidate: b, promote_winner: true}", "routes.r.release.promote_winner"),
        ("{strategy: shadow, candidate: b, rollback_window: 5m}", "routes.r.release.rollback_window"),
        ("{strategy: blue-green, candidate: b, rollback_window: 99d}", "routes.r.release.rollback_window"),
        ("{strategy: blue-green, candidate: b, arms: {b: 5}}", "routes.r.release.arms"),
    ],
)
def test_mistakes_in_a_release(text: str, path: str) -> None:
    assert path in paths(f"release: {text}")
