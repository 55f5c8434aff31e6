"""A user that breaks over the news ends alone: nothing reaches the pool, and its stream is reset."""

from __future__ import annotations

import pytest

from proxy.contracts.message import ResponseHead
from proxy.dataplane.ports import ServerStream, StreamUser
from proxy.dataplane.serving import hand, tell
from tests.support.fakes import FakeStream


class User(StreamUser):
    """Writes down what it hears; `breaks`: and raises."""

    def __init__(self, breaks: bool) -> None:
        super().__init__(1.0)
        self.breaks = breaks
        self.log: list[object] = []

    def connected(self, stream: ServerStream, fresh: bool, now: float) -> None:
        self._hear("connected", fresh, now)

    def connect_failed(self, reason: str, detail: str, now: float) -> None:
        self._hear(reason, detail, now)

    def _hear(self, *news: object) -> None:
        self.log.append(news)
        if self.breaks:
            raise RuntimeError("a bug of ours")

    def fault(self) -> None:
        self.log.append("fault")

    def response_head(self, head: ResponseHead) -> None:
        """Not here."""


@pytest.mark.parametrize("breaks", [False, True])
def test_a_stream_is_handed_over(breaks: bool) -> None:
    user, stream = User(breaks), FakeStream()
    hand(user, stream, True, 7.0)
    assert user.log == [("connected", True, 7.0), *(["fault"] if breaks else [])]
    assert stream.calls == (["reset"] if breaks else [])


@pytest.mark.parametrize("breaks", [False, True])
def test_a_failure_is_told(breaks: bool) -> None:
    user = User(breaks)
    tell(user, "pool_full", "all are busy", 7.0)
    assert user.log == [("pool_full", "all are busy", 7.0), *(["fault"] if breaks else [])]
