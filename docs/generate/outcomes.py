"""The table of outcomes: how a leg may end, and what that is charged to."""

from __future__ import annotations

from docs.generate.markdown import code, joined, table
from proxy.contracts.failure import FAILURES, Failure
from proxy.contracts.outcome import CONTENT, OUTCOMES, OutcomeRow, outcome_of
from proxy.contracts.stream_end import LAST_TYPES
from proxy.contracts.table import Protocol
from proxy.routing.inference import ENDS, GRPC_OWN, PROBES, REPOSITORY, SILENT_METHODS, SPACES

OPENING = """\
# Outcomes

<!-- made by `make docs`: edit proxy/contracts/outcome.py, failure.py, stream_end.py or proxy/routing/inference.py,
not this page -->

Each leg (one attempt of a request at a version) ends as exactly one of six, and what is charged to whom follows from
that alone, relative to the primary. `penumbra_outcomes_total` counts them as far as heads and connections tell,
exactly, and sums to `penumbra_requests_total`. What a body says of an answer of a successful status is counted beside
it, by `penumbra_invalid_total`, since bodies may be sampled.
"""

BODIES = """\
An answer of a successful status is looked at as far as bodies are analysed. One that shows any of these has failed;
`penumbra_invalid_total` counts them by reason, and `invalid_rate` is their part of the analysed answers.
"""

CODES = """\
The label `code` of `penumbra_requests_total` is the status of the answer, or where there was none the reason. A copy
has no client of its own: when the client of its request leaves, the copy is *limited*.
"""

INFERENCES = """\
An inference asks a model for something. Only inferences are evidence: they alone fill `n`, a stage's `requests` and the
warm-up, and shadows get copies of nothing else (`mirror: all` on a route gives them everything). All other requests
pass through, take part in the split, and are counted as `not_an_inference`.
"""

ENDINGS = """\
A stream that has shown its end is complete, however its connection ends: many clients close at the last event, and some
servers do not end their framing. The leg then counts as answered, its time being that of its last piece. So does one
whose client closes at an event that is an error, as clients do: the body says that it has failed.
"""


def page() -> str:
    """The whole page."""
    rows = table(
        ("outcome", "what it is", "counts in n", "charged to", "lines of a scorecard"), map(_row, OUTCOMES.values())
    )
    content = table(("reason", "what it is"), ((code(reason), text) for reason, text in CONTENT.items()))
    failures = table(
        ("code", "what it is", "outcome", "of a copy", "the client gets"), map(_failure, FAILURES.values())
    )
    return joined(
        OPENING,
        rows,
        joined("## By status and by reason", CODES, table(("code", "outcome"), STATUSES), failures),
        joined("## By body", BODIES, content),
        joined("## What is an inference", INFERENCES, *_inferences()),
        joined("## Streams that have shown their end", ENDINGS, _endings()),
    )


STATUSES = [
    (statuses, code(outcome_of(status)))
    for statuses, status in (
        *(("2xx, 1xx", "200"), ("3xx", "307"), ("4xx", "400"), ("429, overload: a code of its own", "429")),
        ("5xx", "500"),
    )
]


def _row(row: OutcomeRow) -> tuple[str, ...]:
    lines = ", ".join(map(code, row.metrics)) or "none"
    return (
        code(row.name),
        row.text,
        "yes" if row.counted else "no",
        f"the {row.charge}".replace("the nobody", "nobody"),
        lines,
    )


def _failure(failure: Failure) -> tuple[str, ...]:
    live, copy = (code(outcome_of(failure.reason, copied)) for copied in (False, True))
    return code(failure.reason), failure.title, live, copy, str(failure.status)


def _spaces(protocol: Protocol) -> str:
    return ", ".join([f"{_text(space)} …" for space in SPACES.get(protocol, ())]) or "none"


def _inferences() -> list[str]:
    none = ", ".join(map(_text, sorted(SILENT_METHODS)))
    protocols = table(
        ("protocol", "ends of paths of inferences", "other paths that are none"),
        ((code(protocol), ", ".join(map(_text, ends)), _spaces(protocol))
         for protocol, ends in ENDS.items() if protocol != "auto"),
    )  # fmt: skip
    rules = (
        f"1. No request of the methods {none} is one, and no tunnel.\n"
        "2. A protocol names its inferences by the end of their paths; other paths of its own are none. `auto` has "
        "those of all.\n"
        "3. Paths that no protocol owns, and all of `json` and `opaque`, are inferences, less those that end with one "
        f"of {', '.join(map(_text, sorted(PROBES)))}, those within {_text(REPOSITORY)}, and those that begin, in lower "
        f"case, with {', '.join(map(_text, sorted(GRPC_OWN)))}.\n"
        "4. `inference` of a route replaces 2 and 3, and its `methods` replace those of 1."
    )
    return [rules, protocols]


def _endings() -> str:
    types = ", ".join(map(code, sorted(LAST_TYPES)))
    return (
        "- Server-sent events: the last event is `[DONE]`; or of the type "
        f"{types}; or the last chunk of every choice has its `finish_reason`; or it has the `generated_text`.\n"
        '- JSON Lines: the last line says `"done": true`.'
    )


def _text(name: bytes) -> str:
    return code(name.decode())
