"""Hints: what is valid and seldom meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.config.hints import hints
from proxy.config.load import parse
from proxy.contracts.settings import ConfigError
from tests.support.certificates import Authority, written

FILE = """
listen: 127.0.0.1:0
admin: {{listen: 127.0.0.1:0}}
versions: {{a: {{url: http://127.0.0.1:1}}}}
routes: {{r: {{match: {{path: "{path}"}}, protocol: json, primary: a, inference: {{paths: ["{path}"]}}}}}}
"""


@pytest.mark.parametrize(("path", "prefix"), [("/infer$", "/infer"), ("/models/:name/infer", "/models")])
def test_a_pattern_is_told(path: str, prefix: str) -> None:
    found = hints(parse(FILE.format(path=path), {}))
    assert [hint.partition(":")[0] for hint in found] == ["routes.r.match.path", "routes.r.inference.paths[0]"]
    assert all(prefix in hint for hint in found)


@pytest.mark.parametrize(("path", "prefix"), [("/v2/models/*/infer", "/v2/models/"), ("/v2/.*", "/v2/."), ("/*", "/")])
def test_a_glob_in_a_prefix_is_refused_and_whoever_serves_goes_on_and_is_told(path: str, prefix: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(FILE.format(path=path), {})
    (problem,) = refused.value.problems
    assert problem.path == "routes.r.match.path"
    assert f"{prefix} takes all that begin so" in problem.allowed
    (hint,) = hints(parse(FILE.format(path=path), {}, serving=True))
    assert hint.startswith("routes.r.match.path: ")


@pytest.mark.parametrize("path", ["/", "/v2/models/m/versions/2/infer", "/v1/models/m:predict", "/a$b"])
def test_usual_paths_are_fine(path: str) -> None:
    assert hints(parse(FILE.format(path=path), {})) == ()


def test_a_glob_of_inferences_is_none_to_be_told_of() -> None:
    text = FILE.replace('path: "{path}"', "path: /", 1).format(path="/v1/*")
    assert hints(parse(text, {})) == ()


TWO = """
listen: 127.0.0.1:0
admin: {{listen: 127.0.0.1:0}}
versions: {{a: {{url: "http://{primary}"}}, b: {{url: "http://{shadow}", authorization: {authorization}}}}}
routes: {{r: {{match: {{path: /}}, protocol: json, primary: a, shadows: [{{version: b}}]}}}}
"""


@pytest.mark.parametrize(
    ("primary", "shadow", "authorization", "told"),
    [
        ("model", "api.example.com", "client", True),
        ("127.0.0.1", "8.8.8.8", "client", True),
        ("model", "api.example.com", "none", False),
        ("model", "api.example.com", "token", False),
        ("api.example.com", "api.example.com", "client", False),
        ("model", "other", "client", False),
        ("model", "other.ns.svc.cluster.local", "client", False),
        ("model", "10.0.0.1", "client", False),
        ("api.example.com", "model", "client", False),
    ],
)
def test_credentials_of_clients_that_leave_the_house_are_told(
    primary: str, shadow: str, authorization: str, told: bool
) -> None:
    found = hints(parse(TWO.format(primary=primary, shadow=shadow, authorization=authorization), {}))
    assert [hint.partition(":")[0] for hint in found] == ["versions.b"] * told


def test_whoever_is_believed_without_a_look_is_told_of() -> None:
    text = FILE.format(path="/").replace(
        "{url: http://127.0.0.1:1}", "{url: https://127.0.0.1:1, tls: {insecure_skip_verify: true}}"
    )
    (hint,) = hints(parse(text, {}))
    assert hint.startswith("versions.a.tls.insecure_skip_verify: ")


@pytest.mark.parametrize("client", ["optional", "require"])
def test_an_admin_api_that_no_probe_gets_into_is_told_of(
    client: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority()
    written(tmp_path, authority.issue("dns:localhost"), authority)
    monkeypatch.chdir(tmp_path)
    tls = f"{{certificate: tls.crt, key: tls.key, client_ca: ca.crt, client: {client}}}"
    text = FILE.format(path="/").replace("admin: {", f"admin: {{tls: {tls}, ")
    found = hints(parse(text, {}))
    assert [hint.partition(" ")[0] for hint in found] == ["admin.tls.client:"] * (client == "require")


@pytest.mark.parametrize(
    ("alpn", "told"), [("", True), (", alpn: [http/1.1]", True), (", alpn: [h2, http/1.1]", False)]
)
def test_clients_of_grpc_that_no_listener_hears_are_told_of(
    alpn: str, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority()
    written(tmp_path, authority.issue("dns:localhost"), authority)
    monkeypatch.chdir(tmp_path)
    text = FILE.format(path="/").replace("protocol: json", "protocol: grpc")
    assert [hint.partition(":")[0] for hint in hints(parse(text, {}))] == []
    text = text.replace("admin:", f"tls: {{certificate: tls.crt, key: tls.key{alpn}}}\nadmin:", 1)
    assert [hint.partition(":")[0] for hint in hints(parse(text, {}))] == ["tls.alpn"] * told
