"""The document of the admin API about what a change would do, and its shape."""

from __future__ import annotations

from typing import Any

from proxy.contracts.release import PHASES
from proxy.control.api import verdicts
from proxy.control.api.fleet_shapes import SCOPE
from proxy.control.api.shapes import PERCENTS, Schema, many, maybe, number, record, ref, text, whole
from proxy.control.effect_words import sentence
from proxy.control.effects import Effect, RouteEffect
from proxy.control.engine import Engine
from proxy.release.audit import plain


def effect(engine: Engine, name: str, found: Effect) -> dict[str, Any]:
    """The effect of a change that was asked about by a route."""
    scope = verdicts.scope_in(engine)
    return {
        "route": name,
        "scope": scope,
        "action": found.action,
        "release": found.release or None,
        "sentence": sentence(found, " of this sidecar" if scope == "fleet" else ""),
        "changes": found.changes,
        "gives_traffic": found.gives,
        "routes": [_of_route(each) for each in found.routes],
    }


def _of_route(each: RouteEffect) -> dict[str, Any]:
    return {
        "route": each.route,
        "before": plain(each.before),
        "after": plain(each.after),
        "moved": [{"from": flow.source, "to": flow.target, "percent": flow.percent} for flow in each.moved],
        "of": "users" if each.sticky else "requests",
        "keyless": each.keyless,
        "streams": each.streams,
        "streams_end": list(each.resets),
        "evidence": each.evidence,
        "rolled_back": list(each.rolled_back),
        "let_in": list(each.let_in),
        "window": each.window,
    }


EFFECT_SHAPES: dict[str, Schema] = {
    "Effect": record(
        ("etag",),
        route=text(),
        scope=SCOPE,
        action=text(),
        release=maybe(text(description="The release over several routes that moves as one.")),
        sentence=text(description="All of it in words."),
        changes={"type": "boolean", "description": "Whether traffic, copies, phase or stage become others."},
        etag=text(description="The tag of what it was said of: as If-Match of the change, so that no other is made."),
        gives_traffic={"type": "boolean", "description": "Whether a version gets more traffic, or copies."},
        routes=many(ref("RouteEffect")),
    ),
    "RouteEffect": record(
        route=text(),
        before=ref("Standing"),
        after=ref("Standing"),
        moved=many(
            {
                "type": "object",
                "properties": {"from": text(), "to": text(), "percent": number()},
                "required": ["from", "to", "percent"],
                "description": "Live traffic that changes its version, in percent of all of the route, largest first.",
            }
        ),
        of=text(enum=["users", "requests"], description="What the parts are of: users, where the route is sticky."),
        keyless=number(description="Part of the requests whose sticky key cannot be read: they are of no user."),
        streams={
            "type": "object",
            "additionalProperties": whole(),
            "description": "Streams that are open at this sidecar on versions that lose all their traffic.",
        },
        streams_end=many(text(description="A version whose streams end within seconds (`on_rollback`).")),
        evidence={
            "type": "object",
            "additionalProperties": text(enum=["anew", "goes on", "ends"]),
            "description": "What becomes of the evidence on each version that is, or was, under judgement.",
        },
        rolled_back=many(text(description="A version that gets live traffic again only by another change.")),
        let_in=many(text(description="A version that was rolled back, and no longer is.")),
        window=number(description="Seconds for which a version that is promoted is guarded."),
    ),
    "Standing": record(
        phase=text(enum=list(PHASES)),
        primary=text(),
        split=PERCENTS,
        shadows=PERCENTS,
        stage=whole(description="From 1; 0 without one."),
        stages=whole(),
    ),
}
