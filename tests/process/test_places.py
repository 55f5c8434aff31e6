"""It runs where it is put: on every family of addresses that there is."""

from __future__ import annotations

import socket

import pytest

from tests.process.conftest import Start
from tests.support.running import call


def test_traffic_and_api_are_heard_on_each_of_their_addresses(start: Start) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 on this machine")
    running = start(listen='["127.0.0.1:0", ":0", "[::1]:0"]')
    addresses = running.event("listening")["data"].split(", ")
    assert len(addresses) == 4
    for address in addresses:
        reached = address.replace("[::]", "[::1]").replace("0.0.0.0", "127.0.0.1")
        assert call(reached, "GET", "/").version == "a"
