from __future__ import annotations

import pytest

from proxy.contracts.address import Address
from proxy.contracts.operation import Admin, CertificateRole, Token
from proxy.contracts.tls import ServerTls, TlsMaterial
from proxy.control.api.auth import addressed, caller, is_loopback, reader
from proxy.control.api.problems import ApiError

ADMIN = Admin(tokens=(Token("ci", "op", "operate"), Token("grafana", "rd", "read")))
HOST = {"Host": "127.0.0.1:9900"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} | HOST


def kind(error: pytest.ExceptionInfo[ApiError]) -> str:
    return error.value.kind


def test_roles() -> None:
    assert caller(bearer("op"), "10.0.0.1", ADMIN) == "ci"
    reader(bearer("op"), ADMIN)
    reader(bearer("rd"), ADMIN)
    with pytest.raises(ApiError) as refused:
        caller(bearer("rd"), "127.0.0.1", ADMIN)
    assert (kind(refused), refused.value.detail) == ("forbidden", "grafana has the role read; operate is needed")
    for headers in ({}, bearer("no"), {"Authorization": "Bearer"}, {"Authorization": "op"}):
        with pytest.raises(ApiError) as refused:
            reader(headers, ADMIN)
        assert kind(refused) == "unauthorized"


def test_without_a_read_token_reading_is_open() -> None:
    reader({}, Admin(token="x"))
    with pytest.raises(ApiError):
        caller(HOST, "127.0.0.1", Admin(token="x"))
    assert caller(bearer("x"), "10.0.0.1", Admin(token="x")) == "token"


def test_a_read_token_alone_leaves_changes_to_loopback() -> None:
    admin = Admin(tokens=(Token("grafana", "rd", "read"),))
    assert caller(HOST, "127.0.0.1", admin) == "loopback"
    with pytest.raises(ApiError) as refused:
        caller(HOST, "10.0.0.1", admin)
    assert kind(refused) == "forbidden"


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("localhost.evil.example", False),
        ("", False),
    ],
)
def test_loopback(host: str, own: bool) -> None:
    assert is_loopback(host) is own


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("localhost", True),
        ("LocalHost:9900", True),
        ("127.0.0.1:9900", True),
        ("[::1]:9900", True),
        ("10.1.2.3:9900", True),
        ("admin.corp.example:9900", True),
        ("Penumbra.Example", True),
        ("penumbra.models.svc:9900", True),
        ("penumbra.models.svc.cluster.local", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example:9900", False),
        ("localhost.evil.example", False),
        ("evil@localhost", False),
        ("evil:x@localhost:9900", False),
        ("localhost/evil", False),
        ("localhost#evil.example", False),
        ("localhost, evil.example", False),
        ("localhost:80:80", False),
        ("localhost:port", False),
        ("[::1", False),
        ("::1", False),
        (" localhost", False),
        ("evil.example\\.svc", False),
        ("", False),
    ],
)
def test_only_names_of_its_own_or_a_token_may_ask(host: str, own: bool) -> None:
    admin = Admin((Address("admin.corp.example", 9900),), token="op", hosts=("penumbra.example",))
    if own:
        addressed([host], {"Host": host}, admin)
    else:
        with pytest.raises(ApiError) as refused:
            addressed([host], {"Host": host}, admin)
        assert kind(refused) == "forbidden" and "admin.hosts" in refused.value.detail
    addressed([host], {"Host": host, "Authorization": "Bearer op"}, admin)


def test_two_hosts_are_none() -> None:
    addressed([], {}, Admin())
    with pytest.raises(ApiError) as refused:
        addressed(["localhost", "localhost"], {}, Admin())
    assert kind(refused) == "malformed"


@pytest.mark.parametrize("host", ["evil@localhost", "localhost, evil", "localhost/", "10.0.0.1:9900", "penumbra.svc"])
def test_a_change_without_a_token_needs_a_host_that_is_loopback_and_nothing_more(host: str) -> None:
    with pytest.raises(ApiError) as refused:
        caller({"Host": host}, "127.0.0.1", Admin())
    assert kind(refused) == "forbidden"


TLS = ServerTls("c", "k", "ca", "optional", material=TlsMaterial(names=("dns:penumbra.corp", "dns:*.ops.corp")))
ROLES = (
    CertificateRole(("spiffe://prod/ns/ops/*",), "operate"),
    CertificateRole(("spiffe://prod/*", "dns:grafana.corp"), "read"),
)
BOTH = Admin(tokens=ADMIN.tokens, tls=TLS, roles=ROLES)
OPS, READS, OTHER = ("spiffe://prod/ns/ops/deployer",), ("dns:grafana.corp",), ("dns:elsewhere.corp",)

ASKED = [
    # token, certificate: who may look as; who may change as
    ("", (), "unauthorized", "unauthorized"),
    ("", OPS, "", "spiffe://prod/ns/ops/deployer"),  # fits two entries: the stronger holds
    ("", READS, "", "forbidden"),
    ("", OTHER, "forbidden", "forbidden"),
    ("op", (), "", "ci"),
    ("op", READS, "", "ci"),
    ("op", OTHER, "", "ci"),
    ("rd", (), "", "forbidden"),
    ("rd", OPS, "", "forbidden"),  # the token decides, although the certificate could do more
    ("no", OPS, "unauthorized", "unauthorized"),
]


@pytest.mark.parametrize(("token", "shown", "looks", "changes"), ASKED)
def test_token_and_certificate(token: str, shown: tuple[str, ...], looks: str, changes: str) -> None:
    headers = HOST | (bearer(token) if token else {})
    if looks:
        with pytest.raises(ApiError) as refused:
            reader(headers, BOTH, shown)
        assert kind(refused) == looks
    else:
        reader(headers, BOTH, shown)
    if changes in ("forbidden", "unauthorized"):
        with pytest.raises(ApiError) as refused:
            caller(headers, "127.0.0.1", BOTH, shown)
        assert kind(refused) == changes
    else:
        assert caller(headers, "10.0.0.1", BOTH, shown) == changes


def test_without_a_role_for_certificates_one_that_is_shown_is_none() -> None:
    admin = Admin(tls=TLS)
    reader(HOST, admin, OPS)
    assert caller(HOST, "127.0.0.1", admin, OPS) == "loopback"
    with pytest.raises(ApiError):
        caller(HOST, "10.0.0.1", admin, OPS)


def test_a_role_that_only_certificates_have_is_asked_for_by_its_name() -> None:
    admin = Admin(tls=TLS, roles=ROLES)
    with pytest.raises(ApiError, match="a client certificate with a role is needed"):
        reader(HOST, admin)
    with pytest.raises(ApiError, match="a client certificate with a role is needed"):
        caller(HOST, "127.0.0.1", admin)


@pytest.mark.parametrize(
    ("page", "is_own"),
    [
        ({}, True),
        ({"Origin": "https://penumbra.corp:9900"}, True),
        ({"Origin": "https://penumbra.corp:9900", "Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "http://penumbra.corp:9900"}, False),  # a page in clear may be anybody's
        ({"Origin": "https://penumbra.corp"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
    ],
)
def test_a_browser_that_shows_its_certificate_to_a_foreign_page_changes_nothing(
    page: dict[str, str], is_own: bool
) -> None:
    headers = {"Host": "penumbra.corp:9900"} | page
    if is_own:
        assert caller(headers, "10.0.0.1", BOTH, OPS) == OPS[0]
    else:
        with pytest.raises(ApiError) as refused:
            caller(headers, "10.0.0.1", BOTH, OPS)
        assert kind(refused) == "forbidden" and "Origin" in refused.value.detail
    assert caller(headers | {"Authorization": "Bearer op"}, "10.0.0.1", BOTH, OPS) == "ci"


@pytest.mark.parametrize(("host", "own"), [("penumbra.corp", True), ("a.ops.corp:9900", True), ("a.b.ops.corp", False)])
def test_names_of_the_certificate_are_own_names(host: str, own: bool) -> None:
    if own:
        addressed([host], {"Host": host}, BOTH)
    else:
        with pytest.raises(ApiError):
            addressed([host], {"Host": host}, BOTH)
