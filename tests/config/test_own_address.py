"""URLs that lead to this program itself, in every form that a host has."""

from __future__ import annotations

import socket

import pytest

from proxy.config.load import parse
from proxy.config.own_address import is_own
from proxy.contracts.address import Address
from proxy.contracts.settings import ConfigError


@pytest.mark.parametrize(
    ("url", "listen", "own"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("localhost", "127.0.0.1", True),
        ("LOCALHOST.", "127.0.0.1", True),
        ("x.localhost", "127.0.0.1", True),
        ("0.0.0.0", "127.0.0.1", True),  # a connection to it goes to the loopback
        ("127.1", "127.0.0.1", True),
        ("::ffff:127.0.0.1", "127.0.0.1", True),
        ("127.0.0.2", "127.0.0.1", False),
        ("::1", "127.0.0.1", False),
        ("127.0.0.9", "0.0.0.0", True),
        ("::1", "0.0.0.0", False),
        ("::1", "::", True),
        ("::", "::", True),
        ("127.0.0.1", "::", True),  # dual stack
        ("127.0.0.9", "", True),
        ("::1", "", True),
        (socket.gethostname(), "", True),
        ("192.0.2.7", "", False),
        ("localhost", "::1", True),
        ("localhost", "0.0.0.0", True),
        (socket.gethostname(), "0.0.0.0", True),
        ("192.0.2.7", "0.0.0.0", False),  # an address of documentation: no interface has it
        ("models", "models", True),
        ("models", "0.0.0.0", False),
        ("models", "127.0.0.1", False),
    ],
)
def test_whose_address_it_is(url: str, listen: str, own: bool) -> None:
    assert is_own(url, 8080, Address(listen, 8080)) == own
    assert not is_own(url, 8081, Address(listen, 8080))
    assert not is_own(url, 0, Address(listen, 0))


@pytest.mark.parametrize(
    ("url", "key"), [("http://localhost:8080/base", "listen"), ("http://[::1]:9900", "admin.listen")]
)
def test_a_file_that_goes_in_circles_is_refused(url: str, key: str) -> None:
    text = f"""
listen: 0.0.0.0:8080
admin: {{listen: "[::]:9900", token: s3cret}}
versions: {{a: {{url: "{url}"}}}}
routes: {{r: {{match: {{path: /}}, protocol: json, primary: a}}}}
"""
    with pytest.raises(ConfigError) as refused:
        parse(text, {})
    (problem,) = refused.value.problems
    assert problem.path == "versions.a.url"
    assert f"`{key}`" in problem.allowed
