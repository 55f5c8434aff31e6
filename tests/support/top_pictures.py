"""Pictures as `penumbra top` makes them of the API's answers."""

from __future__ import annotations

from typing import Any

from proxy.cli.top.documents import ChangeDoc, PastDoc, RoutesDoc, ScorecardDoc, Seen, TrafficDoc, read

NOW = 1_000_000.0
RECENT = {"good": 0, "failed": 0, "refused": 0, "abandoned": 0, "limited": 0, "not_an_inference": 0}


def route(name: str, **more: Any) -> dict[str, Any]:
    """A route as the API shows it."""
    usual = {
        "route": name,
        "phase": "ramping",
        "primary": "v1",
        "split": {"v1": 90.0, "v2": 10.0},
        "shadows": {"v3": 100.0},
        "candidates": ["v2"],
        "verdict": "undecided",
        "sentence": "about 400 more inferences of the candidate",
        "reason": "",
        "since": NOW - 60.0,
        "notices": [],
        "in_force": {"workers": [2, 2], "sidecars": None, "everywhere": True},
    }
    return usual | more


def routes(*given: dict[str, Any], **more: Any) -> RoutesDoc:
    """All routes."""
    workers = [{"worker": 0, "up": True}, {"worker": 1, "up": True}]
    return read({"revision": 7, "routes": list(given), "workers": workers} | more, RoutesDoc)


def arm(version: str, role: str, **recent: int) -> dict[str, Any]:
    """An arm with what it had in the window."""
    total = {"p50": 0.0121, "p99": 0.0345}
    return {"version": version, "role": role, "legs": 9_999, "recent": RECENT | recent, "total": total}


def line(metric: str, evidence: float | str, **more: Any) -> dict[str, Any]:
    """A line of a scorecard."""
    usual: dict[str, Any] = {"metric": metric, "title": metric.replace("_", " "), "version": "v2", "bound": "max_ratio"}
    usual |= {"verdict": "undecided", "n": 738, "value": 1.2, "limit": 1.5, "evidence": evidence, "reference": 0.01}
    return usual | more


def traffic(*arms: dict[str, Any], **more: Any) -> TrafficDoc:
    """The traffic of a route."""
    return read({"window": 60.0, "arms": list(arms)} | more, TrafficDoc)


def scorecard(*lines: dict[str, Any], at_rollback: tuple[dict[str, Any], ...] = ()) -> ScorecardDoc:
    """A scorecard that is held to one false alarm in a thousand."""
    chances = {"false_alarm": 0.001, "false_alarm_at_rollback": 0.001}
    return read({"metrics": list(lines), "at_rollback": list(at_rollback)} | chances, ScorecardDoc)


def past(name: str, *series: dict[str, Any]) -> PastDoc:
    """Five seconds, of which the last is not over."""
    shown = [{"version": "v2", "role": "canary"} | each for each in series]
    start = NOW - 5.0
    document = {"from": start, "step": 1, "until": NOW - 1.0, "routes": [{"route": name, "series": shown}]}
    return read(document, PastDoc)


def picture(**more: Any) -> Seen:
    """One route under a release."""
    usual: dict[str, Any] = {
        "at": NOW,
        "routes": routes(route("fraud")),
        "traffic": {"fraud": traffic(arm("v1", "primary", good=5_400), arm("v2", "canary", good=570, failed=30))},
        "scorecards": {"fraud": scorecard(line("error_rate", 3.4539))},
        "changes": [ChangeDoc(NOW - 60.0, "ann", "split", "fraud", "ten percent")],
    }
    return Seen(**usual | more)
