"""The states that the status page is looked at in, each as the answers of the API that make it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from tests.support import page_states as s
from tests.support.page_server import PageServer
from tests.support.page_states import NOW, START, STEP, STEPS, Document

Answers = dict[str, Any]
Scene = tuple[Answers, Answers]
"""Documents of the stream, and answers beside it."""

GONE = STEPS - 60
"""The step at which something happened: ten minutes ago."""


def of_route(
    route: Document,
    traffic: Document,
    series: list[Document],
    changes: list[Document] | None = None,
    *,
    scorecard: Document | None = None,
    drift: Document | None = None,
    disagreements: Document | None = None,
    unseen: range = range(0),
) -> Scene:
    """All answers about one route."""
    name = route["route"]
    path, changes = f"/v1/routes/{name}", changes or []
    documents = {
        "/v1/routes": s.routes(route),
        path: route,
        f"{path}/traffic": traffic,
        f"{path}/scorecard": scorecard or s.scorecard(name, route["phase"], []),
        f"{path}/drift": drift or s.drift(name),
        f"{path}/disagreements": disagreements or s.disagreements(name),
        "/v1/audit": s.audit(
            *(
                s.entry(n, mark["action"], mark["who"], mark["reason"], NOW - mark["at"])
                for n, mark in enumerate(changes)
            )
        ),
    }
    answers = {
        f"{path}/history": s.history(name, series, changes, unseen),
        f"{path}/explain": s.explanation(name),
        f"{path}/releases": s.releases(name),
        "/v1/history": overview({name: s.waves(40)}),
    }
    return documents, answers


def overview(requests: dict[str, list[Any]], failing: str = "") -> Document:
    """The short history of all routes: minutes of an hour."""
    minutes = {name: [sum(values[at : at + 6]) for at in range(0, STEPS, 6)] for name, values in requests.items()}
    told = []
    for name, counts in minutes.items():
        bad = [count // 20 if name == failing and at > 50 else 0 for at, count in enumerate(counts)]
        of = {"version": "fraud-v1", "role": "primary"}
        part = [few / count if count else None for few, count in zip(bad, counts, strict=True)]
        told.append(
            {
                "route": name,
                "series": [
                    s.series("observed", [1.0] * len(counts), "ratio"),
                    s.series("requests", counts, "requests", **of),
                    s.series("inferences", counts, "requests", **of),
                    s.series("outcome.failed", part, "ratio", of="inferences", counts=bad, **of),
                    s.series("latency.p99", [0.012 if count else None for count in counts], "seconds", **of),
                ],
            }
        )
    times = {"start": START, "step": 60, "n": STEPS // 6}
    head = {"scope": "sidecar", "from": START, "to": START + STEP * STEPS, "step": 60, "until": NOW, "times": times}
    return head | {"routes": told, "changes": []}


START_MARK = s.mark(3300, "start", "configuration", "configured", "configuration")


def steady() -> Scene:
    """One version, and nobody looked for three minutes."""
    every = s.waves(400)
    series = [
        *s.arms("fraud-v1", "primary", every, [0] * STEPS, 0.004),
        s.series("share", [100] * STEPS, "percent", "fraud-v1"),
    ]
    traffic = s.traffic("fraud", s.arm("fraud-v1", "primary", sum(every)))
    return of_route(s.route(), traffic, series, [START_MARK], unseen=range(150, 168))


def shadowing() -> Scene:
    """Copies for a candidate, some of them lost."""
    every, due = s.waves(400), s.waves(400)
    sent = [count - count // 30 for count in due]
    coverage = [some / of for some, of in zip(sent, due, strict=True)]
    differ = [count // 50 for count in sent]
    of = {"version": "fraud-v2", "role": "shadow"}
    series = [
        *s.arms("fraud-v1", "primary", every, [0] * STEPS, 0.004),
        *s.arms("fraud-v2", "shadow", sent, [0] * STEPS, 0.006),
        s.series("share", [100] * STEPS, "percent", "fraud-v1"),
        s.series("coverage", coverage, "ratio", of="due", counts=sent, due=due, **of),
        s.series("disagreement", [0.02] * STEPS, "ratio", of="pairs", counts=differ, pairs=sent, **of),
    ]
    release = releasing(shadow=100, requests=500)
    route = s.route(phase="shadowing", shadows={"fraud-v2": 100.0}, candidates=["fraud-v2"], release=release)
    shadows = [{"version": "fraud-v2", "owed": sum(due), "coverage": 0.967, "dropped": {"slow": sum(due) - sum(sent)}}]
    traffic = s.traffic(
        "fraud",
        s.arm("fraud-v1", "primary", sum(every)),
        s.arm("fraud-v2", "shadow", sum(sent), 0, 0.006),
        shadows=shadows,
    )
    lines = [s.line("disagreement", "undecided", 0.02, 0.05, 310, 0.4, bound="max", needed=400), EMPTY_LINE]
    lines.append(s.line("abandonment_rate", "undecided", None, 0.05, 0, 0.0, needed=100, assumed=True))
    lines.append(s.line("invalid_rate", "undecided", None, 0.02, 0, 0.0, moot=True))
    return of_route(route, traffic, series, [START_MARK, s.mark(3000, "release", "ops", "v2 is ready")],
                    scorecard=s.scorecard("fraud", "shadowing", lines),
                    disagreements=s.disagreements("fraud", s.differing("fraud-v2", 9000, 180)))  # fmt: skip


EMPTY_LINE = s.line("latency_p99", "undecided", None, 1.25, 0, 0.0, sentence="latency_p99: no data yet")


def releasing(stage: int = 1, **asked: Any) -> Document:
    """An active release of three stages."""
    stages = [
        {"shadow": 100.0, "canary": 0.0, "requests": 500, "duration": 0.0},
        {"shadow": 0.0, "canary": 5.0, "requests": 500, "duration": 0.0},
        {"shadow": 0.0, "canary": 50.0, "requests": 2000, "duration": 60.0},
    ]
    return {
        "active": True,
        "strategy": "canary",
        "candidate": "fraud-v2",
        "arms": {},
        "left": [],
        "name": "fraud",
        "routes": ["fraud"],
        "stage": stage,
        "stages": stages,
        "requests": 310,
        "require": "no_breach",
        "stage_since": NOW - 200,
        "rollback_window": 0.0,
        "false_alarm": 0.001,
        "on_breach": "rollback",
        **{key: value for key, value in asked.items() if key not in ("shadow", "requests")},
    }


def _two(bad_from: int = STEPS, until: int = STEPS) -> tuple[list[Document], Document]:
    """The series and the traffic of a primary and a canary that fails from a step on, and ends at another."""
    most, few = s.waves(380), s.waves(40, begin=60, end=until)
    failed = [round(0.6 * count) if at >= bad_from else 0 for at, count in enumerate(few)]
    split = [10 if 60 <= at < until else 0 for at in range(STEPS)]
    series = [
        *s.arms("fraud-v1", "primary", most, [1 if at % 40 == 0 else 0 for at in range(STEPS)], 0.004),
        *s.arms("fraud-v2", "canary", few, failed, 0.005),
        s.series("share", [100 - percent for percent in split], "percent", "fraud-v1"),
        s.series("share", split, "percent", "fraud-v2"),
    ]
    traffic = s.traffic(
        "fraud", s.arm("fraud-v1", "primary", sum(most), 9), s.arm("fraud-v2", "canary", sum(few), sum(failed), 0.005)
    )
    return series, traffic


def _evidence(begin: int, breach: int | None) -> list[Document]:
    """Two lines: one that goes to a breach, if any, and one that goes away from it."""
    end = breach or STEPS
    up = [1.2 * ((at - begin + 1) / (end - begin)) ** 6 if begin <= at < end else None for at in range(STEPS)]
    rising = up if breach else [None if value is None else 0.15 * value for value in up]
    down = [None if value is None else -0.6 * (at - begin) / (end - begin) for at, value in enumerate(up)]
    ratio = [None if value is None else "inf" if breach and value > 0.9 else 1.1 for value in up]
    times = [None if value is None else 0.021 for value in up]
    return [*s.evidence("error_rate", "max_ratio", 1.5, rising, ratio),
            *s.evidence("latency_p99", "max", 0.25, down, times)]  # fmt: skip


def ramping() -> Scene:
    """A release in its second stage."""
    series, traffic = _two()
    route = s.route(
        phase="ramping", split={"fraud-v1": 90.0, "fraud-v2": 10.0}, candidates=["fraud-v2"], release=releasing(2)
    )
    lines = [s.line("error_rate", "undecided", 1.1, 1.5, 4100, 1.2, needed=400, unit="fraction"),
             s.line("latency_p99", "pass", 0.021, 0.25, 4100, -4.1, bound="max", unit="seconds")]  # fmt: skip
    marks = [
        START_MARK,
        s.mark(3000, "release", "ops", "v2 is ready"),
        s.mark(900, "advance", "release", "stage 2 of 3"),
    ]
    return of_route(
        route, traffic, series + _evidence(60, None), marks, scorecard=s.scorecard("fraud", "ramping", lines)
    )


ROLLED = "error_rate ratio infinite > limit 1.5 (n=24 of 139, lost=0): evidence 3,920 to 1, 1,000 needed"


def rolled_back() -> Scene:
    """A canary that failed, ten minutes ago."""
    series, traffic = _two(GONE - 6, GONE)
    series.append(
        s.series("rescued", [8 if GONE - 6 <= at < GONE else 0 for at in range(STEPS)], "requests", "fraud-v2")
    )
    warning = "version fraud-v2 answered 24 of 139 inferences with a failure"
    route = s.route(phase="rolled_back", reason=ROLLED, rolled_back=["fraud-v2"], since=NOW - 600, warnings=[warning])
    lines = [s.line("error_rate", "fail", "inf", 1.5, 139, 8.27, reference=0.0, sentence=ROLLED)]
    marks = [START_MARK, s.mark(3000, "split", "ops", "try v2"), s.mark(600, "rollback", "scorecard", ROLLED)]
    documents, answers = of_route(route, traffic, series + _evidence(60, GONE), marks,
                                  scorecard=s.scorecard("fraud", "rolled_back", [], lines))  # fmt: skip
    answers["/v1/routes/fraud/explain"] = s.ROLLBACK
    answers["/v1/routes/fraud/releases"] = s.releases("fraud") | {
        "releases": [
            {
                "id": "fraud@2",
                "name": "fraud@2",
                "strategy": "canary",
                "candidate": "fraud-v2",
                "primary": "fraud-v1",
                "phase": "rolled_back",
                "sentence": ROLLED,
                "began": NOW - 3000,
                "ended": NOW - 600,
                "began_by": {"who": "ops", "action": "split", "why": "try v2"},
                "ended_by": {"who": "scorecard", "action": "rollback", "why": ROLLED},
            }
        ]
    }
    return documents, answers


def promoted() -> Scene:
    """The candidate is the primary, for ten minutes."""
    before, after = s.waves(400, end=GONE), s.waves(400, begin=GONE)
    share = [100 if at < GONE else 0 for at in range(STEPS)]
    series = [
        *s.arms("fraud-v1", "primary", before, [0] * STEPS, 0.004),
        *s.arms("fraud-v2", "primary", after, [0] * STEPS, 0.003),
        s.series("share", share, "percent", "fraud-v1"),
        s.series("share", [100 - percent for percent in share], "percent", "fraud-v2"),
    ]
    traffic = s.traffic("fraud", s.arm("fraud-v2", "primary", sum(after), 0, 0.003))
    marks = [s.mark(3000, "release", "ops", "v2 is ready"), s.mark(600, "promote", "release", "all stages passed")]
    return of_route(s.route(phase="promoted", primary="fraud-v2", since=NOW - 600), traffic, series, marks)


def drifted() -> Scene:
    """Inputs that are no longer what they were, and one feature whose evidence is infinite."""
    documents, answers = steady()
    features = [
        s.feature("steady_one", 0.01, -12.0),
        s.feature("rare_shift", 0.6, 0.9, n=40),
        s.feature("amount", 0.42, 61.5, True),
        s.feature("country", 0.31, "inf", True),
    ]
    finding = {"version": "fraud-v1", "kind": "world", "sentence": "the world changed: inputs drifted",
               "features": ["amount"], "disagreement": 0.0, "pairs": 0, "rows": 41_234}  # fmt: skip
    path = "/v1/routes/fraud"
    documents[f"{path}/drift"] = s.drift("fraud", *features, findings=[finding])
    away = [0.01 if at < 200 else 0.42 * min(1, (at - 200) / 60) for at in range(STEPS)]
    of = {"version": "fraud-v1", "role": "primary", "side": "input"}
    answers[f"{path}/history"]["series"] += [
        s.series("drift", away, "psi", feature="amount", drifted=True, **of),
        s.series("drift", [0.01] * STEPS, "psi", feature="steady_one", drifted=False, **of),
    ]
    return documents, answers


def no_control() -> Scene:
    """The picture of a moment after which nothing was heard."""
    return ramping()


def no_traffic() -> Scene:
    """A canary that nobody has sent anything to."""
    nothing = [0] * STEPS
    series = [
        *s.arms("fraud-v1", "primary", nothing, nothing, 0.0),
        *s.arms("fraud-v2", "canary", nothing, nothing, 0.0),
        s.series("share", [90] * STEPS, "percent", "fraud-v1"),
        s.series("share", [10] * STEPS, "percent", "fraud-v2"),
    ]
    route = s.route(split={"fraud-v1": 90.0, "fraud-v2": 10.0}, candidates=["fraud-v2"])
    traffic = s.traffic("fraud", s.arm("fraud-v1", "primary", 0), s.arm("fraud-v2", "canary", 0))
    return of_route(route, traffic, series, [START_MARK], scorecard=s.scorecard("fraud", "steady", [EMPTY_LINE]))


def fleet() -> Scene:
    """Twelve sidecars, one of which is behind and one that differs."""
    documents, answers = ramping()
    usual = {
        "report_seconds_ago": 0.4,
        "behind": 0,
        "late": False,
        "differs": [],
        "version": "0.9.0",
        "left_streams": [],
    }
    members = [{"instance": f"fraud-{n:02}-7d9c5", **usual} for n in range(12)]
    members[3] |= {"behind": 9, "late": True}
    members[7] |= {"differs": ["fraud"], "report_seconds_ago": 6.1}
    told = {"fleet": "fraud", "instance": "fraud-02-7d9c5", "judge": "fraud-00-7d9c5", "is_judge": False, "lost": False,
            "apart": False, "settling": False, "term": 7, "look": 1200, "heard_seconds_ago": 0.3, "fault": None,
            "warnings": [], "notices": [], "late_legs": 0, "revision": 4, "members": members,
            "audit": {"entries": 2, "hash": "00"}}  # fmt: skip
    own = documents["/v1/routes/fraud/traffic"]
    arms = [
        {"version": each["version"], "role": each["role"], "total": each["total"] | {"p99": 3 * each["total"]["p99"]}}
        | {"recent": {outcome: 12 * n for outcome, n in each["recent"].items()}}
        for each in own["arms"]
    ]
    documents["/v1/routes/fraud/traffic"] = own | {"fleet": {"window": 60.0, "sidecars": 12, "arms": arms}}
    return {**documents, "/v1/fleet": told}, answers


def fifty(count: int = 50) -> Scene:
    """Fifty routes, two of which need somebody; one has a name that an address cannot hold as it is."""
    names = [f"model-{n:02}" for n in range(count - 1)] + ["fraud/eu west?#%"]
    special: dict[int, Document] = {
        7: {"phase": "rolled_back", "reason": ROLLED},
        12: {"warnings": ["copies are lost"]},
        20: {"phase": "ramping", "split": {"fraud-v1": 75.0, "fraud-v2": 25.0}, "candidates": ["fraud-v2"]},
    }
    every = [s.route(name, **special.get(n, {})) for n, name in enumerate(names)]
    documents: Answers = {
        "/v1/routes": s.routes(*every),
        "/v1/audit": s.audit(s.entry(1, "start", "configuration", "configured", 3300)),
    }
    answers: Answers = {
        "/v1/history": overview({name: s.waves(40 + 9 * n, phase=n) for n, name in enumerate(names)}, names[7])
    }
    one = steady()
    for n, (name, route) in enumerate(zip(names, every, strict=True)):
        path = f"/v1/routes/{name}"
        documents[path] = route
        documents[f"{path}/traffic"] = s.traffic(name, s.arm("fraud-v1", "primary", 40_000 + n))
        documents[f"{path}/scorecard"] = s.scorecard(name, "steady", [])
        documents[f"{path}/drift"] = s.drift(
            name, *(s.feature(f"f{k}", 0.01, -9.0, n == 3 and k == 0) for k in range(10))
        )
        documents[f"{path}/disagreements"] = s.disagreements(name)
        answers[f"{path}/history"] = {**one[1]["/v1/routes/fraud/history"], "route": name}
        answers[f"{path}/explain"] = s.explanation(name)
        answers[f"{path}/releases"] = s.releases(name)
    return documents, answers


SCENES: dict[str, Callable[[], Scene]] = {
    each.__name__: each
    for each in (steady, shadowing, ramping, rolled_back, promoted, drifted, no_control, no_traffic, fleet, fifty)
}


def served(scene: Scene) -> PageServer:
    """A server of a scene; the moment of an explanation is asked for as the page asks."""
    return PageServer(*scene, at=NOW)


def query_of(asked: str) -> dict[str, str]:
    """The query of a path that was asked for."""
    return {name: values[0] for name, values in parse_qs(asked.partition("?")[2]).items()}
