"""The status page's files: read once, served as they are, under a policy that lets the browser do little else.

The page shows names and bodies that strangers chose. It writes them as text only; the policy holds even if it did not:
no script and no style but its own files, no markup from strings (Trusted Types), no request to anywhere else, no frame
around it. The files carry nothing secret, so they are open; what the page shows is asked for under the caller's token.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.resources import files

from aiohttp import web
from msgspec import Struct

from proxy.control.api.problems import ApiError

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}

MEDIA = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}

HOME = "index.html"
SCRIPTS = tuple(
    f"{name}.js"
    for name in (
        *(
            "page",
            "router",
            "held",
            "all_routes",
            "route",
            "route_parts",
            "story",
            "sections",
            "controls",
            "confirm",
            "timeline",
            "fleet",
        ),
        *("over_time", "panels", "plot", "span", "cursor", "past", "sparks"),
        *("dom", "colours", "charts", "feed"),
    )
)

RUNBOOK = "runbook.html"

FILES = (HOME, RUNBOOK, "icon.svg", "page.css", *SCRIPTS)
"""All there is: a request cannot name any other file."""


class Served(Struct, frozen=True):
    """A file, and the entity tag of its content."""

    body: bytes
    media: str
    etag: str


@cache
def served(name: str) -> Served:
    """A file of the page."""
    body = (files("proxy.control.api.page") / name).read_bytes()
    return Served(body, MEDIA[name.rpartition(".")[2]], f'"{sha256(body).hexdigest()[:20]}"')


def serve(request: web.Request, name: str) -> web.Response:
    """The answer to a request for a file of the page. Raises ApiError when there is none of this name."""
    if name not in FILES:
        raise ApiError("not-found", "the status page has no such file")
    file = served(name)
    headers = HEADERS | {"ETag": file.etag}
    if request.headers.get("If-None-Match") == file.etag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=file.body, content_type=file.media, charset="utf-8", headers=headers)
