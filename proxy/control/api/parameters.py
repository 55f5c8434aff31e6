"""What a request may say beside its body: the table of header fields and parameters, and the rule of queries.

An endpoint takes the parameters that its row names, each once where it is no list; one that nobody would read is
refused with its name and the names that are allowed, before anything is done. `openapi` describes by the same table.

Rows that are open take any query: probes and monitors put numbers of their own behind `/healthz`, and a process that
lives must not be called dead for it; the page's address is read by the page.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from aiohttp import web
from aiohttp.typedefs import Handler

from proxy.control.api.endpoints import MAX_AUDIT, Endpoint
from proxy.control.api.fleet_shapes import SCOPE
from proxy.control.api.history_shapes import HISTORY_PARAMETERS
from proxy.control.api.moves import MOVES
from proxy.control.api.problems import ApiError
from proxy.control.api.shapes import Schema, many, number, text, whole

NAMES_OF_METRICS = "name[]"
"""The parameter by which clients of Prometheus ask for some metrics only."""

MAX_SHOWN = 60
"""Characters of a parameter in a refusal."""

PARAMETERS: dict[str, Schema] = {
    "route": {"name": "route", "in": "path", "required": True, "schema": text()},
    "release": {"name": "release", "in": "path", "required": True, "schema": text()},
    "id": {"name": "id", "in": "path", "required": True, "schema": text(), "description": "ROUTE@NUMBER."},
    "at": {"name": "at", "in": "query", "schema": number(minimum=0), "description": "Unix seconds; without it, now."},
    "audit_route": {"name": "route", "in": "query", "schema": text()},
    "after": {"name": "after", "in": "query", "schema": whole(), "description": "Entries after this number."},
    "scope": {
        "name": "scope",
        "in": "query",
        "schema": SCOPE,
        "description": "Of this sidecar alone, or of its fleet; without it, of the fleet where there is one.",
    },
    **HISTORY_PARAMETERS,
    "action": {"name": "action", "in": "query", "required": True, "schema": text(enum=list(MOVES))},
    "body": {"name": "body", "in": "query", "schema": text(), "description": "The body of the change, as JSON."},
    "limit": {"name": "limit", "in": "query", "schema": whole(maximum=MAX_AUDIT)},
    NAMES_OF_METRICS: {
        "name": NAMES_OF_METRICS,
        "in": "query",
        "schema": many(text()),
        "description": "Names of samples, one each time; without it, all.",
    },
    "If-Match": {"name": "If-Match", "in": "header", "schema": text(), "description": "The ETag that was decided on."},
}
"""Keys are those of `Endpoint.parameters` and of the paths."""

_BROKEN = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def of_query(endpoint: Endpoint) -> dict[str, bool]:
    """Names of the query parameters that an endpoint takes, each with whether it may come more than once."""
    rows = [PARAMETERS[key] for key in endpoint.parameters]
    return {row["name"]: row["schema"].get("type") == "array" for row in rows if row["in"] == "query"}


def with_known_query(endpoint: Endpoint, handler: Handler) -> Handler:
    """`handler` for requests whose query it reads whole."""
    if endpoint.open:
        return handler
    allowed, has_body = of_query(endpoint), bool(endpoint.body)

    async def known(request: web.Request) -> web.StreamResponse:
        if query := request.rel_url.raw_query_string:
            check(query, allowed, has_body)
        return await handler(request)

    return known


def check(query: str, allowed: dict[str, bool], has_body: bool = False) -> None:
    """Refuses a query, as it came, that has a parameter that is unknown, doubled or cannot be read. Raises ApiError.

    >>> check("scope=fleet", {"scope": False})
    """
    names = ", ".join(allowed) or ("none; what a change is to do stands in its body" if has_body else "none")
    known: set[str] = set()
    for part in filter(None, query.split("&")):
        name = name_of(part)
        if name is None:
            raise _refused(part, "cannot be read as NAME=VALUE in UTF-8", names)
        if name not in allowed:
            raise _refused(name, "unknown parameter", names)
        if name in known and not allowed[name]:
            raise _refused(name, "stands there more than once", names)
        known.add(name)


def name_of(part: str) -> str | None:
    """The name of a parameter; None where the part is none, or where name or value are no text."""
    raw, equals, value = part.replace("+", " ").partition("=")
    try:
        name, _ = _decoded(raw), _decoded(value)
    except ValueError:
        return None
    return name if name and equals else None


def _decoded(text: str) -> str:
    raw = text.encode()
    if _BROKEN.search(raw):
        raise ValueError("a percent sign without its digits")
    return unquote_to_bytes(raw).decode()


def _refused(what: str, why: str, names: str) -> ApiError:
    shown = what if len(what) <= MAX_SHOWN else f"{what[:MAX_SHOWN]}…"
    return ApiError("malformed", f"{shown}: {why}; allowed: {names}", shown)
