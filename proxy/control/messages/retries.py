"""When an attempt is made again.

1. 2xx: it is delivered.
2. 4xx other than 408, 425 and 429 will not get better: it is given up.
3. Anything else, no answer included, is tried again after 1, 2, 4 … seconds, each shortened by chance to no less than
   its half (many sidecars do not come back at once), `MAX_ATTEMPTS` times in all.
4. A receiver that says `Retry-After` is left alone for as long, at most `MAX_RETRY_AFTER`.
5. All pauses of one message together are at most `MAX_PAUSES`: those behind it wait as long as it does.
"""

from __future__ import annotations

from contextlib import suppress
from email.utils import parsedate_to_datetime

MAX_ATTEMPTS = 6
"""Attempts to deliver one message: over half a minute, as long as a receiver takes to restart."""
FIRST_RETRY_SECONDS = 1.0
"""Pause before the second attempt; each further one is twice as long."""
MAX_RETRY_AFTER = 600.0
"""Seconds for which a receiver can ask to be left alone."""

MAX_PAUSES = 900.0
"""Seconds for which one message is held by receivers that ask for it again and again."""

RETRIED_STATUSES = frozenset({408, 425, 429})


def delivered(status: int) -> bool:
    """Whether an answer says that the message has arrived."""
    return 200 <= status < 300


def pause(attempt: int, status: int, after: float | None, draw: float, paused: float = 0.0) -> float | None:
    """Seconds until the next attempt, None where there is none. `attempt`: those made; `status`: 0 without an answer;
    `after`: seconds that the receiver asked for; `draw`: from 0 to 1; `paused`: seconds of all pauses before."""
    if attempt >= MAX_ATTEMPTS or (400 <= status < 500 and status not in RETRIED_STATUSES):
        return None
    backoff: float = FIRST_RETRY_SECONDS * 2.0 ** (attempt - 1) * (1.0 - draw / 2)
    wait = max(backoff, min(after or 0.0, MAX_RETRY_AFTER))
    return wait if paused + wait <= MAX_PAUSES else None


def retry_after(field: str | None, now: float) -> float | None:
    """Seconds of a field `Retry-After` (RFC 9110 §10.2.3): a number, or a date."""
    if not field:
        return None
    if field.strip().isascii() and field.strip().isdigit():
        return float(field.strip()[:9])
    with suppress(ValueError, TypeError, OverflowError):
        return max(parsedate_to_datetime(field).timestamp() - now, 0.0)
    return None
