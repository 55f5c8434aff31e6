"""Entries of the fleet's audit that a judge may have died with before it told of them: the next one tells again.

What was delivered is in the fleet's evidence, with each look. So an entry is told at least once, and one that was told
as its judge died, twice; both have one id.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress

import msgspec

from proxy.control.state.state_file import StoreError
from proxy.control.state.store import Store
from proxy.release.audit import Change, Entry, entry_of

UNKNOWN = -1
"""What an older program's evidence says of it: nothing is told again."""
MAX_AGAIN = 100
"""Entries that are told again at most: the newest of them."""
MAX_AGE_SECONDS = 3600.0
"""Seconds after which nobody needs to hear of an entry any more."""


Listen = Callable[[Change, float], None]


def told() -> bool:
    """That of a sidecar that tells nobody: everything was delivered."""
    return True


class Teller:
    """What a sidecar tells while it judges. `tell` hears of changes with their Unix times, `delivered` says whether all
    of that has arrived."""

    def __init__(self, tell: Listen, delivered: Callable[[], bool]) -> None:
        self._tell, self._delivered = tell, delivered
        self._after, self._end = 0, UNKNOWN
        self._heard: deque[tuple[float, str, str, str]] = deque(maxlen=2 * MAX_AGAIN)

    def begin(self, after: int, end: int) -> None:
        """Begins to judge: entries beyond `after` may be untold, up to `end`."""
        self._after, self._end = max(after, end - MAX_AGAIN), end if after != UNKNOWN else UNKNOWN

    def listen(self, change: Change, at: float) -> None:
        """Tells of a change once, however often this process begins to judge."""
        mark = round(at, 3), change.route, change.action, change.why
        if mark not in self._heard:
            self._heard.append(mark)
            self._tell(change, at)

    def catch_up(self, audit: Store, now: float) -> None:
        """Tells what is left, as soon as the copy of the audit has it. Times are Unix seconds."""
        if self._end == UNKNOWN or audit.head.count < self._end:
            return
        end, self._end = self._end, UNKNOWN
        with suppress(StoreError, msgspec.MsgspecError):
            for entry in map(entry_of, audit.audit(self._after, MAX_AGAIN)):
                if entry.seq <= end and now - entry.at <= MAX_AGE_SECONDS:
                    self.listen(change_of(entry), entry.at)

    def is_done(self) -> bool:
        """Whether nothing is left, and everything has arrived."""
        return self._end == UNKNOWN and self._delivered()


def change_of(entry: Entry) -> Change:
    """The change that an entry keeps, its states as JSON values."""
    known = msgspec.to_builtins(entry)
    return Change(**{name: known[name] for name in Change.__struct_fields__})
