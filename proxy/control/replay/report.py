"""The report of a replay, from its judge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

import proxy
from proxy.contracts.grpc_status import status_of
from proxy.contracts.replay import SCHEMA, AnsweredAs, ArmOutcomes, CaptureFacts, Counts, Ending, ReplayReport, Run
from proxy.contracts.settings import Lineage, Settings
from proxy.control.replay import findings
from proxy.control.replay.asking import NO_INFERENCE
from proxy.control.replay.judge import Decision, ReplayJudge, reasons
from proxy.control.replay.trial import UNTIMED, is_timed
from proxy.release.scorecard import MAX_LOSS


def report_of(
    judge: ReplayJudge, settings: Settings, capture: CaptureFacts, ending: Ending, run: Run, servers: tuple[str, str]
) -> ReplayReport:
    """What was found. `servers`: the addresses of the candidate, and of the primary that ran beside it or ""."""
    trial, decision = judge.trial, judge.end()
    timed = tuple(line for line in decision.lines if is_timed(line.metric))
    lines = tuple(line for line in decision.lines if not is_timed(line.metric))
    outcomes = findings.outcomes(judge)
    candidate = judge.arms.get("candidate")
    answered = sum(n for code, n in candidate.codes.items() if _is_answer(code)) if candidate else 0
    return ReplayReport(
        schema=SCHEMA,
        penumbra=proxy.__version__,
        route=trial.route,
        candidate=trial.candidate,
        lineage=settings.lineage.get(trial.candidate, Lineage()),
        against=servers[0],
        primary=trial.section.primary,
        beside=servers[1],
        capture=capture,
        settings=trial.section.digest,
        false_alarm=trial.guard.false_alarm,
        verdict=decision.outcome,
        sentence=_sentence(decision, ending, findings.instead(judge)),
        needed=decision.needed if decision.outcome == "undecided" else None,
        ending=ending,
        counts=Counts(
            judge.sent, answered, judge.sent - answered, dict(judge.skipped), judge.redacted, judge.rare_sent
        ),
        lines=(*lines, *trial.unjudged),
        notes=_notes(judge, outcomes),
        outcomes=outcomes,
        agreement=findings.agreement(judge),
        rare=findings.rare(judge),
        drift=findings.drift(judge),
        finding=findings.finding(judge),
        distributions=findings.distributions(judge),
        answered_as=tuple(AnsweredAs(identity, asked) for asked, identity in judge.answered_as),
        run=replace(run, latencies=findings.latencies(judge), lines=timed),
    )


def _is_answer(code: str) -> bool:
    """Whether a code is a status, of HTTP or of a call, and not the reason of a failure."""
    return code.isdecimal() or status_of(code) is not None


def _sentence(decision: Decision, ending: Ending, instead: str) -> str:
    """`instead`: what the candidate did in place of answering, where that is most of it."""
    began = "interrupted: " if ending == "interrupted" and decision.outcome == "undecided" else ""
    told = f"{instead}: " if instead and decision.outcome != "pass" else ""
    return f"{began}{told}{decision.sentence}"


HINTS = {
    "301": "redirects are not followed: --against is the address that they lead to",
    "302": "redirects are not followed: --against is the address that they lead to",
    "307": "redirects are not followed: --against is the address that they lead to",
    "308": "redirects are not followed: --against is the address that they lead to",
    "401": "the server wants a credential: `authorization` of the version, or a field of `rewrite.headers`",
    "403": "the server does not take the credential that it gets: `authorization` of the version",
    "404": "the server has no such path, or model: the path of --against, or `rewrite` of the version",
    "405": "the server takes no such method at this path: the path of --against, or `rewrite` of the version",
    "415": "the server takes no such content: another protocol than that of the capture",
    "429": "too many requests: a lower --concurrency, or a --pace, may do",
    "grpc:12": "the server has no such method: another service than that of the capture",
    "grpc:16": "the server wants a credential: `authorization` of the version, or a field of `rewrite.headers`",
}
"""What a code of most answers says of how the candidate was asked, and what to do, by code."""


def _hints(judge: ReplayJudge) -> list[str]:
    """What the codes of a candidate's answers say of how it was asked: of 429 any, of others half or more."""
    if (candidate := judge.arms.get("candidate")) is None:
        return []
    half = max(candidate.codes.total() / 2, 1)
    return [
        f"{n:,} answers are {code}: {HINTS[code]}"
        for code, n in sorted(candidate.codes.items())
        if code in HINTS and (n >= half or code == "429")
    ]


def _unread(outcomes: Iterable[ArmOutcomes]) -> Iterator[str]:
    """What the answers that the candidate is compared with say of how they are read, where half of them or more are
    none: then it is the route that does not fit the capture, and no further request decides."""
    for each in outcomes:
        none, judged = sum(each.invalid.values()), sum(each.outcomes.values())
        if each.arm != "candidate" and none and 2 * none >= judged:
            why = ", ".join(sorted(each.invalid))
            yield (
                f"{none:,} of {judged:,} {each.arm} answers are none, as the route reads them ({why}), and meet "
                "nothing: `protocol`, `analysis.features` and `analysis.prediction` have to fit the capture"
            )


def _notes(judge: ReplayJudge, outcomes: Iterable[ArmOutcomes]) -> tuple[str, ...]:
    """What was not judged, or not replayed, and why."""
    trial = judge.trial
    notes = list(trial.notes)
    if trial.unjudged:
        named = ", ".join(dict.fromkeys(line.metric for line in trial.unjudged))
        notes.append(f"latency is not judged ({named}): {UNTIMED}")
    lost = [(reason, n) for reason, n in judge.skipped.items() if reason != NO_INFERENCE]
    if lost:
        part = judge.lost / (judge.sent + judge.lost)
        more = f", more than {MAX_LOSS:.0%}" if part > MAX_LOSS else ""
        notes.append(f"{part:.1%} of the exchanges were not replayed{more}: {reasons(lost)}")
    if judge.unread:
        notes.append(f"{judge.unread:,} of the requests are calls whose messages are not read: they count by status")
    others = sorted(version for version in judge.answered if version != trial.section.primary)
    if others and "primary" not in judge.arms:
        notes.append(
            f"the recorded answers are those of {', '.join(others)}; CONFIG's primary is {trial.section.primary}"
        )
    notes += [*_unread(outcomes), *_hints(judge)]
    if judge.profile_fault:
        notes.append(judge.profile_fault)
    return tuple(notes)
