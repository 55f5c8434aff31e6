"""Shapes of what the admin API answers about what happened (`story_view`), for the OpenAPI document."""

from __future__ import annotations

from proxy.control.api.fleet_shapes import SCOPE
from proxy.control.api.shapes import Schema, many, maybe, number, record, ref, text, whole

_ANY: Schema = {"type": "object"}
_BY: Schema = record(who=text(), action=text(), why=text())
_HEADING: dict[str, Schema] = {
    "id": text(description="ROUTE@NUMBER, after the entry of the audit that began it."),
    "name": text(),
    "candidate": text(),
    "primary": text(),
    "strategy": text(),
    "began": number(description="Unix seconds, likewise all times."),
    "ended": maybe(number()),
    "phase": text(),
    "began_by": _BY,
    "ended_by": maybe(_BY),
    "sentence": text(),
}
_COUNTED: Schema = record(
    requests=whole(description="All that ended, those that asked no model anything too."),
    bad=whole(description="What the version is charged with, by heads and, of those looked at, by bodies."),
    invalid=whole(description="Of these, such as are good by their heads."),
    outcomes={"type": "object", "additionalProperties": whole()},
)

STORY_SHAPES: dict[str, Schema] = {
    "RouteReleases": record(
        route=text(), scope=SCOPE, releases=many(record(**_HEADING)), truncated={"type": "boolean"}
    ),
    "Users": record(
        count=maybe(whole(description="Distinct sticky keys; null: not known, `why` says why.")),
        error=maybe(number(description="Standard error as a part of the count; 0: exact.")),
        at_least={
            "type": "boolean",
            "description": "There may be more: not all requests were looked at.",
        },
        why=text(),
    ),
    "Touched": record(
        versions=text(),
        since=number(description="When counting began; `late`: after the release had."),
        late={"type": "boolean"},
        scope=SCOPE,
        route_requests=whole(),
        live=_COUNTED,
        copies=_COUNTED,
        rescued=whole(description="Requests that the primary answered in place of the candidate."),
        rescued_by_reason={"type": "object", "additionalProperties": whole()},
        users=ref("Users"),
        first_bad=maybe(number()),
        last_bad=maybe(number()),
    ),
    "Story": record(
        route=text(),
        scope=SCOPE,
        facts_scope=text(
            description="Whose requests were looked at: this sidecar's. `touched.scope` says whose were counted."
        ),
        **_HEADING,
        routes=many(text()),
        plan=maybe(_ANY),
        stages=many(
            record(
                stage=whole(),
                began=maybe(number(description="null: it has not begun.")),
                ended=maybe(number()),
                asked=_ANY,
                says=text(description="What it asks for, in words."),
                standing=text(
                    description="`over`, `under way`, `not begun`, or `not reached` before the release ended."
                ),
            )
        ),
        limits=many(record(metric=text(), title=text(), bound=text(), limit=number(), says=text())),
        versions=_ANY,
        differs=many(record(what=text(), candidate=text(), primary=text())),
        changes=many(_ANY),
        moments=many(_ANY),
        touched=maybe(ref("Touched")),
        failed=many(_ANY),
        failed_total=whole(description="Of which `failed` has the first and the newest."),
        disagreements=_ANY,
        kept=_ANY,
    ),
    "StoryExport": record(
        release=text(description="ROUTE@NUMBER."),
        before=whole(description="Number of the entry before the first link; `previous` is its hash."),
        previous=text(),
        links=many(record(body=text(), hash=text())),
        packages=many(text()),
        reports=many(text()),
        facts={"type": "object", "description": "What is kept of the requests, by route; no hash proves it."},
        format=text(),
    ),
    "Explanation": record(
        route=text(),
        scope=SCOPE,
        facts_scope=text(),
        at=number(),
        phase=text(),
        release=maybe(text()),
        over={"type": "boolean"},
        summary=text(
            description="What happened, when, to whom, whether it is over and what comes next, in one breath."
        ),
        what=text(),
        when=text(),
        to_whom=text(),
        why=text(),
        is_it_over=text(),
        done=text(),
        now=many(text()),
        text=text(description="All of it, a paragraph each."),
        entry=maybe(whole()),
        touched=maybe(ref("Touched")),
        findings=many(_ANY),
        warnings=many(_ANY),
        verdicts=many(ref("Line")),
    ),
}
