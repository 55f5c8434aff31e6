"""Each figure that the admin API gives of a route, and so each that the page, `penumbra top` and `penumbra explain`
show, beside what this test's own servers and clients counted.

Every number in every document is walked. One that no row of `FIGURES` or `NOT_COUNTED` speaks of fails the test, and so
does a row that nothing was found for: a new figure needs a count of its own here.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from math import ceil, inf
from typing import Any

import pytest
from msgspec import Struct

from proxy.control.history.series import FAMILIES
from proxy.control.history.tiers import STEPS
from tests.support.running import Running, eventually
from tests.support.tallied import STATUS, At, Clients, Leg, Tallied, Task, Truth, figures, one_step, outcome

CONFIG = """
listen: 127.0.0.1:0
admin: {{listen: 127.0.0.1:0}}
state: {folder}/state.db
analysis_cpu: 100
versions:
  a: {{url: {a}}}
  b: {{url: {b}}}
  c: {{url: {c}}}
routes:
  r:
    match: {{path: /}}
    protocol: json
    primary: a
    sticky: "header:x-user"
    shadows: [{{version: c, percent: 100}}]
    rescue: {{after: 20s}}
    limits: {{body: 4KiB}}
    analysis: {{prediction: /score, wait: 1s}}
    release:
      candidate: b
      strategy: canary
      stages: [{{canary: 50, requests: 1000000}}]
      scorecard: {{error_rate: {{max: 0.9}}, refusal_rate: off, abandonment_rate: off, invalid_rate: off}}
"""

DOES = (
    (10, {"b": "fail"}),
    (15, {"a": "fail", "b": "refuse"}),
    (8, {"c": "other"}),
    (17, {"b": "drop"}),
    (13, {"a": "garble", "c": "garble"}),
    (19, {"c": "fail", "b": "garble"}),
)
"""What each of so many requests makes servers do."""


def tasks() -> list[Task]:
    """The mix: `t…` go through, `large…` are refused by the proxy, `get…` ask no model anything."""
    mix = [
        Task(f"t{n}", f"u{n % 40}", next((does for every, does in DOES if n % every == every - 1), {}))
        for n in range(160)
    ]
    large = [Task(f"large{n}", "u1", {}, size=5000) for n in range(3)]
    return [*mix, *large, *(Task(f"get{n}", f"u{n}", {}, method="GET") for n in range(7))]


class Within(Struct):
    """A figure that has no exact count lies between two that have."""

    low: float
    high: float


KINDS = {"number": "other", "status": "fail", "malformed": "garble"}
"""Kind of a disagreement, and what the shadow did."""

Expected = float | Within
Count = Callable[[Truth, At], Expected]


def timed(truth: Truth, at: At) -> list[Leg]:
    """Inferences that were answered."""
    return [leg for leg in truth.legs(at) if leg.method == "POST" and leg.do != "drop"]


def quantile(truth: Truth, at: At) -> Within:
    """The proxy stands between server and client, so each leg took at least what its server, and at most what its
    client saw, and so did the quantiles; its buckets are good for a percent, and ranks for one."""
    legs = timed(truth, at)
    seen = truth.clients.seconds
    ends = [inf if leg.copy else seen[leg.task] for leg in legs]
    rank = ceil(float(f"0.{at.key[-2:]}") * len(legs)) - 1
    low = sorted(leg.seconds for leg in legs)[max(rank - 1, 0)]
    return Within(low * 0.98, sorted(ends)[min(rank + 1, len(ends) - 1)] * 1.02)


def overhead(truth: Truth, at: At) -> Within:
    """What the proxy adds is at most what a client saw beyond its server."""
    served = {leg.task: leg.seconds for arm in (("a", "primary"), ("b", "canary")) for leg in truth.arms[arm].values()}
    added = sorted(truth.clients.seconds[task] - seconds for task, seconds in served.items())
    return Within(0.0, added[min(ceil(float(f"0.{at.key[-2:]}") * len(added)), len(added) - 1)] * 1.02)


def content(truth: Truth, at: At) -> tuple[int, int]:
    """Good answers, whose bodies were read, and those of them that cannot be."""
    legs = [leg for leg in truth.legs(at) if outcome(leg) == "good"]
    return len(legs), sum(leg.do == "garble" for leg in legs)


def arm_outcome(truth: Truth, at: At) -> int:
    return truth.outcomes(at.version, at.role)[at.key]


def live(truth: Truth) -> int:
    return len(truth.arms["a", "primary"]) + len(truth.arms["b", "canary"])


def rejected(truth: Truth, at: At) -> int:
    return sum(status == 413 for status in truth.clients.statuses.values())


def ratio_of_outcome(truth: Truth, at: At) -> float:
    name = at.words["name"].partition(".")[2]
    of = truth.inferences(at.version, at.role) if at.words["of"] == "inferences" else len(truth.legs(at))
    return truth.outcomes(at.version, at.role)[name] / of


def failed_ratio(truth: Truth, at: At) -> float:
    return truth.outcomes(at.version, at.role)["failed"] / truth.inferences(at.version, at.role)


def candidate(truth: Truth, at: At) -> float:
    return truth.canary["failed"] / truth.inferences("b", "canary")


def primary(truth: Truth, at: At) -> float:
    return truth.outcomes("a", "primary")["failed"] / truth.inferences("a", "primary")


def moment(truth: Truth, at: At) -> Within:
    return Within(0, truth.inferences("b", "canary"))


def when(truth: Truth, at: At) -> Within:
    return Within(truth.began - 1, truth.ended + 1)


def fixed(value: float) -> Count:
    return lambda truth, at: value


LINES = r"(scorecard\.(metrics|at_rollback)|(explain|story\.changes\[\])\.verdicts|audit\.entries\[\]\.evidence)\[\]\."
TOLD = r"(explain|story)\.touched\."
ROUTE = r"(routes\.routes\[\]|route)\."
ARM = r"traffic\.arms\[\]\."
S = r"(history|histories)\.series\."

FIGURES: dict[str, Count] = {
    ROUTE + r"split\.[abc]": lambda truth, at: 50.0 if "live" in at.words["doc"] else 100.0,
    ROUTE + r"shadows\.c": fixed(100.0),
    ROUTE + r"release\.requests": lambda truth, at: truth.inferences("b", "canary"),
    ROUTE + r"release\.stage|story\.(stages|changes|moments)\[\]\.stage": fixed(1),
    ROUTE + r"in_force\.workers\[\]": fixed(1),
    ROUTE + r"in_force\.seconds": lambda truth, at: Within(0.0, truth.ended - truth.began),
    ARM + "legs": lambda truth, at: len(truth.legs(at)),
    ARM + "n": lambda truth, at: truth.inferences(at.version, at.role),
    ARM + "bad": lambda truth, at: truth.outcomes(at.version, at.role)["failed"],
    ARM + "bad_ratio": failed_ratio,
    ARM + r"(outcomes|recent)\.\w+": arm_outcome,
    ARM + r"codes\.\d+": lambda truth, at: sum(str(STATUS.get(leg.do)) == at.key for leg in truth.legs(at)),
    ARM + r"codes\.(closed|reset|\w+)": lambda truth, at: sum(leg.do == "drop" for leg in truth.legs(at)),
    ARM + "inflight": fixed(0),
    ARM + r"(total|first_byte)\.n": lambda truth, at: len(timed(truth, at)),
    ARM + r"(total|first_byte)\.p\d+": quantile,
    ARM + "analysed": lambda truth, at: content(truth, at)[0],
    ARM + r"invalid\.\w+": lambda truth, at: content(truth, at)[1],
    r"traffic\.shadows\[\]\.owed": lambda truth, at: len(truth.arms["c", "shadow"]),
    r"traffic\.shadows\[\]\.coverage": fixed(1.0),
    r"traffic\.rescued\[\]\.count": lambda truth, at: len(truth.arms["a", "rescue"]),
    r"traffic\.rejected\.\w+": rejected,
    r"traffic\.overhead\.n": lambda truth, at: live(truth),
    r"traffic\.overhead\.p\d+": overhead,
    LINES + "(value|own)": candidate,
    LINES + "reference": primary,
    LINES + "n": lambda truth, at: truth.inferences("b", "canary"),
    LINES + "n_reference": lambda truth, at: truth.inferences("a", "primary"),
    LINES + "(lost|n_shadow)": fixed(0),
    r"(drift|explain)\.findings\[\]\.disagreement": lambda truth, at: truth.differ.total() / len(truth.pairs),
    r"(drift|explain)\.findings\[\]\.pairs": lambda truth, at: len(truth.pairs) if at.version == "c" else 0,
    r"(drift|explain)\.findings\[\]\.rows|drift\.measured": fixed(0),
    r"disagreements\.versions\[\]\.pairs": lambda truth, at: len(truth.pairs),
    r"disagreements\.versions\[\]\.(disagreements|kept)": lambda truth, at: truth.differ.total(),
    r"disagreements\.versions\[\]\.kinds\.\w+": lambda truth, at: truth.differ[KINDS[at.key]],
    r"disagreements\.versions\[\]\.sampled": fixed(0),
    r"disagreements\.versions\[\]\.ratio": lambda truth, at: truth.differ.total() / len(truth.pairs),
    r"disagreements\.versions\[\]\.examples\[\]\.shift": fixed(8.0),
    TOLD + "route_requests": lambda truth, at: live(truth),
    TOLD + r"live\.requests": lambda truth, at: truth.canary.total(),
    TOLD + r"live\.bad": lambda truth, at: len(truth.told_failed),
    TOLD + r"live\.invalid": lambda truth, at: len(truth.told_failed - truth.bad),
    TOLD + r"live\.outcomes\.\w+": lambda truth, at: truth.canary[at.key],
    TOLD + r"copies\.(requests|bad|invalid)": fixed(0),
    TOLD + r"(rescued|rescued_by_reason\.\w+)": lambda truth, at: len(truth.arms["a", "rescue"]),
    TOLD + r"users\.count": lambda truth, at: len({truth.users[name] for name in truth.arms["b", "canary"]}),
    TOLD + r"users\.error": fixed(0.0),
    r"story\.failed_total": lambda truth, at: len(truth.told_failed),
    r"story\.moments\[\]\.(requests|lines\[\]\.n)": moment,
    r"story\.moments\[\]\.lines\[\]\.n_reference": lambda truth, at: Within(0, truth.inferences("a", "primary")),
    r"story\.moments\[\]\.lines\[\]\.lost": fixed(0),
    r"story\.moments\[\]\.lines\[\]\.(value|own|reference)": lambda truth, at: Within(0.0, 1.0),
    r"audit\.head\.count": lambda truth, at: 1 if "live" in at.words["doc"] else 2,
    S + "observed": lambda truth, at: Within(0.0, 1.0),
    S + "rejected": rejected,
    S + "requests": lambda truth, at: len(truth.legs(at)),
    S + "inferences": lambda truth, at: truth.inferences(at.version, at.role),
    S + r"outcome\.\w+": ratio_of_outcome,
    S + r"outcome\.\w+\.counts": lambda truth, at: truth.outcomes(at.version, at.role)[at.path.split(".")[-2]],
    S + r"latency\.p\d+": quantile,
    S + "rescued": lambda truth, at: len(truth.arms["a", "rescue"]),
    S + "coverage": fixed(1.0),
    S + r"coverage\.(counts|due)": lambda truth, at: len(truth.arms["c", "shadow"]),
    S + "disagreement": lambda truth, at: truth.differ.total() / len(truth.pairs),
    S + r"disagreement\.counts": lambda truth, at: truth.differ.total(),
    S + r"disagreement\.pairs": lambda truth, at: len(truth.pairs),
    S + "invalid": lambda truth, at: content(truth, at)[1] / content(truth, at)[0],
    S + r"invalid\.counts": lambda truth, at: content(truth, at)[1],
    S + r"invalid\.analysed": lambda truth, at: content(truth, at)[0],
    S + "value": candidate,
    S + r"value\.n": lambda truth, at: truth.inferences("b", "canary"),
    S + "share": lambda truth, at: 50.0 if "live" in at.words["doc"] else 100.0,
    r".*\.(at|since|began|ended|started|checked|stage_since|first_bad|last_bad)": when,
}
"""Paths of figures, as regular expressions, and how each is counted. The first that fits holds."""

CONFIGURED = "what the configuration says, or a bound of the program"
A_NAME = "a number that names something: it counts nothing"
A_TEST = "what a statistical test makes of these counts: tests/stats hold it against simulations"

NOT_COUNTED = {
    r".*\.(plan|asked|before|after)\..*|.*\.kept\..*|.*\.limit|.*\.release\.stages\[\]\..*": CONFIGURED,
    r".*\.(false_alarm|false_alarm_at_rollback|rollback_window|window)": CONFIGURED,
    r".*\.(revision|table|pid|worker|seq|entry|audit|row|step|from|to|until)": A_NAME,
    r".*\.(evidence|log_breach|needed)|history\.series\.evidence": A_TEST,
    r".*\.examples\[\]\.detail\..*|story\.failed\[\]\..*": "an answer, or a request, as it was",
    r".*\.unsaved|histories\.series\..*\.limit": "0 unless the disk is full: tests/process/test_durability.py",
}
"""Numbers that are no figures, and why; likewise."""

NOT_HERE = {"drift": "its distance is held against numpy in tests/stats/drift; no profile is learnt here"}
"""Families of the history's series that this traffic has none of."""


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> tuple[Truth, dict[str, Any]]:
    """What was counted, and every document, while the release is under way and after it was rolled back."""
    folder = tmp_path_factory.mktemp("figures")
    with ExitStack() as stack:
        a, b, c = (stack.enter_context(Tallied(name)) for name in "abc")
        config = folder / "penumbra.yaml"
        config.write_text(CONFIG.format(folder=folder, a=a.url, b=b.url, c=c.url))
        running = stack.enter_context(Running(config))
        began, clients = time.time(), Clients(running.data, "/predict")
        step = long_step(began)
        clients.send(tasks())
        truth = Truth({}, clients, began, inf, {task.name: task.user for task in tasks()})
        eventually(lambda: arrived(running, truth, (a, b, c)), "all legs in the history")
        found = told(running, "live", step, began)
        assert running.ask("POST", "/v1/routes/r/rollback", {"reason": "enough"}).status == 200
        eventually(lambda: not running.route()["candidates"] and at_rest(running, began), "the rollback in the history")
        found |= told(running, "after", step, began)
        truth.ended = time.time()
        return truth, found


def arms_of(a: Tallied, b: Tallied, c: Tallied) -> dict[tuple[str, str], dict[str, Leg]]:
    asked, canary = a.by_task(), b.by_task()
    return {
        ("a", "primary"): {name: leg for name, leg in asked.items() if name not in canary},
        ("a", "rescue"): {name: leg for name, leg in asked.items() if name in canary},
        ("b", "canary"): canary,
        ("c", "shadow"): c.by_task(copy=True),
    }


def arrived(running: Running, truth: Truth, servers: tuple[Tallied, Tallied, Tallied]) -> bool:
    truth.arms = arms_of(*servers)
    return not unsettled(running, truth)


def long_step(now: float) -> int:
    """A step of the history within which all of this happens."""
    while not (found := [step for step in STEPS if step >= 300 and now // step == (now + 100.0) // step]):
        time.sleep(1.0)  # at midnight
        now = time.time()
    return found[0]


def unsettled(running: Running, truth: Truth) -> dict[str, tuple[int, int]]:
    """What has not arrived yet: legs, their bodies, and the second they are in; found and counted."""
    found, want = Counter[str](), Counter[str]()
    for each in running.ask("GET", "/v1/routes/r/history?series=requests,disagreement").json()["series"]:
        found[f"{each['name']} {each['version']}"] += sum(filter(None, each.get("pairs") or each["values"]))
    for arm in running.ask("GET", "/v1/routes/r/traffic").json()["arms"]:
        found[f"analysed {arm['version']} {arm['role']}"] = arm["analysed"]
    for (version, role), legs in truth.arms.items():
        want[f"requests {version}"] += len(legs)
        want[f"analysed {version} {role}"] = content(truth, At("", {"version": version, "role": role}))[0]
    want["disagreement c"] = len(truth.pairs)
    return {what: (found[what], want[what]) for what in found | want if found[what] != want[what]}


def at_rest(running: Running, began: float) -> bool:
    share = running.ask("GET", f"/v1/routes/r/history?series=share&from={began}").json()["series"]
    return any(each["values"][-2:][0] == 100.0 for each in share)


def told(running: Running, which: str, step: int, began: float) -> dict[str, Any]:
    """Every document about the route, by its name."""
    paths = {
        "routes": "/v1/routes",
        "route": "/v1/routes/r",
        **{part: f"/v1/routes/r/{part}" for part in ("traffic", "scorecard", "drift", "disagreements", "explain")},
        "releases": "/v1/routes/r/releases",
        "audit": "/v1/audit",
    }
    found = {name: running.ask("GET", path).json() for name, path in paths.items()}
    found["story"] = running.ask("GET", f"/v1/routes/r/releases/{found['releases']['releases'][0]['id']}").json()
    span = f"from={began}&step={step}"
    found["history"] = one_step(running.ask("GET", f"/v1/routes/r/history?{span}").json()["series"])
    (whole,) = running.ask("GET", f"/v1/history?{span}").json()["routes"]
    found["histories"] = one_step(whole["series"])
    return {f"{which}.{name}": document for name, document in found.items()}


def row_of(path: str, rows: dict[str, Any]) -> str:
    return next((row for row in rows if re.fullmatch(row, path)), "")


LATELY = r"traffic\.arms\[\]\.(recent|total|first_byte)\..*"
"""Figures of the last minute: a machine that stood still for so long has none of them."""


def test_every_figure_is_what_servers_and_clients_counted(documents: tuple[Truth, dict[str, Any]]) -> None:
    truth, told = documents
    wrong, used = [], set[str]()
    for name, document in told.items():
        for at, value in figures(document, name.partition(".")[2], {"doc": name}):
            row, free = row_of(at.path, FIGURES), row_of(at.path, NOT_COUNTED)
            used |= {row, free}
            if not row and not free:
                wrong.append(f"{name}: {at.path} has no count in this test")
            elif re.fullmatch(LATELY, at.path) and truth.ended - truth.began > 50.0:
                continue
            elif not free and not fits(value, expected := FIGURES[row](truth, at)):
                wrong.append(f"{name}: {at.path} {at.words} is {value}, and was counted as {expected}")
    assert not wrong, "\n".join(wrong)
    unused = (FIGURES.keys() | NOT_COUNTED.keys()) - used
    assert not unused


def fits(value: float, expected: Expected) -> bool:
    if isinstance(expected, Within):
        return expected.low <= value <= expected.high
    return value == pytest.approx(expected, rel=1e-5)


def test_every_family_of_the_history_is_among_them(documents: tuple[Truth, dict[str, Any]]) -> None:
    _, told = documents
    shown = {each["name"].partition(".")[0] for each in told["live.history"][""]}
    assert shown | NOT_HERE.keys() == set(FAMILIES)


def test_a_story_has_each_request_that_failed(documents: tuple[Truth, dict[str, Any]]) -> None:
    truth, told = documents
    names = {failed["request_id"] for failed in told["after.story"]["failed"]}
    assert names == truth.told_failed


def test_words_have_the_same_figures(documents: tuple[Truth, dict[str, Any]]) -> None:
    truth, told = documents
    for which in ("live", "after"):
        words = told[f"{which}.explain"]["to_whom"]
        users = len({truth.users[name] for name in truth.arms["b", "canary"]})
        for number in (truth.canary.total(), users, len(truth.arms["a", "rescue"])):
            assert re.search(rf"\b{number:,}\b", words), words
