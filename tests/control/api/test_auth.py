from __future__ import annotations

import pytest

from proxy.contracts.address import Address
from proxy.contracts.operation import Admin, Token
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
