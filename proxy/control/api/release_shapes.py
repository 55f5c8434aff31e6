"""Shapes of what the admin API answers about releases (`release_view`), for the OpenAPI document."""

from __future__ import annotations

from typing import get_args

from proxy.contracts.release import PHASES
from proxy.contracts.settings import Require
from proxy.control.api.fleet_shapes import SCOPE
from proxy.control.api.in_force import IN_FORCE
from proxy.control.api.shapes import PERCENTS, VERDICTS, Schema, many, maybe, number, record, ref, text, whole

RELEASE_SHAPES: dict[str, Schema] = {
    "Releases": record(scope=SCOPE, revision=whole(), releases=many(ref("WholeRelease"))),
    "WholeRelease": record(
        ("in_force",),
        in_force=IN_FORCE,
        release=text(),
        scope=SCOPE,
        phase=text(enum=list(PHASES)),
        strategy=maybe(text()),
        active={"type": "boolean"},
        stage=whole(),
        stages=many({"type": "object"}),
        stage_since=number(),
        requests=whole(description="In this stage, of the route that has fewest."),
        require=maybe(text(enum=list(get_args(Require)))),
        rollback_window=number(),
        guarded_until=maybe(number()),
        verdict=text(enum=VERDICTS),
        sentence=text(),
        needed=maybe(whole()),
        false_alarm=number(description="Of the whole; each route has a part of it."),
        on_breach=text(),
        paused_from=maybe(text(enum=list(PHASES))),
        reason=text(),
        since=number(),
        routes=many(ref("Member")),
    ),
    "Member": record(
        route=text(),
        primary=text(),
        candidate=maybe(text()),
        split=PERCENTS,
        shadows=PERCENTS,
        requests=whole(),
        verdict=text(enum=VERDICTS),
        sentence=text(),
        false_alarm=number(),
        previous=maybe(text()),
        rolled_back=many(text()),
    ),
    "WholeScorecard": record(
        release=text(),
        scope=SCOPE,
        phase=text(enum=list(PHASES)),
        verdict=text(enum=VERDICTS),
        sentence=text(),
        needed=maybe(whole()),
        false_alarm=number(),
        on_breach=text(),
        metrics=many({"allOf": [ref("Line"), record(route=text())]}),
        at_rollback=many({"allOf": [ref("Line"), record(route=text())]}),
    ),
    "WholeGate": record(
        release=text(),
        scope=SCOPE,
        phase=text(enum=list(PHASES)),
        verdict=text(enum=VERDICTS),
        sentence=text(),
        needed=maybe(whole()),
    ),
}
