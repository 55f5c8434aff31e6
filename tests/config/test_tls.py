"""`tls`, `listeners` and the sections towards servers: what they mean, and every mistake at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.config.load import parse
from proxy.config.tls import OLDEST
from proxy.config.values import Refused
from proxy.contracts.address import Address
from proxy.contracts.operation import CertificateRole
from proxy.contracts.settings import ConfigError, Settings
from proxy.contracts.tls import ClientTls, ServerTls, TlsMaterial
from proxy.contracts.tls_roles import sections
from tests.support.certificates import Authority, Issued, written

CA = Authority()
OWN = CA.issue("dns:localhost")
FILE = """
{top}
versions: {{v1: {{url: "https://h:1", tls: {{{version}}}}}}}
routes: {{r: {{match: {{path: /}}, protocol: json, primary: v1}}}}
"""
PAIR = "certificate: tls.crt, key: tls.key"


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, OWN, CA)
    monkeypatch.chdir(tmp_path)


def read(top: str, version: str = "") -> Settings:
    return parse(FILE.format(top=top, version=version), {})


def listening(tls: str) -> str:
    return f"listen: 127.0.0.1:9999\ntls: {{{tls}}}"


def problems(top: str, version: str = "") -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        read(top, version)
    return {problem.path: str(problem) for problem in caught.value.problems}


def test_a_listener_as_it_may_be_said() -> None:
    tls = f"{PAIR}, client_ca: ca.crt, client: require, min_version: '1.3', alpn: [], identity_header: X-Client-ID, "
    settings = read(listening(tls + "allow: ['spiffe://prod/ns/*', 'dns:*.Corp', 'dns:a.corp', 'spiffe://prod/a']"))
    assert settings.listener_of == ()
    assert settings.listeners_tls == (
        ServerTls(
            *("tls.crt", "tls.key", "ca.crt", "require"),
            ("spiffe://prod/ns/*", "dns:*.corp", "dns:a.corp", "spiffe://prod/a"),
            "1.3",
            (),
            "x-client-id",
            OWN.material(CA),
        ),
    )
    (usual,) = read(listening(PAIR)).listeners_tls
    assert usual == ServerTls("tls.crt", "tls.key", material=OWN.material())


def test_no_section_is_plain() -> None:
    settings = read("listen: 127.0.0.1:9999")
    assert (settings.listeners_tls, settings.listener_of, settings.admin.tls) == ((), (), None)


def test_several_listeners() -> None:
    settings = read(f"listeners: [{{listen: ['a:1', 'a:2']}}, {{listen: 'a:3', tls: {{{PAIR}}}}}]")
    assert settings.listen == (Address("a", 1), Address("a", 2), Address("a", 3))
    assert settings.listener_of == (0, 0, 1)
    plain, secure = settings.listeners_tls
    assert plain is None and secure is not None and secure.material.key == OWN.key


@pytest.mark.parametrize(
    ("top", "paths"),
    [
        ("admin: {}", {"listen"}),
        ("listen: a:1\nlisteners: [{listen: 'a:2'}]", {"listen"}),
        (f"tls: {{{PAIR}}}\nlisteners: [{{listen: 'a:2'}}]", {"tls"}),
        ("listeners: []", {"listeners"}),
        (f"listeners: [{', '.join(f'{{listen: a:{port}}}' for port in range(1, 19))}]", {"listeners"}),
        ("listeners: {listen: a:1}", {"listeners"}),
        ("listeners: [{tls: {}}]", {f"listeners[0].{key}" for key in ("listen", "tls.certificate", "tls.key")}),
        ("listeners: [{listen: 'a:1'}, {listen: 'a:1'}]", {"listeners[1].listen"}),
        ("listeners: [{listen: '127.0.0.1:9900'}]", {"admin.listen"}),
        (listening("certificate: tls.crt"), {"tls.key"}),
        (listening(f"{PAIR}, client: maybe"), {"tls.client"}),
        (listening(f"{PAIR}, client: require"), {"tls.client_ca"}),
        (listening(f"{PAIR}, client_ca: ca.crt"), {"tls.client_ca"}),
        (listening(f"{PAIR}, allow: ['dns:a'], identity_header: x-id"), {"tls.allow", "tls.identity_header"}),
        (listening(f"{PAIR}, min_version: '1.1'"), {"tls.min_version"}),
        (listening(f"{PAIR}, alpn: [h3]"), {"tls.alpn[0]"}),
        (listening(f"{PAIR}, ciphers: ALL"), {"tls.ciphers"}),
    ],
)
def test_what_is_wrong_is_told_at_its_place(top: str, paths: set[str]) -> None:
    assert problems(top).keys() == paths


@pytest.mark.parametrize(
    "name", ["*", "dns:", "dns:*", "prod/a", "spiffe://prod/", "spiffe://a/*/b", "spiffe://A/b", "ip:1"]
)
def test_names_that_nobody_has_are_refused(name: str) -> None:
    told = problems(listening(f"{PAIR}, client_ca: ca.crt, client: require, allow: ['{name}']"))
    assert told.keys() == {"tls.allow[0]"} and "spiffe://domain/path" in told["tls.allow[0]"]


def test_names_are_bounded() -> None:
    names = ", ".join(f"'dns:h{n}'" for n in range(65))
    assert (
        "at most 64"
        in problems(listening(f"{PAIR}, client_ca: ca.crt, client: require, allow: [{names}]"))["tls.allow"]
    )


@pytest.mark.parametrize("name", ["host", "authorization", "x-penumbra-hop", "content-length", "connection", "a b"])
def test_a_header_that_is_somebody_elses_is_no_identity(name: str) -> None:
    given = listening(f"{PAIR}, client_ca: ca.crt, client: require, identity_header: '{name}'")
    assert problems(given).keys() == {"tls.identity_header"}


def test_a_server_as_it_may_be_said() -> None:
    given = f"ca: ca.crt, {PAIR}, server_name: Triton.ml, san: 'spiffe://prod/triton', min_version: '1.3'"
    assert read("listen: a:2", given).tls == {
        "v1": ClientTls(
            *("ca.crt", "tls.crt", "tls.key", "triton.ml", "spiffe://prod/triton"),
            min_version="1.3",
            material=OWN.material(CA),
        )
    }
    skipping = read("listen: a:2", "insecure_skip_verify: true").tls["v1"]
    assert skipping.insecure_skip_verify and skipping.material == TlsMaterial()


@pytest.mark.parametrize(
    ("version", "paths"),
    [
        ("certificate: tls.crt", {"versions.v1.tls.key"}),
        ("key: tls.key", {"versions.v1.tls.certificate"}),
        ("ca: ca.crt, insecure_skip_verify: true", {"versions.v1.tls.ca"}),
        ("san: 'dns:a', insecure_skip_verify: true", {"versions.v1.tls.san"}),
        ("san: 'spiffe://a/*', server_name: 'h:1'", {"versions.v1.tls.san", "versions.v1.tls.server_name"}),
        ("client: require", {"versions.v1.tls.client"}),
        ("ca: gone.crt", {"versions.v1.tls.ca"}),
    ],
)
def test_what_is_wrong_towards_a_server(version: str, paths: set[str]) -> None:
    assert problems("listen: a:2", version).keys() == paths


def test_every_place_takes_a_section(tmp_path: Path) -> None:
    other: Issued = CA.issue("dns:other")
    written(tmp_path / "other", other, CA)
    top = f"""
listen: a:2
admin: {{tls: {{{PAIR}}}}}
notify: [{{url: 'https://h/', tls: {{ca: other/ca.crt}}}}]
tracing: {{endpoint: 'https://h/', tls: {{ca: ca.crt}}}}
fleet: {{redis: 'rediss://h', name: f, tls: {{ca: ca.crt}}}}
"""
    settings = read(top)
    assert settings.admin.tls is not None and settings.admin.tls.material == OWN.material()
    for tls in (settings.notify[0].tls, settings.tracing.tls, settings.fleet.tls):
        assert tls.material == TlsMaterial(ca=CA.certificate)


ADMIN = "listen: 127.0.0.1:9999\nadmin: {{tls: {{{tls}}}}}"
ASKS = f"{PAIR}, client_ca: ca.crt, client: optional"


def test_roles_of_the_admin_api() -> None:
    settings = read(ADMIN.format(tls=f"{ASKS}, roles: [{{allow: ['spiffe://prod/*', 'dns:A.corp'], role: operate}}]"))
    assert settings.admin.roles == (CertificateRole(("spiffe://prod/*", "dns:a.corp"), "operate"),)
    assert settings.admin.tls is not None and settings.admin.tls.alpn == ("http/1.1",)


@pytest.mark.parametrize(
    ("tls", "path"),
    [
        (f"{PAIR}, roles: [{{allow: ['dns:a'], role: read}}]", "admin.tls.roles"),
        (f"{ASKS}, roles: [{{allow: [], role: read}}]", "admin.tls.roles[0].allow"),
        (f"{ASKS}, roles: [{{role: read}}]", "admin.tls.roles[0].allow"),
        (f"{ASKS}, roles: [{{allow: ['dns:a']}}]", "admin.tls.roles[0].role"),
        (f"{ASKS}, roles: [{{allow: ['dns:a'], role: root}}]", "admin.tls.roles[0].role"),
        (f"{ASKS}, roles: [{{allow: ['a'], role: read}}]", "admin.tls.roles[0].allow[0]"),
        (f"{ASKS}, roles: [{{allow: ['dns:a'], role: read, name: x}}]", "admin.tls.roles[0].name"),
        (f"{ASKS}, roles: {[{'allow': ['dns:a'], 'role': 'read'}] * 17}", "admin.tls.roles"),
        (f"{ASKS}, identity_header: x-client", "admin.tls.identity_header"),
    ],
)
def test_mistakes_of_the_admin_api(tls: str, path: str) -> None:
    assert path in problems(ADMIN.format(tls=tls))


def test_roles_are_of_the_admin_api_alone() -> None:
    assert "tls.roles" in problems(listening(f"{ASKS}, roles: [{{allow: ['dns:a'], role: read}}]"))


def test_the_keys_that_a_listener_may_have_are_all_named() -> None:
    found = problems(listening(f"{PAIR}, alnp: [h2]"))
    assert "alpn" in found["tls.alnp"] and read(listening(PAIR)).listeners_tls[0].alpn == ("http/1.1",)


OF_CLIENTS = [
    ("fleet: {{redis: '{}://h', name: f, tls: {{{}}}}}", "fleet", "redis", "rediss"),
    ("fleet: {{redis: '{}+sentinel://h/s', name: f, tls: {{{}}}}}", "fleet", "redis", "rediss"),
    ("fleet: {{redis: '{}+cluster://h', name: f, tls: {{{}}}}}", "fleet", "valkey", "rediss"),
    ("notify: [{{url: '{}://h/', tls: {{{}}}}}]", "notify[0]", "http", "HTTPS"),
    ("tracing: {{endpoint: '{}://h/', tls: {{{}}}}}", "tracing", "http", "https"),
]


@pytest.mark.parametrize(("text", "role", "plain", "secure"), OF_CLIENTS)
def test_a_section_towards_a_server_stands_beside_an_address_of_tls(
    text: str, role: str, plain: str, secure: str
) -> None:
    given = f"ca: ca.crt, {PAIR}"
    settings = read("listen: 127.0.0.1:9999\n" + text.format(secure, given))
    assert sections(settings)[role] == ClientTls("ca.crt", "tls.crt", "tls.key", material=OWN.material(CA))
    found = problems("listen: 127.0.0.1:9999\n" + text.format(plain, given))
    assert set(found) == {f"{role}.tls"}
    assert secure.lower() in found[f"{role}.tls"]


def test_a_judge_has_a_section_beside_an_address_of_tls() -> None:
    text = """
    listen: 127.0.0.1:9999
    versions: {v1: {url: "http://h:1"}}
    routes:
      r:
        match: {path: /}
        protocol: openai
        primary: v1
        analysis: {judge: {url: "SCHEME://judge/", tls: {ca: ca.crt}}}
    """
    role = "routes.r.analysis.judge"
    held = sections(parse(text.replace("SCHEME", "https"), {}))[role]
    assert held == ClientTls("ca.crt", material=TlsMaterial(ca=CA.certificate))
    with pytest.raises(ConfigError) as caught:
        parse(text.replace("SCHEME", "http"), {})
    assert [each.path for each in caught.value.problems] == [f"{role}.tls"]


@pytest.mark.parametrize(("text", "role", "plain", "secure"), OF_CLIENTS)
def test_files_that_cannot_be_used_are_named_where_they_are(text: str, role: str, plain: str, secure: str) -> None:
    found = problems(
        "listen: 127.0.0.1:9999\n" + text.format(secure, "ca: tls.key, certificate: none.crt, key: tls.key")
    )
    assert set(found) >= {f"{role}.tls.certificate"}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("1.1", "1.2 | 1.3: what is older is broken"),
        ("TLSv1.1", "1.2 | 1.3: what is older is broken"),
        ("SSLv3", "what is older is broken"),
        ("TLSv1.2", 'did you mean "1.2"?'),
        ("TLSv1_3", 'did you mean "1.3"?'),
        ("2", "1.2 | 1.3"),
    ],
)
def test_the_oldest_version_in_other_words_is_told_what_is_allowed(written: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        OLDEST(written)
    assert said in refused.value.args[0]
    assert OLDEST("1.2") == "1.2"
