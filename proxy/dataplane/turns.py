"""Handshakes with model servers take turns: a step of one costs as much of a processor as a dozen requests.

1. One step is done in each turn of the loop; everything else that is ready comes in between. A thousand connections
   that are made at once (a start, other certificates, a server that ends each of them) add the time of one step to
   what others wait.
2. Each pool has a line of its own, and the lines take turns: the handshakes of a shadow do not keep the primary's
   waiting.

How many there may be is said elsewhere: a pool makes `connections` or `mirror_inflight` of them at most.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from proxy.dataplane.unexpected import unexpected

Soon = Callable[[Callable[[], None]], Any]
"""Calls something in a later turn of the loop."""

Step = Callable[[], None]


class Turns:
    """The lines of those who wait for a turn, by whose they are."""

    __slots__ = ("_lines", "_soon")

    def __init__(self, soon: Soon) -> None:
        self._soon = soon
        self._lines: dict[object, deque[Step]] = {}

    def ask(self, whose: object, step: Step) -> None:
        """`step` is called once its turn has come."""
        if not self._lines:
            self._soon(self._turn)
        line = self._lines.get(whose)
        if line is None:
            line = self._lines[whose] = deque()
        line.append(step)

    def _turn(self) -> None:
        whose = next(iter(self._lines))
        line = self._lines.pop(whose)
        step = line.popleft()
        if line:
            self._lines[whose] = line  # behind the others
        if self._lines:
            self._soon(self._turn)
        try:
            step()
        except Exception as error:
            unexpected(error)
