"""`notify`: destinations, what their formats need, and that nothing secret is repeated."""

from __future__ import annotations

import pytest

from proxy.config.load import parse
from proxy.contracts.messages import EventObject
from proxy.contracts.operation import Hook
from proxy.contracts.settings import ConfigError

FILE = """
listen: 127.0.0.1:8080
versions: {v1: {url: "http://h:1"}}
routes: {fraud: {match: {path: /}, protocol: json, primary: v1}}
"""


def hooks(text: str, **environ: str) -> tuple[Hook, ...]:
    return parse(f"{FILE}notify: [{text}]", environ, certificates=False).notify


def test_an_old_section_is_what_it_was() -> None:
    assert hooks("{url: 'http://h/x?y=1', secret: a, events: [rollback]}") == (
        Hook("http://h/x?y=1", "a", ("rollback",)),
    )


def test_each_format_has_the_severity_and_the_url_of_its_own() -> None:
    pager, alerts, chat = hooks(
        "{format: pagerduty, key: k}, {format: alertmanager, url: 'http://am:9093'}, "
        "{format: slack, url: '${HOOK}', name: ops, routes: [fraud], severity: warning}",
        HOOK="https://hooks.example/T/B/x",
    )
    assert (pager.url, pager.severity) == ("https://events.pagerduty.com/v2/enqueue", "critical")
    assert (alerts.severity, chat.severity, chat.routes) == ("warning", "warning", ("fraud",))
    assert (chat.url, chat.name) == ("https://hooks.example/T/B/x", "ops")


def test_in_a_pod_kubernetes_is_asked_by_the_service_account() -> None:
    (hook,) = hooks("{format: kubernetes, object: {name: '${POD}', namespace: models}}", POD="pod-1")
    assert hook.object == EventObject("Pod", "pod-1", "models") and hook.tls is not None
    assert hook.token == "file:/var/run/secrets/kubernetes.io/serviceaccount/token"
    assert hook.tls.ca == "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("{format: pagerduty}", "notify[0].key"),
        ("{format: pagerduty, key: ''}", "notify[0].key"),
        ("{format: grafana, url: 'http://g'}", "notify[0].token"),
        ("{format: kubernetes}", "notify[0].object"),
        ("{format: slack}", "notify[0].url"),
        ("{format: slack, url: 'http://h', key: k}", "notify[0].key"),
        ("{format: teams, url: 'http://h', token: k}", "notify[0].token"),
        ("{url: 'http://h', object: {name: a, namespace: b}}", "notify[0].object"),
        ("{format: slak, url: 'http://h'}", "notify[0].format"),
        ("{url: 'http://h', severity: high}", "notify[0].severity"),
        ("{url: 'http://h', routes: [fruad]}", "notify[0].routes[0]"),
        ("{url: 'http://h', name: a}, {url: 'http://h', name: a}", "notify"),
        ("{url: 'file:', format: slack}", "notify[0].url"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_place(text: str, path: str) -> None:
    with pytest.raises(ConfigError) as raised:
        hooks(text)
    assert path in [problem.path for problem in raised.value.problems]


@pytest.mark.parametrize("url", ["hooks.example/T/s3cret", "htps://hooks.example/s3cret", "https://a:s3cret@h/"])
def test_a_url_that_cannot_be_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as raised:
        hooks(f"{{format: slack, url: '{url}'}}")
    assert "s3cret" not in str(raised.value)
