"""An empty list of a plain JSON route is an answer: it agrees with another one, and differs from one that is not."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from proxy.contracts.observation import Observation
from proxy.contracts.settings import Guard
from proxy.payload.decode import decode
from proxy.stats.board import Board
from tests.support.records import record

ROUTE = "r"

JSON = b"content-type: application/json\r\n"
SOME: list[Any] = [[], [[1.0, 2.0, 3.0, 4.0]], {"boxes": []}, {"boxes": [[1, 2, 3, 4]]}, {"n": 0, "items": []}]


def answered(document: Any, role: str, version: str) -> Observation:
    whole = record(route=ROUTE, role=role, version=version, copies=1, request=b'{"a": 1}', request_fields=JSON)
    return decode(replace(whole, response=orjson.dumps(document), response_fields=JSON), "json", (0, "a"))


@pytest.mark.parametrize("copied", SOME)
@pytest.mark.parametrize("primary", SOME)
def test_pairs_with_empty_lists_are_compared(primary: Any, copied: Any) -> None:
    board = Board()
    board.watch(ROUTE, ("v2",), "v1", Guard(), "json", 0.0)
    both = [answered(primary, "primary", "v1"), answered(copied, "shadow", "v2")]
    assert [leg.content for leg in both] == ["", ""]
    board.on_observations(both, 1.0)
    board.on_observations([], 5.0)
    tally = board.agreement(ROUTE, "v2")
    assert tally.pairs == 1 and tally.disagreements == (primary != copied)
    board.drift(ROUTE)
