from __future__ import annotations

import pytest

from proxy.contracts.settings import Admin, Token
from proxy.control.api.auth import caller, is_loopback, reader
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
