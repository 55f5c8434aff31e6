"""A listener's connections, all at once."""

from __future__ import annotations

from proxy.dataplane.secured.admission import Admission, Shaking
from proxy.dataplane.secured.listener import SecuredListener
from tests.support.fakes import Bench
from tests.support.plane import route


class Open(Shaking):
    def __init__(self) -> None:
        self.retires: list[float] = []

    def retire(self, at: float) -> None:
        self.retires.append(at)


def test_all_that_are_open_are_retired() -> None:
    shared = Bench(route()).shared
    listener = SecuredListener(shared, Admission(shared, print), None, print, b"", print)
    ones = [Open(), Open()]
    listener.open.update(ones)
    listener.retire(7.0)
    assert [one.retires for one in ones] == [[7.0], [7.0]]
