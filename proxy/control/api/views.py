"""Documents of the admin API, as JSON values made from the engine's facts. Their shapes are the public contract."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from proxy.contracts.bounds import MAX_SENTENCE, clipped
from proxy.contracts.metrics import METRICS
from proxy.contracts.notices import KINDS, Notice
from proxy.contracts.release import RouteState, Verdict
from proxy.contracts.table import Match
from proxy.control import identities
from proxy.control.api import verdicts
from proxy.control.api.in_force import in_force
from proxy.control.api.portions import MAX_ANSWER, fitting, text_of
from proxy.control.engine import Engine
from proxy.control.fleet.service import FleetService
from proxy.control.open_streams import left_streams, summed
from proxy.control.route_control import RouteControl, live_split
from proxy.control.state.store import Store
from proxy.link.server import WorkerStatus
from proxy.release.audit import Link, entry_of, plain
from proxy.release.baseline import why_idle
from proxy.release.plan import judged_guard
from proxy.release.words import value_words
from proxy.stats.board import Board
from proxy.stats.drift.figures import Drift

FIRST_LINKS = 200
"""Entries of the audit that are read at first: as many as usually have room in an answer."""

MAX_SHOWN_IDENTITIES = 64
"""Models that answer, of all versions of a route, that are shown of it."""

MAX_SHOWN_WARNINGS = 50
"""Warnings of a route that are shown."""

MAX_SHOWN_FEATURES = 500
"""Rows of drift that are shown of a route, those that are furthest off: a feature of a stream each."""

MAX_SHOWN_SHAPES = 12
"""Features of a route that are shown with their distributions: what an eye can compare."""


def etag(state: RouteState) -> str:
    """A strong validator (RFC 9110 §8.8.3): the same for the same live state, also after a restart."""
    return f'"{sha256(msgspec.json.encode(state, order="sorted")).hexdigest()[:20]}"'


def route(engine: Engine, name: str) -> dict[str, Any]:
    """A route: its phase, who gets what (percent, the primary included), its release, and what is wrong."""
    control, total = engine.route(name), verdicts.on_route(engine, name)
    state, situation = control.state, control.situation
    answering, found = identities.rows(engine.board, name), engine.notices(name)
    return {
        "route": name,
        "scope": verdicts.scope_in(engine),
        "phase": state.phase,
        "primary": state.primary,
        "split": {version: round(percent, 9) for version, percent in live_split(control).items()},
        "baseline": baseline(control),
        "shadows": situation.shadows,
        "candidates": list(situation.candidates),
        "release": release(control, engine.keeper.unix),
        "verdict": total.outcome,
        "sentence": total.sentence,
        "on_breach": control.guard.on_breach,
        "previous": state.previous,
        "rolled_back": list(state.rolled_back),
        "on_rollback": control.section.on_rollback,
        "left_streams": left_streams(engine.board.counters, state),
        "paused_from": state.paused_from,
        "reason": state.reason,
        "since": engine.keeper.unix(state.since),
        "guarded_until": engine.keeper.unix(state.until) if state.after is not None else None,
        "match": matched(control.section.match),
        "protocol": control.section.protocol,
        "speaks": engine.spoken.get(name, control.section.protocol),
        "on_identity_change": control.guard.on_identity_change,
        "identities": answering[:MAX_SHOWN_IDENTITIES],
        "truncated": len(answering) > MAX_SHOWN_IDENTITIES or len(found) > MAX_SHOWN_WARNINGS,
        "warnings": [clipped(each.text, MAX_SENTENCE) for each in found[:MAX_SHOWN_WARNINGS]],
        "notices": [notice(each) for each in found[:MAX_SHOWN_WARNINGS]],
    }


def notice(told: Notice) -> dict[str, Any]:
    """A warning with its kind, which stays the same in other versions, and where the runbook says what to do."""
    kind = KINDS[told.kind]
    about = {"kind": told.kind, "title": kind.title, "severity": kind.severity, "runbook": told.runbook}
    return about | {"text": clipped(told.text, MAX_SENTENCE)}


def standing(engine: Engine, name: str, workers: Sequence[WorkerStatus], fleet: FleetService | None) -> dict[str, Any]:
    """A route, where what is said of it is in force, and what is still open where it is not."""
    left = summed((row for member in fleet.member.members for row in member.left), name) if fleet is not None else None
    return route(engine, name) | {"in_force": in_force(engine, name, workers, fleet), "fleet_left_streams": left}


def matched(match: Match) -> dict[str, Any]:
    """The conditions that are given; of headers the names, since values may be secrets."""
    where = {"grpc": match.grpc} if match.grpc else {"path": match.path}
    given = {"methods": list(match.methods), "headers": sorted(match.headers), "model": match.model}
    return where | {key: value for key, value in given.items() if value}


def baseline(route: RouteControl) -> dict[str, Any] | None:
    """The configured baseline, its percent of the live traffic now, and why it is none where a candidate has some; None
    without one."""
    configured = route.section.baseline
    if configured is None:
        return None
    percent = route.baseline.percent if route.baseline else 0.0
    return {"version": configured.version, "percent": percent, "reason": why_idle(route.section, route.state)}


def release(route: RouteControl, unix: Callable[[float], float] = float) -> dict[str, Any] | None:
    """The release in force or the last one; None when there never was one. `requests` are those of this stage,
    `require` is what it ends by; `left` are arms that have left an A/B test."""
    state, plan, group = route.state, route.state.release, route.section.group
    if plan is None:
        return None
    return {
        "candidate": plan.candidate,
        "strategy": plan.strategy,
        "active": route.situation.stage is not None,
        "stage": state.stage + 1 if plan.stages else 0,
        "stages": plain(plan.stages),
        "stage_since": unix(state.stage_since),
        "requests": route.status.legs,
        "arms": plan.arms,
        "left": list(state.left),
        "require": "proof" if plan.proof_at(state.stage) else "no_breach",
        "rollback_window": plan.rollback_window,
        "false_alarm": plan.guard.false_alarm,
        "on_breach": plan.guard.on_breach,
        "name": group.name if group else route.section.name,
        "routes": list(group.routes) if group else [route.section.name],
    }


def verdict(line: Verdict) -> dict[str, Any]:
    """A line of a scorecard: verdict, value, limit, n; once those are of live requests alone, `shadow` of `n_shadow`
    copies. `evidence` is the logarithm of the evidence of a breach. A line of an old audit may be about a metric that
    is no more; it has no unit."""
    metric = METRICS.get(line.metric)
    return {
        "metric": line.metric,
        "title": metric.title if metric else line.metric,
        "unit": metric.unit if metric else None,
        "version": line.version,
        "bound": line.bound,
        "verdict": line.outcome,
        "value": plain(line.value),
        "says": value_words(line),
        "limit": line.limit,
        "reference": plain(line.reference),
        "n": line.n,
        "lost": line.lost,
        "shadow": plain(line.shadow),
        "n_shadow": line.n_shadow,
        "needed": line.needed,
        "evidence": plain(line.log_breach),
        "sentence": line.sentence,
        "proved": line.proved,
        "assumed": line.assumed,
        "counts": line.counts,
    }


def scorecard(engine: Engine, name: str) -> dict[str, Any]:
    """All lines of a route's scorecard, and the verdict on all of them. `baseline`: those of the baseline against the
    primary. `at_rollback`: the lines as they were when the route was rolled back, until something else is under
    judgement."""
    total, control = verdicts.on_route(engine, name), engine.route(name)
    return {
        "route": name,
        "scope": verdicts.scope_in(engine),
        "phase": control.state.phase,
        "candidates": list(control.situation.candidates),
        "verdict": total.outcome,
        "sentence": total.sentence,
        "needed": total.needed,
        "false_alarm": control.guard.false_alarm,
        "false_alarm_at_rollback": judged_guard(control.section, control.state).false_alarm,
        "on_breach": control.guard.on_breach,
        "metrics": [verdict(line) for line in control.status.verdicts],
        "baseline": [verdict(line) for line in control.status.baseline],
        "at_rollback": [verdict(line) for line in control.status.at_rollback],
    }


def gate(engine: Engine, name: str) -> dict[str, Any]:
    """The verdict as others' gates need it: a route that was rolled back has failed, a promoted one has passed."""
    state, total = engine.state(name), verdicts.on_route(engine, name)
    known = verdicts.gate(state, total, verdicts.unknown(engine, name))
    return {"route": name, "scope": verdicts.scope_in(engine), "phase": state.phase} | known


def drift(row: Drift) -> dict[str, Any]:
    """A feature of a stream: its distance from the profile (PSI), and whether that is significant and large."""
    return {
        "feature": row.feature,
        "side": row.side,
        "version": row.version,
        "role": row.role,
        "psi": plain(row.psi),
        "evidence": plain(row.evidence),
        "drifted": row.drifted,
        "n": row.n,
        "detected": row.detected,
    }


def disagreement(board: Board, route: str, version: str, most: int = MAX_ANSWER) -> dict[str, Any]:
    """Share of a version's copies that differed from the primary, and the worst of them, redacted: as many of the
    `kept` ones as have room in `most` characters."""
    tally, kept = board.agreement(route, version), [plain(example) for example in board.examples(route, version)]
    examples = fitting(kept, most, lambda example: len(text_of(example)))
    return {
        "version": version,
        "pairs": tally.pairs,
        "disagreements": tally.disagreements,
        "ratio": tally.ratio,
        "sampled": tally.sampled,
        "kinds": dict(tally.kinds),
        "examples": examples,
        "kept": len(kept),
        "truncated": len(examples) < len(kept),
    }


def drifts(board: Board, name: str) -> dict[str, Any]:
    """The features of a route, the `MAX_SHOWN_FEATURES` that are furthest off, and what their drift means. The
    `MAX_SHOWN_SHAPES` furthest have their distributions."""
    rows = board.drift(name)
    furthest = sorted(rows, key=lambda row: (not row.drifted, -row.psi))
    shown, shaped = (set(map(id, furthest[:most])) for most in (MAX_SHOWN_FEATURES, MAX_SHOWN_SHAPES))
    features = [
        drift(row) | {"distribution": plain(board.shape(name, row)) if id(row) in shaped else None}
        for row in rows
        if id(row) in shown
    ]
    return {
        "route": name,
        "features": features,
        "measured": len(rows),
        "truncated": len(features) < len(rows),
        "findings": [plain(finding) for finding in board.findings(name)],
        "proposed": [plain(each) | {"ignore": each.pattern} for each in board.proposed(name)],
    }


def disagreements(board: Board, name: str, versions: Iterable[str]) -> dict[str, Any]:
    """Every version of a route that copies were compared of."""
    compared = [version for version in versions if board.agreement(name, version).pairs]
    most = MAX_ANSWER // max(len(compared), 1)
    return {"route": name, "versions": [disagreement(board, name, version, most) for version in compared]}


def routes(engine: Engine, workers: Sequence[WorkerStatus], fleet: FleetService | None = None) -> dict[str, Any]:
    """Overview of all routes, the workers, and the state of the configuration."""
    return {
        "scope": verdicts.scope_in(engine),
        "revision": engine.revision,
        "routes": [standing(engine, name, workers, fleet) for name in engine.routes],
        "versions": list(engine.settings.versions),
        "configuration": configuration(engine),
        "workers": [worker(status) for status in workers],
        "unsaved": engine.unsaved,
        "fleet": engine.settings.fleet.name if engine.settings.fleet else None,
    }


def audit(
    engine: Engine, limit: int, after: int = -1, name: str | None = None, store: Store | None = None
) -> dict[str, Any]:
    """The newest entries, or those after a number; of one route, or of all; of the fleet's chain in `store`, where it
    is given. Raises StoreError."""
    links, truncated = audited(engine, limit, after, name, store)
    return {**audit_head(engine, truncated, store), "entries": [entry(link) for link in links]}


def audited(
    engine: Engine, limit: int, after: int = -1, name: str | None = None, store: Store | None = None
) -> tuple[list[Link], bool]:
    """The entries that have room in one answer, one at least, and whether there are more of those that were asked for.
    Raises StoreError."""
    links = engine.audit(min(limit, FIRST_LINKS), after, name, store)
    kept = _with_room(links)
    if len(links) == FIRST_LINKS < limit and kept == links:
        links = engine.audit(limit, after, name, store)
        kept = _with_room(links)
    return kept, len(kept) < len(links)


def _with_room(links: list[Link]) -> list[Link]:
    return fitting(links, MAX_ANSWER, lambda link: len(link.body)) or links[:1]


def audit_head(engine: Engine, truncated: bool, store: Store | None = None) -> dict[str, Any]:
    """What stands beside the entries of an answer."""
    head, scope = (engine.keeper.head, "sidecar") if store is None else (store.head, "fleet")
    return {"scope": scope, "head": {"count": head.count, "hash": head.hash}, "truncated": truncated}


def entry(link: Link) -> dict[str, Any]:
    """An entry of the audit with its own hash."""
    return {**plain(entry_of(link)), "hash": link.hash}


def configuration(engine: Engine) -> dict[str, Any]:
    """Whether the newest configuration is in force; if not, everything that is wrong with it."""
    problems = [{"path": p.path, "found": p.found, "allowed": p.allowed} for p in engine.problems]
    return {"in_force": not problems, "problems": problems, "checked": engine.keeper.unix(engine.reloaded)}


def worker(status: WorkerStatus) -> dict[str, Any]:
    """A worker: whether it serves and its link is up, the table it follows, and whether it still heeds control."""
    return {
        "worker": status.index,
        "pid": status.pid,
        "up": status.up,
        "connected": status.connected,
        "revision": status.revision,
        "leased": status.leased,
    }
