"""The admin API as an OpenAPI 3.1 document, made from the endpoints themselves and the shapes below.

Every status that an endpoint can answer with is here: a test drives the API with whatever this document allows, and
with what it does not, and finds no other answer.
"""

from __future__ import annotations

from typing import get_args

from proxy import __version__
from proxy.contracts.metrics import Unit
from proxy.contracts.notices import KINDS, SEVERITIES
from proxy.contracts.outcome import OUTCOMES
from proxy.contracts.record import MAX_REQUEST_ID
from proxy.contracts.release import PHASES
from proxy.contracts.settings import Require
from proxy.control.api.effect_view import EFFECT_SHAPES
from proxy.control.api.endpoints import ENDPOINTS, Endpoint
from proxy.control.api.fleet_shapes import FLEET_SHAPES, SCOPE
from proxy.control.api.history_shapes import HISTORY_SHAPES
from proxy.control.api.in_force import IN_FORCE
from proxy.control.api.parameters import PARAMETERS
from proxy.control.api.problems import TITLES
from proxy.control.api.release_shapes import RELEASE_SHAPES
from proxy.control.api.request_bodies import MAX_LABELS, MAX_REASON, MAX_ROWS, STARTABLE
from proxy.control.api.shapes import PERCENTS, VERDICTS, Schema, closed, many, maybe, number, record, ref, text, whole
from proxy.control.api.story_shapes import STORY_SHAPES

NOT_MODIFIED = 304
"""A status without a body."""

UNITS = list(get_args(Unit))


REASON = text(maxLength=MAX_REASON, description="Why; one line, kept in the audit.")
LABEL: Schema = {"type": ["number", "string", "boolean"]}
LABELLED: Schema = record(
    request_id=text(minLength=1, maxLength=MAX_REQUEST_ID),
    label={"anyOf": [LABEL, {"type": "array", "items": LABEL, "minItems": 1, "maxItems": MAX_ROWS}]},
) | {"additionalProperties": False}

TRUNCATED: Schema = {"type": "boolean", "description": "Whether there is more than is shown."}
COUNTS: Schema = {"type": "object", "additionalProperties": whole()}
BY_OUTCOME: Schema = record(**{outcome: whole() for outcome in OUTCOMES})
NAMED = "JSON has neither infinities nor NaN: these are the texts `inf`, `-inf` and `nan`."
FIGURE: Schema = {"type": ["number", "string"], "description": NAMED}
MAYBE_FIGURE: Schema = {"type": ["number", "string", "null"], "description": NAMED}

SCHEMAS: dict[str, Schema] = {
    "Route": record(
        ("in_force", "fleet_left_streams"),
        in_force=IN_FORCE,
        fleet_left_streams=maybe(
            COUNTS | {"description": "The same at all sidecars of the fleet, as each last reported; null: no fleet."}
        ),
        route=text(),
        scope=SCOPE,
        phase=text(enum=list(PHASES)),
        primary=text(),
        split=PERCENTS,
        baseline=maybe(ref("Baseline")),
        shadows=PERCENTS,
        candidates=many(text()),
        release=maybe(ref("Release")),
        verdict=text(enum=VERDICTS),
        sentence=text(),
        on_breach=text(),
        previous=maybe(text()),
        rolled_back=many(text()),
        on_rollback=text(enum=["finish", "reset"]),
        left_streams={
            "type": "object",
            "additionalProperties": whole(),
            "description": "Version that was rolled back to the streams that are still open on it at this sidecar.",
        },
        paused_from=maybe(text(enum=list(PHASES))),
        reason=text(),
        since=number(),
        guarded_until=maybe(number()),
        match={
            "type": "object",
            "description": "What its requests are: `path` or `grpc`, `methods`, names of `headers`, `model`.",
            "additionalProperties": True,
        },
        protocol=text(),
        on_identity_change=text(),
        identities=many(ref("Answering")),
        truncated=TRUNCATED,
        warnings=many(text()),
        notices=many(ref("Notice")),
    ),
    "Notice": record(
        kind=text(enum=[*KINDS], description="Stays the same in other versions; `text` may not."),
        title=text(),
        severity=text(enum=list(SEVERITIES)),
        runbook=text(description="Where this API serves what it means and what to do."),
        text=text(description="As it stands in `warnings`."),
    ),
    "Answering": record(
        version=text(),
        identity=text(description="What the version's answers say of who gave them."),
        asked=text(description="The model that was asked for, where requests name one."),
        n=whole(description="Answers since the evidence began, or since it was first seen."),
    ),
    "Baseline": record(version=text(), percent=number(), reason=text()),
    "Release": record(
        candidate=text(),
        strategy=text(),
        active={"type": "boolean"},
        stage=whole(),
        stages=many({"type": "object"}),
        stage_since=number(),
        requests=whole(),
        arms=PERCENTS,
        left=many(text()),
        require=text(enum=list(get_args(Require))),
        rollback_window=number(),
        false_alarm=number(),
        on_breach=text(),
        name=text(description="Its name: that of the route, or of a release over several."),
        routes=many(text()),
    ),
    "Routes": record(
        scope=SCOPE,
        revision=whole(),
        routes=many(ref("Route")),
        versions=many(text()),
        configuration=record(in_force={"type": "boolean"}, problems=many(ref("Mistake")), checked=number()),
        workers=many(ref("Worker")),
        unsaved=whole(),
        fleet=maybe(text(description="The fleet that the sidecar is in; /v1/fleet says more of it.")),
    ),
    "Mistake": record(path=text(), found=text(), allowed=text()),
    "Worker": record(
        worker=whole(),
        pid=whole(),
        up={"type": "boolean", "description": "Whether it serves: it follows a table and has ticked of late."},
        connected={"type": "boolean"},
        revision=maybe(whole()),
        leased={"type": "boolean"},
    ),
    "Scorecard": record(
        route=text(),
        scope=SCOPE,
        phase=text(enum=list(PHASES)),
        candidates=many(text()),
        verdict=text(enum=VERDICTS),
        sentence=text(),
        needed=maybe(whole()),
        false_alarm=number(),
        false_alarm_at_rollback=number(description="What the lines of `at_rollback` were held to."),
        on_breach=text(),
        metrics=many(ref("Line")),
        baseline=many(ref("Line")),
        at_rollback=many(ref("Line")),
    ),
    "Line": record(
        metric=text(),
        title=text(description="The metric in words."),
        unit=maybe(text(enum=UNITS, description="Of reference; of value and limit, unless the bound is `max_ratio`.")),
        version=text(),
        bound=text(),
        verdict=text(enum=VERDICTS),
        value=MAYBE_FIGURE,
        says=text(description="The value in words; why there is none where there is none."),
        limit=maybe(number()),
        reference=MAYBE_FIGURE,
        n=whole(),
        lost=whole(),
        shadow=MAYBE_FIGURE,
        n_shadow=whole(),
        needed=maybe(whole()),
        evidence=FIGURE,
        sentence=text(),
        proved={"type": "boolean"},
        assumed={"type": "boolean", "description": "Whether nobody asked for the line, and it is judged all the same."},
        counts={
            "type": "boolean",
            "description": "Whether the verdict on all lines, and the stage, wait for it.",
        },
    ),
    "Gate": record(
        route=text(),
        scope=SCOPE,
        phase=text(enum=list(PHASES)),
        verdict=text(enum=VERDICTS),
        sentence=text(),
        needed=maybe(whole()),
    ),
    "Traffic": record(
        route=text(),
        scope=SCOPE,
        window=number(),
        fleet=maybe(ref("FleetTraffic")),
        arms=many(ref("Arm")),
        shadows=many(
            record(version=text(), owed=whole(), coverage=maybe(number(minimum=0, maximum=1)), dropped=COUNTS)
        ),
        rescued=many(record(version=text(), reason=text(), count=whole())),
        rejected=COUNTS,
        overhead=record(n=whole(), p50=maybe(number()), p99=maybe(number())),
    ),
    "FleetTraffic": record(
        window=number(description="Seconds that it is of: less than a minute where a judge has just begun."),
        sidecars=whole(description="Sidecars that it is of, this one included."),
        arms=many(record(version=text(), role=text(), recent=BY_OUTCOME, total=ref("Latency"))),
    ),
    "Arm": record(
        version=text(),
        role=text(),
        legs=whole(),
        n=whole(description="Inferences whose outcome counts: good, failed, refused and abandoned ones."),
        bad=whole(description="Failed inferences."),
        bad_ratio=maybe(number(description="Part of n.")),
        outcomes=BY_OUTCOME | {"description": "By head and connection; what bodies say is in `invalid`."},
        recent=BY_OUTCOME | {"description": "Likewise, of the last minute."},
        analysed=whole(description="Inferences answered with success whose body was looked at."),
        invalid=COUNTS | {"description": "Those among them whose body says that they failed, by reason."},
        codes=COUNTS,
        inflight=whole(),
        total=ref("Latency"),
        first_byte=ref("Latency"),
    ),
    "Latency": record(n=whole(), p50=maybe(number()), p90=maybe(number()), p99=maybe(number())),
    "Distribution": record(
        kind=text(enum=["number", "category"]),
        edges=many(number()),
        categories=many(text()),
        reference=many(number()),
        live=many(number()),
    ),
    "Drift": record(
        route=text(),
        scope=SCOPE,
        features=many(ref("Feature")),
        measured=whole(description="Features that there are, of all versions."),
        truncated=TRUNCATED,
        findings=many(ref("Finding")),
        proposed=many(
            record(
                feature=text(),
                side=text(),
                kind=text(enum=["identifier", "timestamp"]),
                ignore=text(description="What `analysis.ignore` would say."),
            ),
        ),
    ),
    "Finding": record(
        version=text(),
        kind=text(enum=["unknown", "steady", "world", "model", "both"]),
        sentence=text(),
        features=many(text()),
        disagreement=maybe(number()),
        pairs=whole(),
        rows=whole(),
    ),
    "Feature": record(
        feature=text(),
        side=text(),
        version=text(),
        role=text(),
        psi=FIGURE,
        evidence=FIGURE,
        drifted={"type": "boolean"},
        n=whole(),
        detected=maybe(whole()),
        distribution=maybe(ref("Distribution")),
    ),
    "Disagreements": record(route=text(), scope=SCOPE, versions=many(ref("Disagreement"))),
    "Disagreement": record(
        version=text(),
        pairs=whole(),
        disagreements=whole(),
        ratio=maybe(number()),
        sampled=whole(),
        kinds={"type": "object", "additionalProperties": whole()},
        examples=many(
            record(
                request_id=text(),
                started=number(),
                version=text(),
                kind=text(),
                shift=MAYBE_FIGURE,
                detail={"type": "object"},
                truncated={"type": "boolean"},
                row=whole(),
                comparer=text(),
            )
        ),
        kept=whole(description="Examples that there are."),
        truncated=TRUNCATED,
    ),
    "Outcomes": record(joined=whole(), duplicate=whole(), unknown=whole(), mismatch=whole()),
    "Audit": record(
        scope=SCOPE, head=record(count=whole(), hash=text()), truncated=TRUNCATED, entries=many(ref("Entry"))
    ),
    "Entry": record(
        seq=whole(),
        at=number(),
        who=text(),
        action=text(),
        route=text(),
        why=text(),
        before={},
        after={},
        evidence={},
        lineage={},
        previous=text(),
        hash=text(),
        examples=many(text()),
        identity=maybe(record(version=text(), before=many(text()), after=many(text()))),
        beside={"type": "object", "description": "The other routes of a release over several, as before and after."},
    ),
    **RELEASE_SHAPES,
    **STORY_SHAPES,
    **FLEET_SHAPES,
    **HISTORY_SHAPES,
    **EFFECT_SHAPES,
    "Status": record(status=text()),
    "Problem": record(optional=("field",), type=text(), title=text(), status=whole(), detail=text(), field=text()),
    "SplitBody": {"anyOf": [PERCENTS, closed(split=PERCENTS, reason=REASON)]},
    "ShadowsBody": {"anyOf": [PERCENTS, closed(shadows=PERCENTS, reason=REASON)]},
    "ReasonBody": closed(reason=REASON),
    "UndoBody": closed(reason=REASON, give_traffic={"type": "boolean", "description": "A bad version may come back."}),
    "FeedbackBody": {"anyOf": [LABELLED, {"type": "array", "items": LABELLED, "maxItems": MAX_LABELS}]},
    "PromoteBody": closed(reason=REASON, version=text()),
    "ReleaseBody": closed(
        reason=REASON,
        candidate=text(),
        strategy=text(enum=list(STARTABLE)),
        stages=many(closed(shadow=number(), canary=number(), requests=whole(), duration=number())),
        accept_risk={"type": "boolean"},
        rollback_window=number(),
    ),
}


def describe() -> Schema:
    """The whole document."""
    paths: dict[str, Schema] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Penumbra admin API", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def operation(endpoint: Endpoint) -> Schema:
    """One endpoint: its parameters, its body, and every answer."""
    names = [name for name in ("route", "release", "id") if f"{{{name}}}" in endpoint.path] + list(endpoint.parameters)
    described: Schema = {
        "operationId": endpoint.operation or endpoint.handler,
        "summary": endpoint.summary,
        "parameters": [PARAMETERS[name] for name in names],
        "responses": answers(endpoint),
    }
    if endpoint.body:
        content = {"application/json": {"schema": ref(endpoint.body)}}
        described["requestBody"] = {"required": endpoint.method == "PUT", "content": content}
    return described


def answers(endpoint: Endpoint) -> Schema:
    """Status to answer: what the endpoint gives, and the problems that it can have."""
    media = {endpoint.media: {"schema": ref(endpoint.answer)} if endpoint.answer else {}}
    good = {
        str(status): {"description": why} | ({} if status == NOT_MODIFIED else {"content": media})
        for status, why in endpoint.statuses
    }
    problems: dict[str, Schema] = {}
    for kind in endpoint.problems:
        status, title = TITLES[kind]
        content = {"application/problem+json": {"schema": ref("Problem")}}
        problems.setdefault(str(status), {"description": title, "content": content})
    return problems | good
