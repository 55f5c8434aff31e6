"""The faces of a metric and of a strategy, as JSON: `python one_row.py METRIC… -- STRATEGY` in a copy of the tree.

Run in a process of its own by `tests/test_one_row.py`, so that everything that is derived from the rows at import is
derived from those of the copy.
"""

from __future__ import annotations

import json
import sys
from math import log
from pathlib import Path
from typing import Any

import numpy as np

import proxy
from docs.generate.configuration import everything, page
from proxy.config.load import parse
from proxy.config.schema.json_schema import describe as json_schema
from proxy.config.schema.option_docs import word
from proxy.contracts.observation import Observation, Tensor
from proxy.contracts.record import ArmTick, Tick
from proxy.contracts.release import RouteState
from proxy.contracts.settings import Guard, Limit, Release, Stage
from proxy.control.api import request_bodies, views
from proxy.control.api.openapi import describe as openapi
from proxy.control.api.problems import ApiError
from proxy.control.primary_figures import figures_of
from proxy.release import decide, transitions
from proxy.release.post_promotion import PrimaryFigure, guard_after
from proxy.release.scorecard import judge
from proxy.stats.board import Board

FILE = """
listen: 127.0.0.1:1
versions: {{v1: {{url: "http://h:1"}}, v2: {{url: "http://h:2"}}}}
routes: {{r: {{match: {{path: /}}, protocol: oip, primary: v1, {rest}}}}}
"""
LINES = {"latency_p999": Limit(max_ratio=1.2), "brier": Limit(max=0.2), "recall": Limit(min=0.9)}
GUARD = Guard(LINES, false_alarm=0.01, warm_up=0)
LIMITS = {"latency_p999": ("max", "300ms"), "brier": ("max", "0.2"), "recall": ("min", "0.9")}
LABELLED = {"brier": PrimaryFigure(0.1, 1000), "recall": PrimaryFigure(0.99, 1000)}


def arm(rng: np.random.Generator, version: str, n: int, slower: float) -> ArmTick:
    places = np.floor(120 * np.log10(slower * rng.lognormal(-4, 0.4, n))).astype(int)
    buckets, counts = (each.tolist() for each in np.unique(places, return_counts=True))
    role: Any = "primary" if version == "v1" else "canary"
    return ArmTick("r", version, role, 0.5, {"200": n}, total=dict(zip(buckets, counts, strict=True)))


def leg(at: int, version: str, probability: float) -> Observation:
    role: Any = "primary" if version == "v1" else "canary"
    output = Tensor("p", 1, 2, "number", [1.0 - probability, probability])
    return Observation(
        exchange=at, request_id=str(at), route="r", version=version, role=role, share=0.5, status=200, failure="",
        started=0.0, first_byte=0.0, total=0.0, source=(0, "a"), outputs=(output,),
    )  # fmt: skip


def judged() -> Board:
    """A candidate that is slow in its tail and wrong about every label."""
    board, rng = Board(), np.random.default_rng(1)
    board.watch("r", ("v2",), "v1", GUARD, "oip", 0.0)
    for second in range(1, 121):
        arms = [arm(rng, "v1", 200, 1.0), arm(rng, "v2", 200, 3.0)]
        board.on_tick(Tick(0, "a", second, 1, arms=arms), float(second))
        for at in (4 * second, 4 * second + 1):
            board.on_observations([leg(at, "v2" if at % 2 else "v1", 0.1 if at % 2 else 0.9)], float(second))
            board.on_label(str(at), 1, float(second))
    return board


def metric(name: str, board: Board) -> dict[str, Any]:
    limit, value = LIMITS[name]
    file = FILE.format(rest=f"canary: {{version: v2, percent: 5}}, scorecard: {{{name}: {{{limit}: {value}}}}}")
    line = next(line for line in judge(board.evidence("r", 120.0), GUARD, "v2") if line.metric == name)
    promoted = RouteState("r", "promoted", "v2", previous="v1")
    figures = figures_of(board, promoted, 120.0) | LABELLED
    after = guard_after(Guard({name: Limit(**{limit: 0.3})}), figures)
    return {
        "configured": getattr(parse(file, {}).routes[0].guard.scorecard[name], limit),
        "schema": name in json.dumps(json_schema()),
        "words": word(f"routes.*.scorecard.{name}").text,
        "reference": f"`{name}`" in page(),
        "example": f"        {name}: " in everything(),
        "verdict": (line.outcome, line.sentence),
        "answer": {key: views.verdict(line)[key] for key in ("metric", "title", "unit", "verdict")},
        "figure": name in figures,
        "after": after is not None and name in after.scorecard,
        "dashboard": any(name in expr for expr in dashboard()),
    }


def dashboard() -> list[str]:
    """The queries of the panels about values."""
    sys.path.insert(0, str(Path(proxy.__file__).resolve().parents[1] / "deploy" / "grafana"))
    import dashboards

    panels = json.loads(dashboards.built("release"))["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"] if "metric=~" in target["expr"]]


def strategy(name: Any) -> dict[str, Any]:
    body = {"candidate": "v2", "strategy": name, "stages": [{"canary": 5, "requests": 5}]}
    by_api = request_bodies.release(body, ("v1", "v2"), "v1", Guard(), "json")
    by_file = parse(FILE.format(rest=f"release: {json.dumps(body)}"), {}).routes[0].release
    try:
        refused = str(request_bodies.release(body | {"stages": []}, ("v1", "v2"), "v1", Guard(), "json"))
    except ApiError as error:
        refused = str(error)
    release = Release("v2", name, (Stage(canary=5.0, requests=5),), Guard({"error_rate": Limit(max=0.5)}))
    state = transitions.start(RouteState("r", "steady", "v1"), release, "", 0.0)
    board = Board()
    board.watch("r", ("v2",), "v1", release.guard, "oip", 0.0)
    arms = [ArmTick("r", version, role, 0.5, {"200": 500}) for version, role in (("v1", "primary"), ("v2", "canary"))]  # type: ignore[arg-type]
    board.on_tick(Tick(0, "a", 1, 1, arms=arms), 1.0)
    end = decide.on_pass(state, judge(board.evidence("r", 1.0), release.guard, "v2"), 500, 1.0)
    return {
        "same": by_api == by_file,
        "window": by_api.rollback_window,
        "refused": refused,
        "openapi": name in openapi()["components"]["schemas"]["ReleaseBody"]["properties"]["strategy"]["enum"],
        "schema": f'"const": "{name}"' in json.dumps(json_schema()),
        "words": word("routes.*.release.strategy").text,
        "phase": state.phase,
        "end": end.act if end else None,
    }


if __name__ == "__main__":
    split = sys.argv.index("--")
    board = judged()
    facts = {name: metric(name, board) for name in sys.argv[1:split]} | {sys.argv[-1]: strategy(sys.argv[-1])}
    print(json.dumps({"house": proxy.__file__, "breach": log(1 / GUARD.false_alarm), **facts}))
