"""The report of a replay: what a candidate answered to captured requests, and how it was judged.

Everything that depends on the clock or the machine is in `ReplayReport.run`: the rest is the same for the same capture,
configuration and servers, byte for byte (`encode(settled(report))`). There a document has its own digest, too, the
SHA-256 of its canonical form without one: it finds accidents, and edits by who does not know it.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from proxy.contracts.release import Outcome, Verdict
from proxy.contracts.settings import Lineage

SCHEMA = 1
"""Version of the document's form. More fields may come with the same number, none goes and none changes its meaning."""

MAX_WORST = 5
"""Disagreements that a report shows, the worst."""

MAX_DISTRIBUTIONS = 12
"""Features and predictions whose distributions a report has: what an eye can compare."""

Arm = Literal["recorded", "primary", "candidate"]
"""Whose figures they are: the answers in the capture, those of a primary that ran beside the candidate, or the
candidate's."""

Ending = Literal["complete", "decided", "requests", "interrupted"]
"""Why a replay ended: nothing was left, the evidence had decided, `--requests` was reached, or somebody ended it."""


class CaptureFacts(Struct, frozen=True):
    """The captured files, as they were read."""

    sha256: str
    """Of what was read of the file; of several, of their hashes in hexadecimal, a line each."""
    files: tuple[str, ...]
    """Names of the files, without their folders."""
    sealed: bool
    """Whether the files carry a seal, and it holds."""
    exchanges: int
    """Exchanges of the route that were read."""
    first: float
    """Unix time at which the first of them began; 0: there is none."""
    last: float
    versions: dict[str, int] = {}
    """The versions that gave the recorded answers, with how many each gave."""
    labels: int = 0
    """Labels that belong to exchanges of the route."""
    weighted: bool = False
    """Whether exchanges were captured with different probabilities, so that they count by their weights."""


class Counts(Struct, frozen=True):
    """What became of the captured exchanges: `sent + skipped` are those that were come to."""

    sent: int
    """Requests whose answers (or failures) are part of the judgement."""
    answered: int
    """Those that the candidate answered, whatever the status."""
    lost: int
    """Those that failed without an answer."""
    skipped: dict[str, int] = {}
    """Exchanges that could not be replayed, by reason: a sentence's part, such as `the body was not captured`."""
    redacted: int = 0
    """Requests that were sent although something in them was redacted (hashed or dropped) when they were captured."""
    rare: int = 0
    """Further requests, which are in the capture only because their kind is rare: they are no part of the uniform
    sample, so they are shown and no evidence."""


class ArmOutcomes(Struct, frozen=True):
    """The legs of one arm by outcome."""

    arm: Arm
    version: str
    outcomes: dict[str, int]
    """Outcome (`contracts.outcome`) to legs."""
    codes: dict[str, int]
    """Status or reason of a failure to legs."""
    invalid: dict[str, int] = {}
    """Answers of a successful status that are none, by reason."""


class DifferentAnswers(Struct, frozen=True):
    """One request to which candidate and primary gave different answers, redacted by `analysis.redact`."""

    request_id: str
    kind: str
    """The rule that decided, such as `argmax`."""
    shift: float | None
    """How far the answers are apart, in the unit of the rule; None: it has none."""
    detail: dict[str, Any]
    """`request`, `primary` and `candidate`: names to values of one row, or a text."""
    truncated: bool = False
    """Whether there was more than is shown."""
    row: int = 0
    comparer: str = ""
    """The comparer, and what it found."""


class Agreement(Struct, frozen=True):
    """The candidate's answers beside the primary's, to the same requests."""

    pairs: int = 0
    disagreements: int = 0
    lost: int = 0
    """Pairs that were due and could not be compared."""
    kinds: dict[str, int] = {}
    """Disagreements by the rule that decided."""
    noise_pairs: int = 0
    """Requests that the primary was asked twice."""
    noise_disagreements: int = 0
    """Those to which it gave different answers: what the primary differs from itself (the noise floor)."""
    worst: tuple[DifferentAnswers, ...] = ()
    """At most `MAX_WORST`, the worst first."""

    @property
    def ratio(self) -> float | None:
        """The part of the pairs that disagree; None without pairs."""
        return self.disagreements / self.pairs if self.pairs else None


class FeatureDrift(Struct, frozen=True):
    """The distance of one feature of a stream from the reference profile."""

    feature: str
    side: Literal["input", "prediction"]
    arm: Arm
    version: str
    psi: float
    """Population stability index, corrected for its bias."""
    drifted: bool
    """Whether the distance is significant and larger than the limit."""
    n: int
    """Rows."""


class Distribution(Struct, frozen=True):
    """One feature of requests, or of answers, as a histogram of each arm."""

    feature: str
    side: Literal["input", "prediction"]
    kind: Literal["number", "category"]
    edges: tuple[float, ...]
    """Of a number the bounds between the bins: there is one bin more, the first and the last are open."""
    categories: tuple[str, ...]
    """Of a category the value of each bin."""
    shares: dict[str, tuple[float, ...]]
    """Arm, or `reference` for the profile, to the share of each bin; they sum to 1, or there are none."""


class AnsweredAs(Struct, frozen=True):
    """What answers of the candidate said of who gave them (`contracts.identity`)."""

    identity: str
    asked: str = ""
    """The model that their requests asked for; "": unknown, or none."""


class Latencies(Struct, frozen=True):
    """The times to the last byte of one arm, in seconds."""

    arm: Arm
    n: int
    quantiles: dict[str, float]
    """`p50`, `p90`, `p95`, `p99` and `max`, each within 1 %."""
    mean: float


class Run(Struct, frozen=True):
    """What depends on the clock and the machine."""

    began: float
    """Unix time."""
    ended: float
    seconds: float
    """Monotonic."""
    cpu: float
    """Seconds of CPU of the process that replayed."""
    analysis_cpu: float
    """The part of them that reading and judging bodies took."""
    sent: int
    """Requests that were sent, those among them whose answers came after the decision."""
    latencies: tuple[Latencies, ...] = ()
    lines: tuple[Verdict, ...] = ()
    """Lines of the scorecard on times: only where the primary ran beside the candidate."""
    notes: tuple[str, ...] = ()
    """What did not go as it was asked for: each a sentence."""


class ReplayReport(Struct, frozen=True):
    """What `penumbra replay` found."""

    schema: int
    """`SCHEMA` of the program that wrote it."""
    penumbra: str
    """Version of the program."""
    route: str
    candidate: str
    """Name of the version under judgement."""
    lineage: Lineage
    """Its origin, as configured."""
    against: str
    """Address of the candidate, without what is secret in it."""
    primary: str
    """Name of the primary's version."""
    beside: str
    """Address of the primary that ran beside it, likewise; "": it is the recorded answers that it is compared with."""
    capture: CaptureFacts
    settings: str
    """SHA-256 of the route's section of the configuration and of its versions."""
    false_alarm: float
    """Probability of ever failing a healthy candidate by any line."""
    verdict: Outcome
    sentence: str
    """The verdict in words, with the figures."""
    needed: int | None
    """Of an undecided one: further requests for a decision at the present rate; None: unknown."""
    ending: Ending
    counts: Counts
    lines: tuple[Verdict, ...]
    """Lines of the scorecard, as of the decision; those on times are in `run`."""
    notes: tuple[str, ...] = ()
    """What was not judged, and why; each a sentence."""
    outcomes: tuple[ArmOutcomes, ...] = ()
    agreement: Agreement = Agreement()
    rare: Agreement = Agreement()
    """The same of what is in the capture only because its kind is rare (`Counts.rare`)."""
    drift: tuple[FeatureDrift, ...] = ()
    finding: str = ""
    """Whether the world or the model changed, as a sentence."""
    distributions: tuple[Distribution, ...] = ()
    """At most `MAX_DISTRIBUTIONS`, those furthest off first, predictions before inputs."""
    image: str = ""
    """NAME@sha256:DIGEST of the image that the job says it served the candidate from; "": it did not say."""
    answered_as: tuple[AnsweredAs, ...] = ()
    """Each once, in the order in which they came to be known; (): no answer says anything, or nobody looks."""
    run: Run | None = None
    """What depends on the clock and the machine; None: left out (`settled`)."""

    @property
    def mixed(self) -> tuple[str, ...]:
        """The models that gave answers to requests for one and the same; () where it was one."""
        for asked in dict.fromkeys(each.asked for each in self.answered_as):
            names = tuple(each.identity for each in self.answered_as if each.asked == asked)
            if len(names) > 1:
                return names
        return ()

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """All lines of the scorecard."""
        return (*self.lines, *(self.run.lines if self.run else ()))


class UnreadableReportError(Exception):
    """A document that is no report of a replay; the message says why."""


_decoder = msgspec.json.Decoder(ReplayReport)


def settled(report: ReplayReport) -> ReplayReport:
    """The report without what depends on the clock and the machine."""
    return replace(report, run=None)


def encode(report: ReplayReport) -> bytes:
    """The report as a JSON document, its keys in order. Infinite figures and those that are no numbers are `null`."""
    tree = json.loads(msgspec.json.encode(report, order="deterministic"))
    if report.run is not None:
        tree["run"]["digest"] = digest_of(tree)
    return msgspec.json.format(msgspec.json.encode(tree), indent=2) + b"\n"


def digest_of(tree: dict[str, Any]) -> str:
    """The digest of a document, whatever digest it says."""
    bare = tree | {"run": {key: value for key, value in tree["run"].items() if key != "digest"}}
    return sha256(json.dumps(bare, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def decode(document: bytes) -> ReplayReport:
    """A report from its document. Raises UnreadableReportError."""
    try:
        report = _decoder.decode(document)
        tree = json.loads(document, object_pairs_hook=_unambiguous)
    except (ValueError, RecursionError) as error:  # msgspec's, too
        raise UnreadableReportError(f"no report of a replay: {error}") from error
    if report.schema > SCHEMA:
        raise UnreadableReportError(f"a report of schema {report.schema}; this program reads {SCHEMA}")
    if report.run is not None and tree["run"].get("digest") != digest_of(tree):
        raise UnreadableReportError("it was altered: its digest is not that of its text")
    return report


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members
