"""What a request carries: names of its path, numbers of its query, its body, the tags that it was decided on, and the
certificate of who asks. What cannot be read is a refusal that names the field."""

from __future__ import annotations

from aiohttp import web

from proxy.control.api import request_bodies
from proxy.control.api.problems import ApiError
from proxy.tls.peer import names

MAX_DIGITS = 40
"""Characters of a number in a query. Python reads 4,300 digits, zeros included."""


def names_shown(request: web.Request) -> tuple[str, ...]:
    """Names of the certificate that the client has shown, of an authority that is trusted; (): none."""
    return names(request.get_extra_info("peercert"))


def name_of(request: web.Request) -> str:
    """The route that the path names."""
    return request.match_info["route"]


def whole(request: web.Request, name: str, default: int, most: int) -> int:
    """A whole number of the query, from 0 to `most`. Raises ApiError."""
    text = request.query.get(name)
    if text is None:
        return default
    allowed = f"allowed: a whole number from 0 to {most}"
    if len(text) > MAX_DIGITS:
        raise ApiError("malformed", f"{name}: found {len(text):,} characters; {allowed}", name)
    if not text.isascii() or not text.isdecimal() or int(text) > most:
        raise ApiError("invalid", f"{name}: found {text!r}; {allowed}", name)
    return int(text)


_MEDIA = frozenset(("application/json", "application/x-www-form-urlencoded", "application/octet-stream"))
"""JSON, and what `curl -d` and clients that say nothing call it; `access` keeps foreign pages out, whatever they call
it.
"""


async def body_of(request: web.Request, most: int = request_bodies.MAX_BODY, *, any_type: bool = False) -> bytes:
    """The body, of a media type that JSON may have. Raises ApiError."""
    try:
        body = await request.read()
    except ConnectionError:  # nobody reads the answer, and nothing failed here
        raise ApiError("malformed", "the connection ended within the body") from None
    if len(body) > most:
        raise ApiError("too-large", f"found {len(body):,} bytes; allowed: {most:,}")
    if body and not any_type and request.content_type not in _MEDIA:
        raise ApiError("media-type", f"found {request.content_type}; allowed: application/json")
    return body


def if_match(request: web.Request, have: str) -> None:
    """Refuses what was decided on another picture. RFC 9110 §13.1.1: strong comparison with any of the tags."""
    wanted = request.headers.get("If-Match")
    if wanted is None or wanted.strip() == "*":
        return
    if have not in [tag.strip() for tag in wanted.split(",")]:
        raise ApiError("changed", f"the route is now {have}", headers={"ETag": have})
