"""The meaning of each option of `history` and `access_log`, as `option_docs` has that of all others: texts, defaults,
and what holds without."""

from __future__ import annotations

TEXTS = {
    "access_log": "A line of the log for some of the exchanges.",
    "access_log.percent": "Part of the exchanges, chosen by request id.",
    "access_log.errors": "Also each exchange in which a version failed.",
    "history": (
        "What control keeps of the past, in a file beside the state file (`….history`): `/v1/routes/ROUTE/history` and "
        "the status page show it. `off`: nothing is kept from then on, and the file stays as it is."
    ),
    "history.seconds": "For how long each second is kept; at least 10 minutes.",
    "history.minutes": "For how long each minute is kept, and ten minutes for whoever asks for days.",
    "history.disk": (
        "What the file may take, besides a log of some 4 MiB. When it is full the oldest steps go, whatever their age."
    ),
}

DEFAULTS = {
    "access_log.percent": "1",
    "access_log.errors": "true",
    "history": "on",
    "history.seconds": "1h",
    "history.minutes": "7d",
    "history.disk": "64MiB",
}

ABSENT = {
    "access_log": "none",
}
