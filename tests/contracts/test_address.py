"""An address is shown as a configuration would say it."""

from __future__ import annotations

import pytest

from proxy.config.values import address
from proxy.contracts.address import Address


@pytest.mark.parametrize("text", ["127.0.0.1:8080", "[::1]:0", "models:80", "*:8080"])
def test_it_is_shown_as_it_is_written(text: str) -> None:
    assert str(address(text)) == text


def test_every_address_has_no_host() -> None:
    assert address(":1") == address("*:1") == Address("", 1)
