"""The admin API as a table: what there is, what it takes, and every answer it can give. `handlers` routes by it,
`openapi` describes by it, `parameters` refuses by it."""

from __future__ import annotations

from msgspec import Struct

MAX_AUDIT = 1000
"""Entries of one answer; the rest is read on with `after`."""

_LOOK = ("malformed", "forbidden", "unauthorized", "too-large")
_ROUTE = (*_LOOK, "unknown-route")
_RELEASE = (*_LOOK, "unknown-release")
_CHANGE = (*_ROUTE, "refused", "differs", "changed", "media-type", "invalid", "not-stored", "no-judge")

_TOGETHER = tuple("unknown-release" if kind == "unknown-route" else kind for kind in _CHANGE)

_SCOPED, _SCOPED_RELEASE, _SCOPED_ALL = (
    {"problems": (*problems, "invalid"), "parameters": ("scope",)} for problems in (_ROUTE, _RELEASE, _LOOK)
)


class Endpoint(Struct, frozen=True):
    """A row of the admin API."""

    method: str
    """The method of HTTP."""
    path: str
    """The path, with its parameters in braces."""
    handler: str
    """Name of a method of `handlers.Api`."""
    summary: str
    """One phrase for the OpenAPI document and docs/api.md."""
    answer: str = ""
    """Name of the schema of the answer; empty: none."""
    body: str = ""
    """Name of the schema of the request's body; empty: none."""
    problems: tuple[str, ...] = _ROUTE
    """Refusals that it may answer, by their type (`problems.TITLES`)."""
    parameters: tuple[str, ...] = ()
    """Names of header fields and query parameters (`parameters.PARAMETERS`)."""
    statuses: tuple[tuple[int, str], ...] = ((200, "As asked"),)
    """Statuses that are no problem, each with its meaning."""
    media: str = "application/json"
    """Media type of the answer."""
    open: bool = False
    """True where probes may ask without a token."""
    apart: bool = False
    """True where the answer is made outside the loop, or has no end: others need not wait for it."""
    operation: str = ""
    """Name of the operation for OpenAPI; empty: that of the handler."""


def _look(path: str, handler: str, summary: str, answer: str, **more: object) -> Endpoint:
    return Endpoint("GET", path, handler, summary, answer, **more)  # type: ignore[arg-type]


def _change(method: str, action: str, handler: str, summary: str, body: str) -> Endpoint:
    path = f"/v1/routes/{{route}}/{action}"
    return Endpoint(method, path, handler, summary, "Route", body, _CHANGE, parameters=("If-Match",))


def _effect(path: str, handler: str, summary: str, problems: tuple[str, ...]) -> Endpoint:
    kinds = tuple(kind for kind in problems if kind not in ("media-type", "no-judge"))
    return _look(path, handler, summary, "Effect", problems=kinds, parameters=("action", "body", "If-Match"))


def _together(action: str, summary: str) -> Endpoint:
    path = f"/v1/releases/{{release}}/{action}"
    return Endpoint(
        "POST",
        path,
        "release_command",
        summary,
        "WholeRelease",
        "UndoBody" if action == "undo" else "ReasonBody",
        _TOGETHER,
        parameters=("If-Match",),
        operation=f"{action}_together",
    )


TOGETHER = {
    "release": "Start a release on all of its routes, as configured",
    "promote": "Make the candidates the primaries, on all routes of a release",
    "rollback": "All traffic to the primaries, on all routes of a release",
    "pause": "Hold the weight of a release as it is; a breach still acts",
    "resume": "Go on with a release where it was paused",
    "undo": "Put back the last change of a release by a person",
}
"""Commands on a whole release."""

FOUND = ((200, "As asked"), (304, "As before"))
"""Statuses of an answer that has a tag."""

GATE = ((200, "Pass"), (409, "Fail"), (425, "Undecided"))
"""Endpoint for Flagger's confirm hooks. Argo's `web` metric takes all but 2xx for errors, so it asks the route."""

ENDPOINTS = (
    _look(
        "/v1/routes", "routes", "All routes, the workers, and the state of the configuration", "Routes", **_SCOPED_ALL
    ),
    _look(
        "/v1/routes/{route}",
        "route",
        "One route",
        "Route",
        **_SCOPED,
    ),
    _change("PUT", "split", "put_split", "Split live traffic by hand; the rest goes to the primary", "SplitBody"),
    _change("PUT", "shadows", "put_shadows", "Say which versions get copies of how many requests", "ShadowsBody"),
    _change(
        "POST", "release", "post_release", "Start a release; without a candidate the configured one", "ReleaseBody"
    ),
    _change("POST", "promote", "post_promote", "Make the candidate the primary", "PromoteBody"),
    _change("POST", "rollback", "post_rollback", "All traffic to the primary", "ReasonBody"),
    _change("POST", "pause", "post_pause", "Hold the weight as it is; a breach still acts", "ReasonBody"),
    _change("POST", "resume", "post_resume", "Go on where it was paused", "ReasonBody"),
    _change("POST", "undo", "post_undo", "Put back the last change by a person", "UndoBody"),
    _effect("/v1/routes/{route}/effect", "effect", "What a change would do, in facts and one sentence", _CHANGE),
    _look(
        "/v1/routes/{route}/scorecard",
        "scorecard",
        "Verdict, value, limit and n of each metric",
        "Scorecard",
        **_SCOPED,
    ),
    _look("/v1/routes/{route}/traffic", "traffic", "Counts and latencies of each version", "Traffic", **_SCOPED),
    _look(
        "/v1/routes/{route}/drift", "drift", "How far features are from the profile; world or model", "Drift", **_SCOPED
    ),
    _look(
        "/v1/routes/{route}/disagreements",
        "disagreements",
        "How often copies differ, and the worst examples",
        "Disagreements",
        **_SCOPED,
    ),
    _look(
        "/v1/routes/{route}/history",
        "history",
        "What a route did in each second or minute of a range, and what was changed",
        "History",
        problems=(*_ROUTE, "invalid", "not-found"),
        parameters=("from", "to", "step", "series", "scope", "If-None-Match"),
        statuses=FOUND,
        apart=True,
    ),
    _look(
        "/v1/history",
        "histories",
        "The same of all routes, in few series and few steps",
        "Histories",
        problems=(*_LOOK, "invalid", "not-found"),
        parameters=("from", "to", "step", "series", "scope", "If-None-Match"),
        statuses=FOUND,
        apart=True,
    ),
    _look("/v1/routes/{route}/gate", "gate", "200 pass, 409 fail, 425 undecided", "Gate", statuses=GATE, **_SCOPED),
    _look(
        "/v1/routes/{route}/releases",
        "route_releases",
        "The releases of a route, past and present, newest first",
        "RouteReleases",
        problems=(*_ROUTE, "invalid", "not-read"),
        parameters=("scope",),
    ),
    _look(
        "/v1/routes/{route}/releases/{id}",
        "route_story",
        "The story of one release: plan, stages, verdicts, who, why, whom it touched",
        "Story",
        problems=(*_ROUTE, "invalid", "not-read", "not-found"),
        parameters=("scope",),
    ),
    _look(
        "/v1/routes/{route}/releases/{id}/export",
        "story_document",
        "The same as the one document that `penumbra audit verify` proves",
        "StoryExport",
        problems=(*_ROUTE, "invalid", "not-read", "not-found", "refused"),
        parameters=("scope",),
    ),
    _look(
        "/v1/routes/{route}/releases/{id}/export.html",
        "story_page",
        "The same as one page",
        problems=(*_ROUTE, "invalid", "not-read", "not-found", "refused"),
        parameters=("scope",),
        answer="",
        media="text/html",
    ),
    _look(
        "/v1/routes/{route}/explain",
        "explain",
        "What happened, when, to whom, why, is it over, what was done, what to do",
        "Explanation",
        problems=(*_ROUTE, "invalid", "not-read"),
        parameters=("at", "scope"),
    ),
    _look("/v1/fleet", "fleet", "The fleet: members, judge, who is behind", "Fleet", problems=(*_LOOK, "not-found")),
    _look("/v1/releases", "releases", "All releases, each with its routes", "Releases", **_SCOPED_ALL),
    _look("/v1/releases/{release}", "release", "One release", "WholeRelease", **_SCOPED_RELEASE),
    *(_together(action, summary) for action, summary in TOGETHER.items()),
    _effect("/v1/releases/{release}/effect", "release_effect", "What a change of a release would do", _TOGETHER),
    _look(
        "/v1/releases/{release}/scorecard",
        "release_scorecard",
        "Every line of every route of a release",
        "WholeScorecard",
        **_SCOPED_RELEASE,
    ),
    _look(
        "/v1/releases/{release}/gate",
        "release_gate",
        "200 pass, 409 fail, 425 undecided, of a whole release",
        "WholeGate",
        **_SCOPED_RELEASE,
        statuses=GATE,
    ),
    Endpoint(
        "POST",
        "/v1/feedback",
        "feedback",
        "Labels that came late: one, or a list; says what became of them",
        "Outcomes",
        "FeedbackBody",
        (*_LOOK, "media-type", "invalid"),
    ),
    Endpoint(
        "POST",
        "/v1/routes/{route}/gate",
        "ask_gate",
        "As GET, for those who can only POST; the body is not looked at",
        "Gate",
        problems=(*_ROUTE, "invalid"),
        parameters=("scope",),
        statuses=GATE,
    ),
    _look(
        "/v1/audit",
        "audit",
        "Who changed what, when and why: the newest, or those after a number",
        "Audit",
        problems=(*_LOOK, "invalid", "not-read"),
        parameters=("audit_route", "after", "limit", "scope"),
    ),
    _look(
        "/v1/events",
        "events",
        "Everything above, as server-sent events whenever it changes: path, etag, document",
        "",
        problems=(*_LOOK, "invalid", "too-many"),
        parameters=("scope",),
        media="text/event-stream",
        apart=True,
    ),
    _look("/metrics", "metrics", "For Prometheus", "", problems=_LOOK, parameters=("name[]",), media="text/plain"),
    _look("/healthz", "healthz", "This process lives", "Status", problems=_LOOK[:1], open=True),
    _look(
        "/readyz",
        "readyz",
        "Traffic can be served",
        "Status",
        problems=_LOOK[:1],
        statuses=((200, "Ready"), (503, "Draining, or no worker yet")),
        open=True,
    ),
    _look("/openapi.json", "openapi", "This document", "", problems=_LOOK),
    _look(
        "/runbook",
        "runbook",
        "What each kind of warning means, and what to do",
        "",
        problems=_LOOK[:2],
        media="text/html",
        open=True,
    ),
    _look("/", "page", "The status page", "", problems=_LOOK[:2], media="text/html", open=True),
)
