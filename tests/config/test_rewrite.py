"""`rewrite` and `authorization` of a version: what they mean, what cannot work, and no secret in any text."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.config.load import parse
from proxy.config.rewrite import json_value, sent_host
from proxy.contracts.rewrite import Credential, PathRewrite, Rewrite
from proxy.contracts.settings import ConfigError, Settings

SECRET = "s3cret-s3cret"
FILE = """
listen: 127.0.0.1:9999
versions: {{v1: {{url: "http://h:1"}}, v2: {{url: "http://h:2", {version}}}}}
routes: {{r: {{match: {{path: {path}}}, protocol: {protocol}, primary: v1, canary: {{version: v2, percent: 5}}}}}}
"""


def read(version: str, protocol: str = "oip", path: str = "/v2/models/iris") -> Settings:
    return parse(FILE.format(version=version, protocol=protocol, path=path), {"TOKEN": SECRET, "EMPTY": ""})


def problems(version: str, **more: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        read(version, **more)
    assert SECRET not in str(caught.value)
    return {problem.path: str(problem) for problem in caught.value.problems}


def test_everything_that_can_be_rewritten() -> None:
    settings = read(
        "rewrite: {model: ft, path: {from: /v2/models/iris, to: /v2/models/iris/versions/2}, "
        "query: {set: {v: 2}, remove: [d]}, json: {/temperature: 0.2, /id: abc}, "
        "headers: {set: {X-Tenant: acme}, remove: [x-debug]}, host: API.example:8080, "
        "answer: {json: {/model_name: iris}}}"
    )
    assert settings.rewrites == {
        "v2": Rewrite(
            model="ft",
            path=PathRewrite("/v2/models/iris/versions/2", "/v2/models/iris"),
            query_set={"v": "2"},
            query_remove=("d",),
            json={"/temperature": "0.2", "/id": '"abc"'},
            headers_set={"x-tenant": "acme"},
            headers_remove=("x-debug",),
            host="api.example:8080",
            answer_set={"/model_name": '"iris"'},
        )
    }
    assert read("rewrite: {}").rewrites == {} and read("authorization: client").credentials == {}
    assert not read("rewrite: {model: a, answer: off}").rewrites["v2"].answer


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.20", "0.20"),
        ("12345678901234567890123", "12345678901234567890123"),
        ("true", "true"),
        ("null", "null"),
        ('"3"', '"3"'),
        ("[1, 2]", "[1, 2]"),
        ("llama-3.3", '"llama-3.3"'),
        ("NaN", '"NaN"'),
        ("", '""'),
        ("é", '"\\u00e9"'),
    ],
)
def test_values_are_json_where_they_read_as_json(text: str, value: str) -> None:
    assert json_value(text) == value


def test_hosts() -> None:
    assert [sent_host(text) for text in ("version", "client", "A.b:1")] == ["version", "client", "a.b:1"]


@pytest.mark.parametrize(
    ("written", "credential"),
    [
        ("none", Credential("none")),
        ('"${TOKEN}"', Credential("own", "authorization", f"Bearer {SECRET}")),
        ('"Basic ${TOKEN}"', Credential("own", "authorization", f"Basic {SECRET}")),
        ('{token: "${TOKEN}"}', Credential("own", "authorization", f"Bearer {SECRET}")),
        ('{token: "${TOKEN}", scheme: Token}', Credential("own", "authorization", f"Token {SECRET}")),
        ('{token: "${TOKEN}", header: API-Key}', Credential("own", "api-key", SECRET)),
    ],
)
def test_credentials(written: str, credential: Credential) -> None:
    settings = read(f"authorization: {written}")
    assert settings.credentials == {"v2": credential}
    assert SECRET not in repr(settings)
    assert settings.routes[0].digest == read("authorization: other").routes[0].digest, "a rotation is no other version"


def test_a_credential_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(f"{SECRET}\n")
    assert read(f"authorization: {{file: {path}}}").credentials["v2"].value == f"Bearer {SECRET}"
    for content in (b"", b" \n", b"two\nlines " + SECRET.encode(), b"\xff" + SECRET.encode(), b"x" * 20_000):
        path.write_bytes(content)
        assert "versions.v2.authorization.file" in problems(f"authorization: {{file: {path}}}")
    path.unlink()
    assert "No such file" in problems(f"authorization: {{file: {path}}}")["versions.v2.authorization.file"]


@pytest.mark.parametrize(
    "written",
    [
        '"${TOKEN}\\n"',
        '["${TOKEN}"]',
        '{token: "${TOKEN}", file: /etc/hostname}',
        '{tokne: "${TOKEN}"}',
        '{token: ["${TOKEN}"]}',
        '{token: "${TOKEN}", header: host}',
        '"${EMPTY}"',
        "{}",
    ],
)
def test_a_wrong_credential_is_refused_and_not_shown(written: str) -> None:
    assert any(path.startswith("versions.v2.authorization") for path in problems(f"authorization: {written}"))


@pytest.mark.parametrize(
    ("rewrite", "path"),
    [
        ("model: a, json: {/model: b}", "json./model"),
        ("path: {from: /v2/models/rose, to: /x}", "path.from"),
        ("path: {from: '/{a}{b}', to: /x}", "path"),
        ("path: {to: '/{a}'}", "path"),
        ("headers: {set: {content-length: 1}}", "headers.set"),
        ("headers: {set: {x-penumbra-shadow: a}}", "headers.set"),
        ("headers: {set: {digest: a}}", "headers.set"),
        (f"headers: {{set: {{authorization: {SECRET}}}}}", "headers.set.authorization"),
        ("headers: {remove: [host]}", "headers.remove"),
        ("headers: {set: {a: b}, remove: [A]}", "headers.remove"),
        ("query: {set: {a: b}, remove: [a]}", "query.remove"),
        ("json: {model: b}", "json.model"),
        ("host: 'a b'", "host"),
        ("modle: a", "modle"),
    ],
)
def test_what_cannot_work_is_refused_at_its_path(rewrite: str, path: str) -> None:
    assert f"versions.v2.rewrite.{path}" in problems(f"rewrite: {{{rewrite}}}")


@pytest.mark.parametrize(
    ("rewrite", "protocol", "path"),
    [
        ("model: a", "mlflow", "model"),
        ("model: a", "opaque", "model"),
        ("model_version: 2", "openai", "model_version"),
        ("model_version: 2", "json", "model_version"),
    ],
)
def test_what_the_protocol_has_no_place_for_is_refused(rewrite: str, protocol: str, path: str) -> None:
    assert f"versions.v2.rewrite.{path}" in problems(f"rewrite: {{{rewrite}}}", protocol=protocol)


@pytest.mark.parametrize("match", ["/v2/models/iris", "/v2", "/", "/v2/models/iris/infer"])
def test_a_path_fits_a_route_that_is_wider_or_narrower(match: str) -> None:
    assert read("rewrite: {path: {from: /v2/models/iris, to: /x}}", path=match).rewrites
    assert read("rewrite: {path: {from: '/{a}/models/iris', to: /x}}", path=match).rewrites


def test_a_changed_rewrite_is_another_version() -> None:
    assert read("rewrite: {model: a}").routes[0].digest != read("rewrite: {model: b}").routes[0].digest
