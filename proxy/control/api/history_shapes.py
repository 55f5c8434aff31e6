"""Shapes of the history in the OpenAPI document."""

from __future__ import annotations

from proxy.control.api.fleet_shapes import SCOPE
from proxy.control.api.shapes import Schema, many, maybe, number, record, ref, text, whole
from proxy.control.history.tiers import STEPS

VALUES: Schema = many({"type": ["number", "string", "null"]}) | {
    "description": "One for each step. null: unknown, 0: nothing; `inf` and `-inf` are texts."
}

_TIMES: dict[str, Schema] = {
    "scope": SCOPE,
    "from": number(description="Unix seconds at the beginning of the first step."),
    "to": number(description="Unix seconds at the end of the last step."),
    "step": whole(description="Seconds of a step."),
    "until": number(description="Unix seconds up to which it is whole; what comes after is still to come."),
    "times": record(start=whole(), step=whole(), n=whole()),
}

HISTORY_SHAPES: dict[str, Schema] = {
    "History": record(route=text(), series=many(ref("Series")), changes=many(ref("Mark")), **_TIMES),
    "Histories": record(
        routes=many(record(route=text(), series=many(ref("Series")))), changes=many(ref("Mark")), **_TIMES
    ),
    "Series": record(
        (
            "of",
            "counts",
            "due",
            "pairs",
            "analysed",
            "n",
            "line",
            "metric",
            "bound",
            "limit",
            "feature",
            "side",
            "drifted",
        ),
        name=text(),
        version=maybe(text()),
        role=maybe(text()),
        unit=text(description="Of the values: `threshold` is the way to a breach, which is 1."),
        values=VALUES,
        of=text(description="What a ratio is a part of."),
        counts=many(maybe(whole())) | {"description": "How many of them a ratio counts."},
        due=many(maybe(whole())),
        pairs=many(maybe(whole())),
        analysed=many(maybe(whole())),
        n=many(maybe(whole())) | {"description": "Observations that a value rests on."},
        line=text(description="Line of the scorecard: metric and limit."),
        metric=text(),
        bound=text(),
        limit={"type": ["number", "string", "null"]},
        feature=text(),
        side=text(),
        drifted={"type": "boolean"},
    ),
    "Mark": record(
        ("route", "release"),
        route=text(),
        at=number(),
        kind=text(),
        who=text(),
        action=text(),
        reason=text(),
        before=maybe(ref("MarkState")),
        after=maybe(ref("MarkState")),
        release=text(description="Name of the release that it is part of."),
        audit=whole(description="Number of the entry of the audit."),
    ),
    "MarkState": record(
        phase=text(),
        primary=text(),
        candidates=many(text()),
        stage=maybe(whole()),
        split={"type": "object", "additionalProperties": number()},
        shadows={"type": "object", "additionalProperties": number()},
    ),
}

HISTORY_PARAMETERS: dict[str, Schema] = {
    "from": {
        "name": "from",
        "in": "query",
        "schema": number(minimum=0),
        "description": "Unix seconds; an hour before `to` where it is not said.",
    },
    "to": {"name": "to", "in": "query", "schema": number(minimum=0), "description": "Unix seconds; else now."},
    "step": {
        "name": "step",
        "in": "query",
        "schema": number(minimum=0, maximum=STEPS[-1]),
        "description": "Seconds; the answer has the shortest step that is not shorter and makes 600 at most.",
    },
    "series": {
        "name": "series",
        "in": "query",
        "schema": text(),
        "description": "Names of series, whole or up to the first dot, with commas between.",
    },
    "If-None-Match": {"name": "If-None-Match", "in": "header", "schema": text()},
}
