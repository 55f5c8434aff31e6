"""Answers of the admin API in the states that a status page is looked at in: constructed, in the API's own shapes."""

from __future__ import annotations

from math import sin
from typing import Any

from msgspec.structs import replace

from proxy.contracts.release import Verdict
from proxy.release.words import value_words

NOW = 1_795_941_600.0
"""Unix seconds at which all of it is told."""
STEP, STEPS = 10, 360
START = int(NOW) - STEP * STEPS

Document = dict[str, Any]
Values = list[Any]

NONE_BAD = {"failed": 0, "refused": 0, "abandoned": 0, "limited": 0, "not_an_inference": 0}


def route(name: str = "fraud", phase: str = "steady", **more: Any) -> Document:
    """A route: two versions, nine to one, unless `more` says otherwise."""
    primary = more.get("primary", "fraud-v1")
    return {
        "route": name,
        "scope": "sidecar",
        "phase": phase,
        "primary": primary,
        "split": {primary: 100.0},
        "baseline": None,
        "shadows": {},
        "candidates": [],
        "release": None,
        "verdict": "undecided",
        "sentence": "no candidate is under judgement",
        "on_breach": "rollback",
        "previous": None,
        "rolled_back": [],
        "on_rollback": "finish",
        "left_streams": {},
        "paused_from": None,
        "reason": "configured",
        "since": NOW - 3000,
        "guarded_until": None,
        "match": {"path": "/v2/models/fraud/"},
        "protocol": "oip",
        "speaks": "oip",
        "on_identity_change": "restart",
        "identities": [],
        "truncated": False,
        "warnings": [],
        "notices": [],
        "in_force": {"table": 2, "workers": [2, 2], "sidecars": None, "everywhere": True, "seconds": 0.1},
        **more,
    }


def routes(*each: Document) -> Document:
    """All routes, with two workers that are up."""
    workers = [
        {"worker": n, "pid": 100 + n, "up": True, "connected": True, "revision": 2, "leased": True} for n in range(2)
    ]
    return {
        "scope": "sidecar",
        "revision": 2,
        "routes": list(each),
        "versions": ["fraud-v1", "fraud-v2", "fraud-v3"],
        "configuration": {"in_force": True, "problems": [], "checked": NOW - 3600},
        "workers": workers,
        "unsaved": 0,
        "fleet": None,
    }


def arm(version: str, role: str, legs: int, bad: int = 0, seconds: float = 0.004) -> Document:
    """An arm of the traffic document."""
    outcomes = {"good": legs - bad, **NONE_BAD, "failed": bad}
    times = {"n": legs} | {name: by * seconds if legs else None for name, by in (("p50", 1), ("p90", 2), ("p99", 4))}
    return {
        "version": version,
        "role": role,
        "legs": legs,
        "n": legs,
        "bad": bad,
        "bad_ratio": bad / legs if legs else None,
        "outcomes": outcomes,
        "recent": {name: count // 60 for name, count in outcomes.items()},
        "codes": {code: count for code, count in (("200", legs - bad), ("500", bad)) if count},
        "inflight": 0,
        "total": times,
        "first_byte": times,
        "analysed": legs,
        "invalid": {},
    }


def traffic(name: str, *arms: Document, shadows: list[Document] | None = None) -> Document:
    return {
        "scope": "sidecar",
        "route": name,
        "window": 60.0,
        "fleet": None,
        "arms": list(arms),
        "shadows": shadows or [],
        "rescued": [],
        "endpoints": [],
        "rejected": {},
        "overhead": {"n": sum(each["legs"] for each in arms), "p50": 0.0002, "p99": 0.0009},
    }


def line(metric: str, verdict: str, value: Any, limit: float, n: int, evidence: float, **more: Any) -> Document:
    """A line of a scorecard."""
    made = {
        "metric": metric,
        "title": metric.replace("_", " "),
        "unit": "fraction",
        "version": "fraud-v2",
        "bound": "max_ratio",
        "verdict": verdict,
        "value": value,
        "limit": limit,
        "reference": 0.002,
        "n": n,
        "lost": 0,
        "shadow": None,
        "n_shadow": 0,
        "needed": None,
        "evidence": evidence,
        "sentence": f"{metric} ratio {value} against the limit {limit:g} (n={n:,}, lost=0)",
        "proved": False,
        "assumed": False,
        **more,
    }
    number = None if value is None else float(value)
    of = Verdict(metric, verdict, number, limit, n, 0, "", None, made["version"], made["bound"], made["reference"])  # type: ignore[arg-type]
    of = replace(of, n_reference=n, assumed=made["assumed"], moot=made.pop("moot", False))
    return {"says": value_words(of), "counts": of.counts, **made}


def scorecard(name: str, phase: str, lines: list[Document], at_rollback: list[Document] | None = None) -> Document:
    return {
        "route": name,
        "scope": "sidecar",
        "phase": phase,
        "candidates": ["fraud-v2"] if lines else [],
        "verdict": "undecided",
        "sentence": "",
        "needed": None,
        "false_alarm": 0.001,
        "false_alarm_at_rollback": 0.001,
        "on_breach": "rollback",
        "metrics": lines,
        "baseline": [],
        "at_rollback": at_rollback or [],
    }


def feature(name: str, psi: float, evidence: Any, drifted: bool = False, **more: Any) -> Document:
    """A feature with five bins of its distribution."""
    moved = [0.1, 0.2, 0.4, 0.2, 0.1] if not drifted else [0.02, 0.08, 0.2, 0.3, 0.4]
    shape = {
        "kind": "number",
        "edges": [0.5, 10.0, 250.0],
        "categories": [],
        "reference": [0.1, 0.2, 0.4, 0.2, 0.1],
        "live": moved,
    }
    return {
        "feature": name,
        "side": "input",
        "version": "fraud-v1",
        "role": "primary",
        "psi": psi,
        "evidence": evidence,
        "drifted": drifted,
        "n": 41_234,
        "detected": None,
        "distribution": shape,
        **more,
    }


def drift(name: str, *features: Document, findings: list[Document] | None = None) -> Document:
    return {
        "scope": "sidecar",
        "route": name,
        "features": list(features),
        "measured": len(features),
        "truncated": False,
        "findings": findings or [],
        "proposed": [],
    }


def disagreements(name: str, *versions: Document) -> Document:
    return {"scope": "sidecar", "route": name, "versions": list(versions)}


def differing(version: str, pairs: int, differ: int) -> Document:
    """How often a version answered otherwise, with one example."""
    detail = {"request": {"amount": 12}, "primary": {"score": 0.1}, "candidate": {"score": 0.9}}
    example = {
        "request_id": "c8e7526b8e5dbfff4fc7d11ddad7a7e4",
        "started": NOW - 30,
        "version": version,
        "kind": "number",
        "shift": 0.8,
        "detail": detail,
        "truncated": False,
        "row": 0,
        "comparer": "",
    }
    return {
        "version": version,
        "pairs": pairs,
        "disagreements": differ,
        "ratio": differ / pairs,
        "sampled": 0,
        "kinds": {"number": differ},
        "examples": [example],
        "kept": 1,
        "truncated": False,
    }


def entry(seq: int, action: str, who: str, why: str, ago: float, name: str = "fraud") -> Document:
    """An entry of the audit."""
    empty: Document = {"before": None, "after": None, "evidence": [], "lineage": {}, "examples": [], "beside": {}}
    head = {"seq": seq, "at": NOW - ago, "who": who, "action": action, "route": name, "why": why}
    return {**head, **empty, "identity": None, "hash": "00", "previous": "00"}


def audit(*entries: Document) -> Document:
    return {
        "scope": "sidecar",
        "head": {"count": len(entries), "hash": "00"},
        "truncated": False,
        "entries": list(entries),
    }


def explanation(name: str, text: str = "Nothing happened.", **more: Any) -> Document:
    """What is told of a route: in one line, and in parts where there are any."""
    parts = dict.fromkeys(("what", "when", "to_whom", "why", "is_it_over", "done"), "")
    facts = {"scope": "sidecar", "facts_scope": "sidecar", "at": NOW, "phase": "steady", "release": None, "over": True,
             "entry": None, "touched": None, "findings": [], "verdicts": [], "warnings": []}  # fmt: skip
    told = {"summary": text, "what": text, "now": ["Nothing has to be done."], "text": text}
    return {"route": name, **facts, **parts, **told, **more}


ROLLBACK = explanation(
    "fraud",
    "Rolled back at 08:30:00: fraud-v2 failed 24 of 139 requests; all users are on fraud-v1 again.",
    phase="rolled_back",
    release="fraud@2",
    what="fraud-v2 was rolled back: error rate over its limit.",
    when="From 08:29:00 to 08:30:00.",
    to_whom="24 of 139 requests of fraud-v2 went wrong; 8 were rescued by fraud-v1.",
    why="Its error rate is infinite times that of fraud-v1, which has no failure (n=139); 1.5 times is allowed.",
    is_it_over="Yes: fraud-v2 gets no traffic.",
    done="All live traffic went to fraud-v1, by the scorecard.",
    now=["Look at the failed requests of fraud-v2 in its story.", "Release it again once its failures are understood."],
    warnings=[{"kind": "rolled-back", "text": "", "since": NOW - 600, "runbook": "/runbook#rolled-back", "todo": ""}],
)
"""As it is told after a rollback."""


def releases(name: str) -> Document:
    """No release yet."""
    return {"route": name, "scope": "sidecar", "releases": [], "truncated": False}


def series(name: str, values: Values, unit: str, version: str | None = None, **more: Any) -> Document:
    return {"name": name, "version": version, "role": None, "unit": unit, "values": values, **more}


def waves(mean: float, swing: float = 0.2, phase: float = 0.0, begin: int = 0, end: int = STEPS) -> Values:
    """Counts that go up and down, and are zero outside of `begin` to `end`."""
    made = [round(mean * (1 + swing * sin(at / 17 + phase) + swing / 3 * sin(at * 2.1))) for at in range(STEPS)]
    return [count if begin <= at < end else 0 for at, count in enumerate(made)]


def arms(version: str, role: str, requests: Values, failed: Values, seconds: float) -> list[Document]:
    """The series of an arm: requests, failures and latencies."""
    of = {"version": version, "role": role}
    good = [n - bad for n, bad in zip(requests, failed, strict=True)]

    def part(counts: Values) -> Values:
        return [count / n if n else None for count, n in zip(counts, requests, strict=True)]

    def wave(factor: float) -> Values:
        return [factor * seconds * (1 + 0.15 * sin(at / 23)) if n else None for at, n in enumerate(requests)]

    return [
        series("requests", requests, "requests", **of),
        series("inferences", requests, "requests", **of),
        series("outcome.good", part(good), "ratio", of="inferences", counts=good, **of),
        series("outcome.failed", part(failed), "ratio", of="inferences", counts=failed, **of),
        *(series(f"latency.{q}", wave(by), "seconds", **of) for q, by in (("p50", 1), ("p90", 2), ("p99", 4))),
    ]


def evidence(metric: str, bound: str, limit: Any, progress: Values, value: Values, **more: Any) -> list[Document]:
    """A line of the scorecard as series."""
    said = {"line": f"{metric}.{bound}", "metric": metric, "bound": bound, "limit": limit, **more}
    n = [None if each is None else 10 * at for at, each in enumerate(progress)]
    unit = "ratio" if bound.endswith("_ratio") else "seconds" if "latency" in metric else "fraction"
    return [
        series("evidence", progress, "threshold", "fraud-v2", **said),
        series("value", value, unit, "fraud-v2", n=n, **said),
    ]


def mark(ago: float, action: str, who: str, reason: str, kind: str = "") -> Document:
    return {"at": NOW - ago, "kind": kind or action, "who": who, "action": action, "reason": reason, "before": None,
            "after": None, "audit": 1}  # fmt: skip


def history(name: str, all_series: list[Document], changes: list[Document], unseen: range = range(0)) -> Document:
    """The last hour of a route; nobody looked in the steps `unseen`."""
    seen = [None if at in unseen else 1.0 for at in range(STEPS)]
    for each in all_series:
        for values in (each[key] for key in ("values", "counts", "due", "pairs", "n") if key in each):
            values[:] = [None if at in unseen else value for at, value in enumerate(values)]
    times = {"start": START, "step": STEP, "n": STEPS}
    head = {"scope": "sidecar", "from": START, "to": START + STEP * STEPS, "step": STEP, "until": NOW, "times": times}
    return head | {"route": name, "series": [series("observed", seen, "ratio"), *all_series], "changes": changes}
