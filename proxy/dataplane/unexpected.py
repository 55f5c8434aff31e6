"""What is nobody's word but our own bug: an exception that nothing foresaw.

1. It ends the exchange or the copy in whose work it was raised (`Timed.fault`), and nothing else: the guards stand
   where one exchange's work calls another's (pool, uploads, turns of a connection, sweeps) and where the loop calls us.
2. The leg is counted as `internal`, charged to nobody; the client gets a rescue, a problem, or a cut.
3. It is logged once for each place that it comes from, not once a request.
"""

from __future__ import annotations

import logging
from typing import Final

from proxy.dataplane.ports import Timed

log = logging.getLogger("penumbra.worker")

MAX_PLACES: Final = 64
"""Places of unexpected exceptions that are remembered; further ones are not logged."""

UNEXPECTED: Final = "an unexpected error of the proxy; its log has the place"

_places: set[str] = set()


def unexpected(error: Exception) -> None:
    """Logs `error`, where the place that it was raised at is a new one."""
    place = place_of(error)
    if place not in _places and len(_places) < MAX_PLACES:
        _places.add(place)
        log.error("unexpected error, further ones from the same place are not logged", exc_info=error)


def place_of(error: Exception) -> str:
    """Type of `error`, and file and line where it was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
    return f"{type(error).__name__} {where}"


def expire(each: Timed, now: float) -> None:
    """One look at the deadlines of `each`."""
    try:
        each.expire(now)
    except Exception as error:
        unexpected(error)
        each.fault()


def give_up(each: Timed, reason: str) -> None:
    """The end of `each`. `reason`: a key of `FAILURES`."""
    try:
        each.give_up(reason)
    except Exception as error:
        unexpected(error)
        each.fault()
