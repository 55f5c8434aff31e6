"""The static table, against that of hpack."""

from __future__ import annotations

from hpack.table import HeaderTable

from proxy.http2.hpack_table import OVERHEAD, STATIC, TABLE


def test_it_is_that_of_the_specification() -> None:
    assert list(HeaderTable.STATIC_TABLE) == STATIC
    assert HeaderTable.DEFAULT_SIZE == TABLE
    assert OVERHEAD == 32
