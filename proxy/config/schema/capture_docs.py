"""The meaning of each option of `capture`, as `option_docs` has that of all others: texts, defaults, and what holds
without."""

from __future__ import annotations

TEXTS = {
    "capture": "Records kept for `penumbra backtest` and `penumbra replay`.",
    "capture.percent": "Part of the exchanges.",
    "capture.at_least": "Exchanges of each stratum (route, versions, how they ended) captured beyond that, in a file.",
    "capture.path": "File. When it holds half of `max_bytes`, it is renamed to `….1` and a new one begun.",
    "capture.max_bytes": "What both files together may hold.",
    "capture.max_age": "For how long a record is kept at most.",
    "capture.bodies": "Keep bodies too. Without, only times, statuses and who answered.",
    "capture.headers": (
        "Header fields, and metadata of calls by gRPC, that are kept with bodies beside those by which these are read. "
        "`authorization`, `cookie`, `x-api-key` and their like cannot be named; `redact` has `/header/NAME` for them."
    ),
    "capture.redact": (
        "What is done before anything is written, on all routes: `drop` or `hash` at each pointer below `/request`, "
        "`/answer`, `/query` or `/header`. One name below a body is a feature, wherever it stands; `*` is any member. "
        "A body that cannot be redacted for certain is not written. `analysis.redact` of a route holds here too."
    ),
    "capture.redact_key": "Key of hashes (keyed BLAKE2b). Equal values are equal in all captures by one key.",
}

DEFAULTS = {
    "capture.at_least": "100",
    "capture.bodies": "false",
    "capture.headers": "[]",
    "capture.redact": "{}",
    "capture.redact_key": '""',
}

ABSENT = {
    "capture": "nothing is kept",
    "capture.max_age": "until there is no room",
    "capture.headers": "none but those by which bodies are read",
    "capture.redact": "nothing is redacted but what routes say",
    "capture.redact_key": "another one for each start",
}
